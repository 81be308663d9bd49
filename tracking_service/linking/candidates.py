"""The lines that a scan that waits may belong to, from the tables: by every kind of code, and by what was scanned around it.

Each way in is an index and has a limit, so that it takes no longer where a company has a thousand orders. What speaks for a
line, and how much, says `suggestions`.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from sqlalchemy import Column, Row, and_, case, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.codec import decode_event
from plumbline.errors import CodecError
from plumbline.event import Scan
from plumbline.inbox import inbox
from plumbline.linking import identify, is_item
from plumbline.text import Text
from tracking_service import catalogue, company
from tracking_service.linking.code_speaks import IN_A_ROW
from tracking_service.linking.likeness import begins_alike, numbers_near, tokens, unit_digits, variants
from tracking_service.linking.question import Beside, Candidate, Code, Unit, Waiting
from tracking_service.linking.suggestions import TOGETHER_NS
from tracking_service.linking.tables import line_code
from tracking_service.rooms.arrivals import OFFICE
from tracking_service.rooms.ground import portions
from tracking_service.tables import delivery_unit, evidence, material_line, orders, unlinked_scan

#: So many lines come in by each way that a code names; so many by what says less.
_LINES: Final = 100
_FEW: Final = 40
#: So many codes are asked for at once.
_ASKED: Final = 2_000
#: So many codes before and behind the scanned one are looked at: they begin like it.
_NEIGHBOURS: Final = 20
#: So many arrivals before and after the scan are looked through for those of its device.
_AROUND: Final = 1_000
#: So many orders and delivery notes that were scanned around it.
_SESSIONS: Final = 3
_GTIN_LENGTHS: Final = (8, 12, 13, 14)
#: What was meant as our own label.
_LIKE_OWN: Final = re.compile(r"\S{2,4}[:;：]([^/\\\s]{1,64})[/\\]([^/\\\s]{1,64})")


class Found(NamedTuple):
    """A scan that waits, and the lines in question, in no order."""

    scan: Scan | None
    """`None`: the event cannot be read."""
    row: Row[Any]
    """Of the table of those that wait."""
    waiting: Waiting | None
    candidates: Sequence[Candidate]


@dataclass(slots=True)
class _Net:
    """What was found so far."""

    lines: set[str] = field(default_factory=set[str])
    units: set[str] = field(default_factory=set[str])
    orders: dict[str, Beside] = field(default_factory=dict[str, Beside])
    notes: dict[str, Beside] = field(default_factory=dict[str, Beside])


async def read(connection: AsyncConnection, event_id: str) -> Found | None:
    """What is known of a scan that waits; `None`: none waits by this id."""
    here = unlinked_scan.c.event_id == event_id
    row = (await connection.execute(select(unlinked_scan).where(here))).first()
    if row is None:
        return None
    body = (await connection.execute(select(inbox.c.body).where(inbox.c.event_id == event_id))).scalar_one_or_none()
    scan = _scan(body)
    if scan is None:
        return Found(None, row, None, ())
    readings = tuple(identify(scan.text, reading) for reading in scan.candidates or ())
    waiting = Waiting(scan.site, identify(scan.text, scan.gs1), readings)
    number = waiting.identity.sscc or waiting.identity.gtin
    if number is not None:
        waiting = replace(waiting, supplier=await company.supplier_of(connection, number))
    net = _Net()
    await _by_codes(connection, waiting, net)
    await _by_units(connection, waiting, net)
    await _by_own_label(connection, waiting, net)
    await _by_supplier(connection, waiting, net)
    await _by_company(connection, scan, net)
    return Found(scan, row, waiting, await _candidates(connection, net))


def _scan(body: bytes | None) -> Scan | None:
    try:
        event = decode_event(body) if body is not None else None
    except CodecError:
        return None
    return event if isinstance(event, Scan) else None


async def _by_codes(connection: AsyncConnection, waiting: Waiting, net: _Net) -> None:
    identity, text = waiting.identity, waiting.identity.text.strip()
    asked = [one.gtin for one in (identity, *waiting.readings) if one.gtin is not None]
    exact = {one for one in (*asked, text, identity.text) if len(one) <= 256 and "\0" not in one}
    near: set[str] = set()
    if identity.gtin is None and identity.sscc is None:
        near = {*variants(text), *(one for one in tokens(text) if "\0" not in one)}
        if text.isascii() and text.isdigit() and len(text) <= 15:
            near |= {number.zfill(14) for number in numbers_near(text, _GTIN_LENGTHS)}
    near |= await _neighbours(connection, identity.gtin or text)
    for codes in (exact, await _known(connection, near - exact)):
        for some in portions(sorted(codes)):
            by_code = select(line_code.c.line_id).where(line_code.c.code.in_(some))
            named = or_(material_line.c.gtin.in_(some), material_line.c.label.in_(some), material_line.c.id.in_(by_code))
            await _add(connection, net, waiting, named)


async def _known(connection: AsyncConnection, codes: Collection[str]) -> set[str]:
    """Those of these codes that stand for something."""
    found: set[str] = set()
    items = [code for code in codes if is_item(code)]
    for column, asked in ((material_line.c.label, codes), (line_code.c.code, codes), (material_line.c.gtin, items)):
        for some in portions(sorted(asked), _ASKED):
            found.update((await connection.execute(select(column).where(column.in_(some)).distinct())).scalars())
    return found


async def _neighbours(connection: AsyncConnection, code: str) -> set[str]:
    """The codes next to this one in their order: of all they begin most like it."""
    if len(code) > 256 or "\0" in code or len(code) < 5:
        return set()
    found: set[str] = set()
    for column in (material_line.c.label, material_line.c.gtin, line_code.c.code):
        for side, order in ((column > code, column.asc()), (column < code, column.desc())):
            statement = select(column).where(side).distinct().order_by(order).limit(_NEIGHBOURS)
            found.update((await connection.execute(statement)).scalars())
    return {one for one in found if begins_alike(code, one)}


async def _add(connection: AsyncConnection, net: _Net, waiting: Waiting, which: Any, limit: int = _LINES) -> None:
    """Add lines: those of the site before others, open ones before complete ones, the most urgent first."""
    line = material_line.c
    statement = (
        select(line.id)
        .join(orders, orders.c.number == line.order_number)
        .where(which)
        .order_by(case((orders.c.site == waiting.site, 0), else_=1), *_urgent())
        .limit(limit)
    )
    net.lines.update((await connection.execute(statement)).scalars())


def _urgent() -> Sequence[Any]:
    line = material_line.c
    return (case((line.arrived < line.expected, 0), else_=1), line.needed_by.is_(None), line.needed_by, line.id)


async def _by_units(connection: AsyncConnection, waiting: Waiting, net: _Net) -> None:
    unit = delivery_unit.c.sscc
    asked = {one.sscc for one in (waiting.identity, *waiting.readings) if one.sscc is not None and len(one.sscc) == 18}
    if waiting.identity.gtin is None and waiting.identity.sscc is None:
        asked |= numbers_near(unit_digits(waiting.identity.text), (18,))
    found: set[str] = set()
    for some in portions(sorted(asked)):
        found.update((await connection.execute(select(unit).where(unit.in_(some)))).scalars())
    if (sscc := waiting.identity.sscc) is not None and "\0" not in sscc:
        for side, order in ((unit > sscc, unit.asc()), (unit < sscc, unit.desc())):
            statement = select(unit).where(side).distinct().order_by(order).limit(2 * IN_A_ROW)
            near = (await connection.execute(statement)).scalars()
            found.update(one for one in near if sscc.isdigit() and abs(int(one[:-1]) - int(sscc[:-1])) <= IN_A_ROW)
    net.units |= found
    for some in portions(sorted(found)):
        of_units = select(delivery_unit.c.line_id).where(unit.in_(some))
        await _add(connection, net, waiting, material_line.c.id.in_(of_units))


async def _by_own_label(connection: AsyncConnection, waiting: Waiting, net: _Net) -> None:
    own = waiting.identity.own
    if own is None and (like := _LIKE_OWN.match(waiting.identity.text)) is not None:
        own = (like[1], like[2], None)
    if own is None or "\0" in waiting.identity.text:
        return
    order, number, _ = own
    near = [one for one in sorted({order, *variants(order)}) if len(one) <= 64]
    line, known = material_line.c, list[str]()
    for some in portions(near):
        known += (await connection.execute(select(orders.c.number).where(orders.c.number.in_(some)))).scalars()
    await _add(connection, net, waiting, line.order_number == order, _FEW)
    for some in portions(sorted(one for one in variants(number) if len(one) <= 64), _ASKED):
        await _add(connection, net, waiting, (line.order_number == order) & line.line.in_(some))
    await _add(connection, net, waiting, line.order_number.in_(known[:_LINES]) & (line.line == number))


async def _by_supplier(connection: AsyncConnection, waiting: Waiting, net: _Net) -> None:
    if waiting.supplier is None:
        return
    line = material_line.c
    here = and_(line.supplier == waiting.supplier, line.arrived < line.expected, orders.c.site == waiting.site)
    await _add(connection, net, waiting, here, _FEW)


async def _by_company(connection: AsyncConnection, scan: Scan, net: _Net) -> None:
    """What the same device brought within minutes: its orders and delivery notes."""
    near = await _arrivals_around(connection, scan)
    ids = {row.line_id for row in near}
    order_of = await _pairs(connection, material_line.c.id, material_line.c.order_number, ids)
    for row in near:
        if (order := order_of.get(row.line_id)) is not None:
            net.orders.setdefault(order, Beside(abs(row.at - scan.at), row.event_id))
    units = {row.piece.removeprefix("sscc:") for row in near if row.piece.startswith("sscc:")}
    note_of = await _pairs(connection, delivery_unit.c.sscc, delivery_unit.c.delivery_note, units)
    for row in near:
        if note := note_of.get(row.piece.removeprefix("sscc:")):
            net.notes.setdefault(note, Beside(abs(row.at - scan.at), row.event_id, note))
    for names in (net.orders, net.notes):  # the nearest stand first
        for name in list(names)[_SESSIONS:]:
            del names[name]
    line = material_line.c
    if net.orders:
        statement = select(line.id).where(line.order_number.in_(sorted(net.orders)), line.arrived < line.expected)
        net.lines.update((await connection.execute(statement.order_by(*_urgent()).limit(_FEW))).scalars())


async def _arrivals_around(connection: AsyncConnection, scan: Scan) -> Sequence[Row[Any]]:
    """The arrivals that the device scanned within minutes, the nearest first.

    Ids of events begin with their time (UUIDv7): of an event whose id does not, nothing is known of what is around it.
    """
    if scan.id[14] != "7":
        return ()
    at_ms = int(scan.id[:8] + scan.id[9:13], 16)
    first, last = (max(at_ms + sign * TOGETHER_NS // 1_000_000, 0) for sign in (-1, 1))
    table, found = evidence.c, list[Row[Any]]()
    for side, order in (
        (and_(table.event_id < scan.id, table.event_id >= _begins(first)), table.event_id.desc()),
        (and_(table.event_id > scan.id, table.event_id < _begins(last + 1)), table.event_id.asc()),
    ):
        some = select(evidence).where(side).order_by(order).limit(_AROUND).subquery()
        mine = and_(some.c.device == scan.device, some.c.site == scan.site, some.c.device != OFFICE)
        found += (await connection.execute(select(some).where(mine))).all()
    near = [row for row in found if abs(row.at - scan.at) <= TOGETHER_NS]
    return sorted(near, key=lambda row: (abs(row.at - scan.at), row.event_id, row.line_id))


def _begins(ms: int) -> str:
    """What the UUIDv7s of a millisecond begin with."""
    digits = f"{min(ms, 2**48 - 1):012x}"
    return f"{digits[:8]}-{digits[8:]}-7"


async def _pairs(connection: AsyncConnection, key: Column[Any], value: Column[Any], keys: Collection[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for some in portions(sorted(keys)):
        for row in await connection.execute(select(key, value).where(key.in_(some)).order_by(key, value)):
            found.setdefault(row[0], row[1])
    return found


async def _candidates(connection: AsyncConnection, net: _Net) -> Sequence[Candidate]:
    codes: defaultdict[str, list[Code]] = defaultdict(list)
    units: defaultdict[str, list[Unit]] = defaultdict(list)
    notes: defaultdict[str, list[Beside]] = defaultdict(list)
    rows: list[Row[Any]] = []
    wanted = or_(delivery_unit.c.sscc.in_(sorted(net.units)), delivery_unit.c.delivery_note.in_(sorted(net.notes)))
    for some in portions(sorted(net.lines)):
        for row in await connection.execute(select(line_code).where(line_code.c.line_id.in_(some))):
            codes[row.line_id].append(Code(row.code, row.source, row.quantity))
        if net.units or net.notes:
            for row in await connection.execute(select(delivery_unit).where(delivery_unit.c.line_id.in_(some), wanted)):
                if row.sscc in net.units:
                    units[row.line_id].append(Unit(row.sscc, row.quantity, row.delivery_note))
                if row.delivery_note in net.notes:
                    notes[row.line_id].append(net.notes[row.delivery_note])
        statement = (
            select(*catalogue.LINE_COLUMNS, material_line.c.arrived, material_line.c.supplier)
            .join(orders, orders.c.number == material_line.c.order_number)
            .where(material_line.c.id.in_(some))
        )
        rows += (await connection.execute(statement)).all()
    titles = await company.suppliers(connection) if any(row.supplier is not None for row in rows) else dict[str, Text]()
    return [
        Candidate(
            catalogue.line_of(row),
            row.arrived,
            row.supplier,
            tuple(codes[row.id]),
            tuple(units[row.id]),
            net.orders.get(row.order_number),
            min(notes[row.id], default=None),
            titles.get(row.supplier),
        )
        for row in rows
    ]
