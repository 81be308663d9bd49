"""The manifest of a site as the database has it now: what is expected, what of it is here, what belongs elsewhere."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.inbox import inbox
from plumbline.linking import ANONYMOUS, is_item
from plumbline.manifest import Content, Elsewhere, ExpectedCode, ExpectedLine, ExpectedOrder, ExpectedUnit, KnownCode
from plumbline.site import SiteFile
from plumbline.text import amount
from tracking_service.company.tables import company_code
from tracking_service.linking.tables import line_code
from tracking_service.tables import certificate, delivery_unit, evidence, material_line, orders

#: So many of the newest scans whose pieces nothing tells apart are named: a gateway counts those itself until it sees them.
COUNTED: Final = 8192

_Rows = Sequence[Row[Any]]


async def content(connection: AsyncConnection, site: str, file: SiteFile | None) -> Content:
    """Put the manifest of `site` together; `file` names its people and machines."""
    lines = (
        await connection.execute(
            select(material_line, orders.c.site)
            .join(orders, orders.c.number == material_line.c.order_number)
            .order_by(material_line.c.order_number, material_line.c.ordinal)
        )
    ).all()
    units = (
        await connection.execute(
            select(delivery_unit, material_line.c.order_number, material_line.c.line, orders.c.site)
            .join(material_line, material_line.c.id == delivery_unit.c.line_id)
            .join(orders, orders.c.number == material_line.c.order_number)
            .order_by(delivery_unit.c.sscc, delivery_unit.c.line_id)
        )
    ).all()
    titles = (await connection.execute(select(orders.c.number, orders.c.title_en, orders.c.title_zh))).all()
    codes: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in await connection.execute(select(line_code).order_by(line_code.c.line_id, line_code.c.code)):
        codes[row.line_id].append(row)
    return Content(
        orders=_orders(
            {str(row.number): row for row in titles},
            [row for row in lines if row.site == site],
            await _pieces(connection, site),
            await _certificates(connection),
            codes,
        ),
        units=tuple(
            ExpectedUnit(
                sscc=row.sscc,
                order=row.order_number,
                line=row.line,
                quantity=amount(row.quantity),
                delivery_note=row.delivery_note,
            )
            for row in units
            if row.site == site
        ),
        counted=await _counted(connection, site),
        elsewhere=_elsewhere([row for row in lines if row.site != site], codes, [row for row in units if row.site != site]),
        known=(*_known(file), *await _everywhere(connection, file)),
    )


def _orders(
    titles: Mapping[str, Any],
    lines: _Rows,
    pieces: Mapping[str, Sequence[str]],
    certificates: Mapping[str, Sequence[str]],
    codes: Mapping[str, _Rows],
) -> tuple[ExpectedOrder, ...]:
    by_order: dict[str, list[ExpectedLine]] = defaultdict(list)
    for row in lines:
        arrived: Decimal = row.arrived
        by_order[row.order_number].append(
            ExpectedLine(
                line=row.line,
                title_en=row.title_en,
                title_zh=row.title_zh,
                unit=row.unit,
                quantity=amount(row.expected),
                arrived=amount(arrived),
                gtin=row.gtin,
                batch=row.batch,
                label=row.label,
                codes=tuple(ExpectedCode(code=one.code, quantity=amount(one.quantity)) for one in codes.get(row.id, ())),
                certificate_required=row.certificate_required,
                certificates=tuple(certificates.get(row.id, ())),
                pieces=tuple(pieces.get(row.id, ())),
            )
        )
    return tuple(
        ExpectedOrder(
            number=number, title_en=titles[number].title_en, title_zh=titles[number].title_zh, lines=tuple(by_order[number])
        )
        for number in sorted(by_order)
    )


async def _pieces(connection: AsyncConnection, site: str) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    statement = (
        select(evidence.c.line_id, evidence.c.piece)
        .where(evidence.c.site == site, ~evidence.c.piece.startswith(ANONYMOUS, autoescape=True))
        .group_by(evidence.c.line_id, evidence.c.piece)
        .having(func.sum(evidence.c.counted) > 0)  # what went back may come again
        .order_by(evidence.c.line_id, evidence.c.piece)
    )
    for line, piece in await connection.execute(statement):
        found[line].append(piece)
    return found


async def _counted(connection: AsyncConnection, site: str) -> tuple[str, ...]:
    statement = (
        select(evidence.c.event_id)
        .join(inbox, inbox.c.event_id == evidence.c.event_id)
        .where(inbox.c.site == site, evidence.c.piece.startswith(ANONYMOUS, autoescape=True))
        .order_by(inbox.c.position.desc())
        .limit(COUNTED)
    )
    ids = (await connection.execute(statement)).scalars()
    return tuple(sorted({event_id[-12:] for event_id in ids}))


async def _certificates(connection: AsyncConnection) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    statement = select(certificate.c.line_id, certificate.c.batch).order_by(certificate.c.line_id, certificate.c.batch)
    for line, batch in await connection.execute(statement):
        found[line].append(batch)
    return found


def _elsewhere(lines: _Rows, codes: Mapping[str, _Rows], units: _Rows) -> tuple[Elsewhere, ...]:
    numbers: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    gtins: dict[str, set[str]] = defaultdict(set)
    labels: dict[str, set[str]] = defaultdict(set)
    ssccs: dict[str, set[str]] = defaultdict(set)
    for row in lines:
        numbers[row.site][row.order_number].append(row.line)
        if row.gtin is not None:
            gtins[row.site].add(row.gtin)
        if row.label is not None:
            labels[row.site].add(row.label)
        for one in codes.get(row.id, ()):
            labels[row.site].add(one.code)
            if is_item(one.code):
                gtins[row.site].add(one.code)
    for row in units:
        ssccs[row.site].add(row.sscc)
    return tuple(
        Elsewhere(
            site=site,
            orders={number: tuple(found) for number, found in numbers[site].items()},
            gtins=tuple(sorted(gtins[site])),
            labels=tuple(sorted(labels[site])),
            ssccs=tuple(sorted(ssccs[site])),
        )
        for site in sorted(numbers)
    )


def _known(file: SiteFile | None) -> tuple[KnownCode, ...]:
    if file is None:
        return ()
    return tuple(
        KnownCode(
            code=code,
            kind="person" if device.kind == "person" else "equipment",
            id=device.id,
            title_en=device.title_en,
            title_zh=device.title_zh,
        )
        for device in file.devices
        for code in device.codes
    )


async def _everywhere(connection: AsyncConnection, file: SiteFile | None) -> list[KnownCode]:
    """Badges and tags of the company, on every site; the site's own word counts before it."""
    own = {code for device in file.devices for code in device.codes} if file is not None else set[str]()
    rows = await connection.execute(select(company_code).order_by(company_code.c.code))
    return [
        KnownCode(code=row.code, kind=row.kind, id=row.ref, title_en=row.title_en, title_zh=row.title_zh)
        for row in rows
        if row.code not in own
    ]
