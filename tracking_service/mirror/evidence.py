"""Evidence as points at the time of what was seen, for a board's annotations.

`evidence_point` says what stands in the series store. What counts and does not stand there is written; what stands there and
does not count any more (its time was corrected, the piece had been scanned before, the order was changed) is overwritten by a
point of kind `withdrawn` with quantity 0, since the store keeps what it has.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plumbline.series import Point
from plumbline.site import SiteFile
from plumbline.text import Text
from tracking_service.domain import wording
from tracking_service.domain.facts import Arrival
from tracking_service.draft import device_title
from tracking_service.mirror.orders import PAGE, key_of, page
from tracking_service.mirror.send import Send
from tracking_service.tables import evidence, evidence_point, insert, material_line, milestone, milestone_need

#: Points that are written before what was written is noted.
_CHUNK: Final = 2_000


class Mark(NamedTuple):
    """Which piece of evidence a point is."""

    event_id: str
    line_id: str
    quantity: Decimal


Place = tuple[str, int]
"""A milestone's id and a point's time."""


def places(milestone_id: str, arrivals: Sequence[Arrival]) -> Mapping[Place, Mark]:
    """Where each arrival stands: at its own time, a nanosecond later where another one stands there already."""
    found: dict[Place, Mark] = {}
    at: int | None = None
    for arrival in sorted(arrivals):
        at = arrival.at if at is None or arrival.at > at else at + 1
        found[milestone_id, at] = Mark(arrival.id, arrival.line, arrival.quantity)
    return found


async def mirror_evidence(
    engine: AsyncEngine, send: Send, *, sites: Mapping[str, SiteFile], numbers: Collection[str] | None
) -> int:
    """Bring the evidence of these orders (`None`: all) up to date; returns how many points. Raises what `Send` raises."""
    reader = engine.execution_options(read_only=True)
    written, last = 0, ""
    while True:
        async with reader.connect() as connection:
            rows = (await connection.execute(page(numbers, last))).all()
        for row in rows:
            written += await _order(engine, reader, send, row, sites)
        if len(rows) < PAGE:
            return written
        last = rows[-1].number


async def _order(engine: AsyncEngine, reader: AsyncEngine, send: Send, row: Row[Any], sites: Mapping[str, SiteFile]) -> int:
    async with reader.connect() as connection:
        stands = {
            (one.milestone_id, one.at): Mark(one.event_id, one.line_id, one.quantity)
            for one in await connection.execute(select(evidence_point).where(evidence_point.c.order_number == row.number))
        }
        lines = {
            line.id: line
            for line in await connection.execute(select(material_line).where(material_line.c.order_number == row.number))
        }
        devices, wanted = await _wanted(connection, row.number)
    new = [(place, mark) for place, mark in wanted.items() if stands.get(place) != mark]
    gone = [place for place in stands if place not in wanted]
    for start in range(0, len(gone), _CHUNK):
        some = gone[start : start + _CHUNK]
        await send([_withdrawn(row, place) for place in some])
        await _forget(engine, some)
    for start in range(0, len(new), _CHUNK):
        part = new[start : start + _CHUNK]
        points = [
            _point(
                row,
                place,
                mark,
                line=lines[mark.line_id],
                device=devices[mark.event_id],
                shown=device_title(sites, row.site, devices[mark.event_id]),
            )
            for place, mark in part
        ]
        await send(points)
        await _note(engine, row.number, part)
    return len(gone) + len(new)


async def _wanted(connection: AsyncConnection, number: str) -> tuple[Mapping[str, str], Mapping[Place, Mark]]:
    """The devices of the events, and what should stand in the series store."""
    here = select(material_line.c.id).where(material_line.c.order_number == number)
    by_line: dict[str, list[Arrival]] = defaultdict(list)
    devices: dict[str, str] = {}
    for row in await connection.execute(select(evidence).where(evidence.c.line_id.in_(here), evidence.c.counted != 0)):
        by_line[row.line_id].append(Arrival(row.at, row.event_id, row.line_id, row.piece, row.counted))
        devices[row.event_id] = row.device
    counted: dict[str, list[Arrival]] = defaultdict(list)
    plans = (
        select(milestone_need.c.milestone_id, milestone_need.c.key)
        .join(milestone, milestone.c.id == milestone_need.c.milestone_id)
        .where(milestone.c.order_number == number, milestone_need.c.kind == "line")
    )
    for plan in await connection.execute(plans):
        counted[plan.milestone_id] += by_line[plan.key]
    wanted: dict[Place, Mark] = {}
    for milestone_id, arrivals in counted.items():
        wanted |= places(milestone_id, arrivals)
    return devices, wanted


def _point(row: Row[Any], place: Place, mark: Mark, *, line: Row[Any], device: str, shown: Text) -> Point:
    title = Text(line.title_en, line.title_zh)
    told = wording.proof(title, line.unit, mark.quantity, shown, None)
    fields = {
        "kind": "scan",
        "title": title.en,
        "title_zh": title.zh,
        "text": told.en,
        "text_zh": told.zh,
        "device": device,
        "quantity": float(mark.quantity),
    }
    return Point("evidence", _tags(row, place), fields, place[1])


def _withdrawn(row: Row[Any], place: Place) -> Point:
    told = Text("Withdrawn: this counts no longer", "已撤销：不再计入")
    fields = {"kind": "withdrawn", "text": told.en, "text_zh": told.zh, "quantity": 0.0}
    return Point("evidence", _tags(row, place), fields, place[1])


def _tags(row: Row[Any], place: Place) -> Mapping[str, str]:
    return {"site": row.site, "order": row.number, "milestone": key_of(place[0])}


async def _forget(engine: AsyncEngine, gone: Sequence[Place]) -> None:
    here = (evidence_point.c.milestone_id == bindparam("b_milestone")) & (evidence_point.c.at == bindparam("b_at"))
    async with engine.begin() as connection:
        await connection.execute(delete(evidence_point).where(here), [{"b_milestone": one, "b_at": at} for one, at in gone])


async def _note(engine: AsyncEngine, number: str, new: Sequence[tuple[Place, Mark]]) -> None:
    rows = [
        {"milestone_id": milestone_id, "at": at, "order_number": number, **mark._asdict()} for (milestone_id, at), mark in new
    ]
    async with engine.begin() as connection:
        statement = insert(connection, evidence_point)
        told = {name: statement.excluded[name] for name in Mark._fields}
        await connection.execute(statement.on_conflict_do_update(index_elements=["milestone_id", "at"], set_=told), rows)
