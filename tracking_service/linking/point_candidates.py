"""The points that a waiting inspection may have been of, from the tables: by their names, and by the order that it names."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, and_, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.event import Inspection
from plumbline.text import Text, visible
from tracking_service import company, entitlement
from tracking_service.entitlement import Holders
from tracking_service.linking.point_suggestions import BESIDE_NS, Candidate, Result, likeness, order_told
from tracking_service.linking.points import Point, Told
from tracking_service.rooms import inspections
from tracking_service.rooms.ground import Ground, portions
from tracking_service.rooms.tables import inspection
from tracking_service.tables import inspection_point, orders, unlinked_scan

#: So many different names of a site's points are compared; so many of those that are like it are looked at.
_NAMES: Final = 5_000
_ALIKE: Final = 20
#: So many orders of a site are compared by number; so many points come in.
_ORDERS: Final = 5_000
_POINTS: Final = 500


class Found(NamedTuple):
    """An inspection that waits, and the points in question, in no order."""

    told: Told
    candidates: Sequence[Candidate]


async def read(connection: AsyncConnection, event_id: str, ground: Ground) -> Found | None:
    """What is known of an inspection that waits; `None`: none waits by this id."""
    here = (unlinked_scan.c.event_id == event_id) & (unlinked_scan.c.kind == "inspection")
    if (await connection.execute(select(unlinked_scan.c.event_id).where(here))).first() is None:
        return None
    event = next((one for one in await ground.events(connection, [event_id]) if isinstance(one, Inspection)), None)
    if event is None:
        return None
    told = Told(
        event.site,
        visible(event.order) if event.order is not None else None,
        visible(event.check),
        visible(event.person) if event.person is not None else None,
    )
    points = await _points(connection, told)
    numbers = {one.order for one in points}
    titles = await _titles(connection, numbers)
    results = await _results(connection, points)
    beside = await _beside(connection, event, told)
    holders = await entitlement.holders(connection, {one.role for one in points if one.role is not None})
    roles = await company.roles(connection)
    known_as = [told.person, *inspections.names_of(told, ground)] if told.person is not None else []
    return Found(
        told,
        [
            Candidate(
                one,
                titles[one.order],
                results.get((one.order, one.point)),
                _refused(one.role, holders, known_as, roles),
                company.called(roles, one.role) if one.role is not None else None,
                beside.get(one.order),
            )
            for one in points
        ],
    )


def _refused(
    role: str | None, holders: Mapping[str, Holders], known_as: Collection[str], roles: Mapping[str, Text]
) -> Text | None:
    return entitlement.refusal(role, holders.get(role), known_as, company.called(roles, role)) if role is not None else None


async def _points(connection: AsyncConnection, told: Told) -> Sequence[Point]:
    table = inspection_point.c
    names = select(table.point, table.title_en, table.title_zh).where(table.site == told.site).distinct().limit(_NAMES)
    alike: dict[str, int] = {}
    for row in await connection.execute(names):
        part = likeness(told.point, row.point, Text(row.title_en, row.title_zh))
        if part is not None:
            alike[row.point] = max(part.points, alike.get(row.point, 0))
    best = sorted(alike, key=lambda name: (-alike[name], name))[:_ALIKE]
    wanted = [and_(table.site == told.site, table.point.in_(best))]
    if told.order is not None:
        numbers = (await connection.execute(select(orders.c.number).where(orders.c.site == told.site).limit(_ORDERS))).scalars()
        near = [number for number in numbers if order_told(told.order, number) is not None]
        wanted.append(table.order_number.in_([told.order, *near[:_ALIKE]]))
    statement = (
        select(inspection_point)
        .join(orders, orders.c.number == table.order_number)
        .where(or_(*wanted))
        .order_by(orders.c.imported_at.desc(), table.order_number, table.point)
        .limit(_POINTS)
    )
    return [inspections.point_of(row) for row in await connection.execute(statement)]


async def _titles(connection: AsyncConnection, numbers: Collection[str]) -> Mapping[str, Text]:
    found: dict[str, Text] = {}
    for some in portions(sorted(numbers)):
        statement = select(orders.c.number, orders.c.title_en, orders.c.title_zh).where(orders.c.number.in_(some))
        found |= {row.number: Text(row.title_en, row.title_zh) for row in await connection.execute(statement)}
    return found


async def _results(connection: AsyncConnection, points: Sequence[Point]) -> Mapping[tuple[str, str], Result]:
    """What the newest inspection of each point said."""
    table, found = inspection.c, dict[tuple[str, str], Result]()
    rows: list[Row[Any]] = []
    for some in portions([(one.order, one.point) for one in points], 200):
        rows += (await connection.execute(select(inspection).where(tuple_(table.order_number, table.point).in_(some)))).all()
    for row in sorted(rows, key=lambda row: (row.at, row.id)):
        found[row.order_number, row.point] = row.result
    return found


async def _beside(connection: AsyncConnection, event: Inspection, told: Told) -> Mapping[str, int]:
    """By order: how long apart the same person inspected another point of it."""
    if told.person is None:
        return {}
    table, found = inspection.c, dict[str, int]()
    near = and_(
        table.site == told.site,
        table.person == told.person,
        table.order_number.is_not(None),
        table.at.between(max(event.at - BESIDE_NS, 0), min(event.at + BESIDE_NS, 2**63 - 1)),
    )
    for row in await connection.execute(select(table.order_number, table.at).where(near).limit(_POINTS)):
        apart = abs(row.at - event.at)
        found[row.order_number] = min(apart, found.get(row.order_number, apart))
    return found
