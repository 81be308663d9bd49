"""How each delivery of an order came: by delivery note and logistic unit what was told, what came, went back, was corrected.

What came without a unit that a delivery note lists stands under no note, by line, so that all of it adds up.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, case, func, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.text import Text
from tracking_service import acts, gateways
from tracking_service.linking.delivered import Delivery, Done, Portion, Scanned, delivery, without_note
from tracking_service.log.tables import act, voided
from tracking_service.rooms.arrivals import OFFICE
from tracking_service.rooms.ground import portions
from tracking_service.tables import delivery_unit, evidence, material_line, orders

_NOTHING: Final = Decimal(0)
#: So begins the identity of a piece that is a logistic unit.
_UNIT: Final = "sscc:"


class _Key(NamedTuple):
    sscc: str
    line: str


async def of_order(connection: AsyncConnection, number: str, now: int) -> Sequence[Delivery] | None:
    """The deliveries of an order, by note; what came under none last. `None`: no such order."""
    site = (await connection.execute(select(orders.c.site).where(orders.c.number == number))).scalar_one_or_none()
    if site is None:
        return None
    lines = {row.id: row for row in await connection.execute(_of(material_line, number).order_by(material_line.c.ordinal))}
    listed = (await connection.execute(_of_lines(delivery_unit, number).order_by(*delivery_unit.primary_key))).all()
    came = await _came(connection, number)
    done = await _acts(connection, {row.event_id for row in came})
    silent = gateways.silences(await gateways.read(connection, site))
    parts = _portions(lines, listed, came, done)
    notes: dict[str, dict[str, list[Portion]]] = defaultdict(lambda: defaultdict(list))
    note_of = {row.sscc: row.delivery_note for row in listed}
    for key, portion in parts.items():
        notes[note_of.get(key.sscc, "")][key.sscc].append(portion)
    told = [delivery(note, notes[note], silent, now) for note in sorted(notes) if note]
    loose = await _loose(connection, number, lines)
    if notes[""] or loose:
        told.append(without_note(notes[""], loose, silent, now))
    return told


def _of(table: Any, number: str) -> Any:
    return select(table).where(table.c.order_number == number)


def _of_lines(table: Any, number: str) -> Any:
    return select(table).where(table.c.line_id.in_(select(material_line.c.id).where(material_line.c.order_number == number)))


async def _came(connection: AsyncConnection, number: str) -> Sequence[Row[Any]]:
    """Scans and returns of units: what counts, and what a person corrected (to nothing, perhaps)."""
    about = select(act.c.about).where(act.c.kind == "quantity", act.c.about == evidence.c.event_id)
    counts = or_(evidence.c.counted != 0, evidence.c.device == OFFICE, about.exists())
    statement = _of_lines(evidence, number).where(evidence.c.piece.like(f"{_UNIT}%"), counts)
    return (await connection.execute(statement.order_by(evidence.c.at, evidence.c.event_id, evidence.c.line_id))).all()


async def _acts(connection: AsyncConnection, ids: Collection[str]) -> Mapping[str, Sequence[Row[Any]]]:
    """The acts that count about these events, and those that these ids name, by id of the event or act."""
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    rows: list[Row[Any]] = []
    for some in portions(sorted(ids)):
        about = act.c.about.in_(some) & act.c.kind.in_(("link", "quantity"))
        here = or_(about, act.c.id.in_(some)) & act.c.id.not_in(select(voided.c.ref))
        rows += (await connection.execute(select(act).where(here))).all()
    for row in sorted(rows, key=lambda row: row.position):
        found[row.id if row.kind == "return" else row.about].append(row)
    return found


def _portions(
    lines: Mapping[str, Any], listed: Iterable[Any], came: Iterable[Any], done: Mapping[str, Sequence[Any]]
) -> Mapping[_Key, Portion]:
    """What is told and what came of each line in each unit, by unit and then as the order has its lines."""
    expected = {_Key(row.sscc, row.line_id): row.quantity for row in listed}
    rows: dict[_Key, list[Any]] = defaultdict(list)
    for row in came:
        rows[_Key(row.piece.removeprefix(_UNIT), row.line_id)].append(row)
    place = {line: number for number, line in enumerate(lines)}
    keys = sorted({*expected, *rows}, key=lambda key: (key.sscc, place[key.line]))
    return {key: _portion(lines[key.line], expected.get(key, _NOTHING), rows[key], done) for key in keys}


def _portion(line: Any, expected: Decimal, rows: Sequence[Any], done: Mapping[str, Sequence[Any]]) -> Portion:
    office: list[Done] = []
    corrected: Decimal | None = None
    for row in rows:
        for one in done.get(row.event_id, ()):
            said = acts.read(one.body, f"act {one.id}")
            if getattr(said, "line", None) not in (None, line.id):
                continue
            office.append(Done(one.id, one.kind, one.at, one.person, said.quantity, getattr(said, "why", None)))
            if one.kind == "quantity":
                corrected = row.counted
    return Portion(
        line=line.id,
        title=Text(line.title_en, line.title_zh),
        unit=line.unit,
        expected=expected,
        arrived=sum((row.counted for row in rows if row.counted > 0), _NOTHING),
        returned=-sum((row.counted for row in rows if row.counted < 0), _NOTHING),
        corrected=corrected,
        scans=tuple(Scanned(row.event_id, row.at, row.device, row.counted) for row in rows if row.device != OFFICE),
        acts=tuple(office),
    )


async def _loose(connection: AsyncConnection, number: str, lines: Mapping[str, Any]) -> tuple[Portion, ...]:
    """What came and went without a unit, by line."""
    table = evidence.c
    came = func.sum(case((table.counted > 0, table.counted), else_=0))
    went = func.sum(case((table.counted < 0, table.counted), else_=0))
    ours = select(material_line.c.id).where(material_line.c.order_number == number)
    statement = select(table.line_id, came.label("came"), went.label("went")).where(
        table.line_id.in_(ours), table.counted != 0, not_(table.piece.like(f"{_UNIT}%"))
    )
    sums = {row.line_id: row for row in await connection.execute(statement.group_by(table.line_id))}
    return tuple(
        Portion(line.id, Text(line.title_en, line.title_zh), line.unit, None, sums[id_].came, -sums[id_].went, None)
        for id_, line in lines.items()
        if id_ in sums
    )
