"""What the database and the site files know of the codes in a batch of scans, and of the orders behind them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.among import among
from plumbline.linking import EVERYWHERE, Catalogue, Identity, Known
from plumbline.material import Coded, DeliveryUnit, Line
from plumbline.site import SiteFile
from plumbline.text import Text
from tracking_service import company
from tracking_service.linking.tables import line_code
from tracking_service.tables import delivery_unit, material_line, orders

_LINE: Final = material_line.c
#: The columns that make a `Line`.
LINE_COLUMNS: Final[Sequence[ColumnElement[Any]]] = (
    *(_LINE.id, _LINE.order_number, _LINE.line, _LINE.title_en, _LINE.title_zh, _LINE.unit, _LINE.expected, _LINE.gtin),
    *(_LINE.batch, _LINE.label, _LINE.needed_by, _LINE.certificate_required, orders.c.site),
)
_UNITS: Final = (
    select(
        *(delivery_unit.c.sscc, delivery_unit.c.quantity.label("unit_quantity"), delivery_unit.c.delivery_note),
        *LINE_COLUMNS,
    )
    .join(material_line, material_line.c.id == delivery_unit.c.line_id)
    .join(orders, orders.c.number == material_line.c.order_number)
    .where(among(delivery_unit.c.sscc, "values"))
    .order_by(delivery_unit.c.sscc, delivery_unit.c.line_id)
)
_CODES: Final = (
    select(line_code.c.code, line_code.c.quantity.label("coded_quantity"), *LINE_COLUMNS)
    .join(material_line, material_line.c.id == line_code.c.line_id)
    .join(orders, orders.c.number == material_line.c.order_number)
    .where(among(line_code.c.code, "values"))
    .order_by(material_line.c.order_number, material_line.c.ordinal)
)


async def look_up(
    connection: AsyncConnection, identities: Iterable[Identity], names: Mapping[tuple[str, str], Known] | None = None
) -> Catalogue:
    """Fetch the lines and units that these identities may belong to; `names` are the badges and tags (see `names_of`)."""
    found = tuple(identities)
    units = {identity.sscc for identity in found if identity.sscc is not None}
    items = {identity.gtin for identity in found if identity.gtin is not None}
    numbers = {identity.own[0] for identity in found if identity.own is not None}
    # a label is at most 256 characters and holds no NUL: what is not so can match nothing
    texts = _bounded((identity.text for identity in found), 256)
    plain = _bounded((one.text for one in found if one.own is None and one.sscc is None and one.gtin is None), 256)
    by_unit: dict[str, list[DeliveryUnit]] = defaultdict(list)
    if units:
        for row in await connection.execute(_UNITS, {"values": _bounded(units, 18)}):
            by_unit[row.sscc].append(DeliveryUnit(row.sscc, line_of(row), row.unit_quantity, row.delivery_note))
    people = await company.names_of(connection, sorted(texts))
    return Catalogue(
        units=by_unit,
        items=await _lines(connection, material_line.c.gtin, _bounded(items, 14)),
        orders=await _lines(connection, material_line.c.order_number, _bounded(numbers, 64)),
        labels=await _lines(connection, material_line.c.label, plain),
        codes=await _codes(connection, plain | _bounded(items, 14)),
        names={**(names or {}), **{(EVERYWHERE, code): known for code, known in people.items()}},
    )


def names_of(sites: Iterable[SiteFile]) -> Mapping[tuple[str, str], Known]:
    """Badges of people and tags of machines, by site and code."""
    return {
        (site.id, code): Known(
            "person" if device.kind == "person" else "equipment", device.id, Text(device.title_en, device.title_zh)
        )
        for site in sites
        for device in site.devices
        for code in device.codes
    }


def line_of(row: Any) -> Line:
    """A row of `LINE_COLUMNS` as the domain has it."""
    return Line(
        id=row.id,
        order=row.order_number,
        number=row.line,
        site=row.site,
        title=Text(row.title_en, row.title_zh),
        unit=row.unit,
        expected=row.expected,
        gtin=row.gtin,
        batch=row.batch,
        label=row.label,
        needed_by=row.needed_by,
        certificate_required=row.certificate_required,
    )


async def _codes(connection: AsyncConnection, values: set[str]) -> Mapping[str, Sequence[Coded]]:
    by_code: dict[str, list[Coded]] = defaultdict(list)
    if values:
        for row in await connection.execute(_CODES, {"values": values}):
            by_code[row.code].append(Coded(line_of(row), row.coded_quantity))
    return by_code


def _bounded(codes: Iterable[str], length: int) -> set[str]:
    return {code for code in codes if len(code) <= length and "\0" not in code}


async def _lines(connection: AsyncConnection, column: ColumnElement[Any], values: set[str]) -> dict[str, Sequence[Line]]:
    by_value: dict[str, list[Line]] = defaultdict(list)
    if values:
        for row in await connection.execute(_found_by(column), {"values": values}):
            by_value[row.found_by].append(line_of(row))
    return dict(by_value)


@cache
def _found_by(column: ColumnElement[Any]) -> Any:
    """The lines whose `column` is one of `values`; made once, for scans come one by one."""
    return (
        select(column.label("found_by"), *LINE_COLUMNS)
        .join(orders, orders.c.number == material_line.c.order_number)
        .where(among(column, "values"))
        .order_by(material_line.c.order_number, material_line.c.ordinal)
    )
