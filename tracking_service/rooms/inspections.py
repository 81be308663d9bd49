"""Checks of the inspection and test plan: seen on site, or noted in the office.

A check that was seen on site is kept whatever it says; of which order's point it was is `linking.points`' to tell, and told anew
when an order, the company or a person says something new. Until it can be told it waits among the unlinked.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, and_, delete, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.event import Inspection
from plumbline.text import Text, visible
from tracking_service import acts, company, entitlement
from tracking_service.domain.facts import Inspected, Need
from tracking_service.linking.points import Meant, Plans, Point, Stood, Told, Waits, meant
from tracking_service.log.tables import act, voided
from tracking_service.rooms.ground import Ground, portions
from tracking_service.rooms.tables import inspection
from tracking_service.tables import insert, insert_all, inspection_point, orders, unlinked_scan

#: How long a check that found its order by a late import may still be put in doubt by another order with the same point (ns):
#: orders that are imported one after the other must not be told apart by which came first.
_DOUBTED_NS: Final = 7 * 86_400 * 1_000_000_000
#: A change looks again at so many of the newest checks that wait.
_LOOKED_AGAIN: Final = 10_000
_ABOUT: Final = ("assign", "unlink")
#: `doubted_until` of what a person decided: where the decision is taken back, nothing of it stays.
_DECIDED: Final = -1


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of checks."""

    needs: frozenset[Need] = frozenset()
    """Points that were touched."""
    found: Sequence[tuple[Inspection, Meant | Waits]] = ()

    def and_(self, other: "Kept") -> "Kept":
        """Both."""
        return Kept(self.needs | other.needs, [*self.found, *other.found])


async def store(connection: AsyncConnection, events: Sequence[Inspection], ground: Ground) -> Kept:
    """Keep checks that were seen on site."""
    return await _write(connection, events, ground, late=False)


async def relink(connection: AsyncConnection, ids: Collection[str], ground: Ground) -> Kept:
    """Tell anew of which points these checks were; those that are not kept stay so."""
    there: list[str] = []
    for some in portions(sorted(ids)):
        there += (await connection.execute(select(inspection.c.id).where(inspection.c.id.in_(some)))).scalars()
    events = [event for event in await ground.events(connection, there) if isinstance(event, Inspection)]
    return await _write(connection, events, ground, late=True)


async def of_order(connection: AsyncConnection, number: str, site: str, now: int) -> set[str]:
    """The checks that a change of an order may concern: its own, those that name it, and those of its site that it may explain."""
    known = inspection.c
    points = select(inspection_point.c.point).where(inspection_point.c.order_number == number)
    open_ = or_(known.order_number.is_(None), known.doubted_until > now)
    waiting = (
        select(known.id)
        .where(known.site == site, known.told_point.in_(points), open_)
        .order_by(known.id.desc())
        .limit(_LOOKED_AGAIN)
    )
    found: set[str] = set()
    for statement in (
        select(known.id).where(known.order_number == number),
        select(known.id).where(known.told_order == number),
        waiting,
    ):
        found.update((await connection.execute(statement)).scalars())
    return found


async def of_company(connection: AsyncConnection) -> set[str]:
    """The checks that wait because of who made them."""
    waits = (unlinked_scan.c.kind == "inspection") & (unlinked_scan.c.reason == "not_entitled")
    newest = select(unlinked_scan.c.event_id).where(waits).order_by(unlinked_scan.c.event_id.desc()).limit(_LOOKED_AGAIN)
    return set((await connection.execute(newest)).scalars())


async def note(connection: AsyncConnection, done: acts.InspectionAct, *, site: str, at: int) -> Kept:
    """Keep a check that the office noted."""
    row = {
        "id": done.id,
        "site": site,
        "order_number": done.order,
        "point": visible(done.check),
        "result": done.result,
        "person": done.person,
        "photo": done.photo,
        "at": at,
        "told_order": done.order,
        "told_point": visible(done.check),
        "role": None,
        "doubted_until": 0,
    }
    await _upsert(connection, [row])
    return Kept(_needs([row]))


async def remove(connection: AsyncConnection, ids: Collection[str]) -> Kept:
    """Forget checks."""
    needs: frozenset[Need] = frozenset()
    for some in portions(sorted(ids)):
        here = inspection.c.id.in_(some)
        rows = (await connection.execute(select(inspection).where(here))).all()
        needs |= _needs([{"order_number": row.order_number, "point": row.point} for row in rows])
        await connection.execute(delete(inspection).where(here))
    return Kept(needs)


async def facts(connection: AsyncConnection, needs: Collection[Need]) -> Mapping[str, Sequence[Inspected]]:
    """The checks of points, by the need's key."""
    found: dict[str, list[Inspected]] = defaultdict(list)
    points = [tuple(need.key.split("/", 1)) for need in needs if need.kind == "check"]
    table = inspection.c
    for some in portions(points, 200):
        for row in await connection.execute(select(inspection).where(tuple_(table.order_number, table.point).in_(some))):
            key = f"{row.order_number}/{row.point}"
            found[key].append(Inspected(row.at, row.id, row.point, row.result, row.person, row.photo))
    return found


async def _write(connection: AsyncConnection, events: Sequence[Inspection], ground: Ground, *, late: bool) -> Kept:
    if not events:
        return Kept()
    unique = {event.id: event for event in events}
    before = await _stood(connection, unique)
    decisions = await _decisions(connection, unique)
    told = {
        event.id: Told(event.site, _shown(event.order), visible(event.check), _shown(event.person)) for event in unique.values()
    }
    plans = await look_up(connection, told.values(), decisions.values(), before.values())
    rows: list[dict[str, Any]] = []
    waiting: list[dict[str, Any]] = []
    found: list[tuple[Inspection, Meant | Waits]] = []
    for event in unique.values():
        said, row = told[event.id], before.get(event.id)
        stood = _as_stood(row, late=late, now=ground.now)
        one = meant(said, plans, decisions=decisions.get(event.id, ()), stood=stood, names=names_of(said, ground))
        found.append((event, one))
        if isinstance(one, Waits):
            waiting.append(_waiting(event, one))
        doubted = _DECIDED if decisions.get(event.id) else _doubted(said, one, row, late=late, now=ground.now)
        rows.append(_row(event, said, one, doubted))
    for some in portions(sorted(unique)):
        await connection.execute(delete(unlinked_scan).where(unlinked_scan.c.event_id.in_(some)))
    await insert_all(connection, unlinked_scan, waiting)
    await _upsert(connection, rows)
    was = [{"order_number": row.order_number, "point": row.point} for row in before.values()]
    return Kept(_needs([*was, *rows]), found)


async def look_up(
    connection: AsyncConnection,
    told: Collection[Told],
    decisions: Collection[Sequence[Any]] = (),
    before: Collection[Row[Any]] = (),
) -> Plans:
    """What is known of the orders and points that these checks may be of."""
    decided = [done for each in decisions for done in each if isinstance(done, acts.AssignAct)]
    keys = {(one.order, one.point) for one in told if one.order is not None}
    keys |= {(done.order, done.check) for done in decided}
    keys |= {(row.order_number, row.point) for row in before if row.order_number is not None}
    table, points, on_site = inspection_point.c, dict[tuple[str, str], Point](), defaultdict[tuple[str, str], list[Point]](list)
    for some in portions(sorted(keys), 200):
        for row in await connection.execute(select(inspection_point).where(tuple_(table.order_number, table.point).in_(some))):
            points[row.order_number, row.point] = point_of(row)
    for some in portions(sorted({(one.site, one.point) for one in told if one.order is None}), 200):
        here = select(inspection_point).where(tuple_(table.site, table.point).in_(some)).order_by(table.order_number)
        for row in await connection.execute(here):
            on_site[row.site, row.point].append(point_of(row))
    numbers: set[str] = set()
    for some in portions(sorted({order for order, _ in keys})):
        numbers.update((await connection.execute(select(orders.c.number).where(orders.c.number.in_(some)))).scalars())
    every = [*points.values(), *(one for some in on_site.values() for one in some)]
    roles = {one.role for one in every if one.role is not None}
    titles = await company.roles(connection) if roles else dict[str, Text]()
    return Plans(frozenset(numbers), points, on_site, await entitlement.holders(connection, roles), titles)


def point_of(row: Any) -> Point:
    """A row of `inspection_point`."""
    return Point(row.order_number, row.point, row.site, Text(row.title_en, row.title_zh), row.role, row.photo)


def names_of(told: Told, ground: Ground) -> Collection[str]:
    """What else stands for who inspected: the owner of the badge in the site file."""
    known = ground.names.get((told.site, told.person)) if told.person is not None else None
    return (known.id, known.title.en, known.title.zh) if known is not None and known.kind == "person" else ()


def _as_stood(row: Row[Any] | None, *, late: bool, now: int) -> Stood | None:
    if row is None or row.order_number is None:
        return None
    doubtful = row.doubted_until == _DECIDED or (late and row.doubted_until > now)
    return Stood((row.order_number, row.point), row.role, row.person, doubtful)


def _doubted(told: Told, one: Meant | Waits, row: Row[Any] | None, *, late: bool, now: int) -> int:
    """Till when another order with the same point puts in doubt where a check belongs."""
    if isinstance(one, Waits) or told.order is not None:
        return 0
    if row is not None and row.order_number == one.point.order and row.doubted_until != _DECIDED:
        return int(row.doubted_until)
    return now + _DOUBTED_NS if late else 0


async def _stood(connection: AsyncConnection, ids: Collection[str]) -> Mapping[str, Row[Any]]:
    found: dict[str, Row[Any]] = {}
    for some in portions(sorted(ids)):
        found |= {row.id: row for row in await connection.execute(select(inspection).where(inspection.c.id.in_(some)))}
    return found


async def _decisions(connection: AsyncConnection, ids: Collection[str]) -> Mapping[str, Sequence[Any]]:
    """What people decided about checks, in order."""
    found: defaultdict[str, list[Any]] = defaultdict(list)
    rows: list[Row[Any]] = []
    for some in portions(sorted(ids)):
        here = and_(act.c.about.in_(some), act.c.kind.in_(_ABOUT), act.c.id.not_in(select(voided.c.ref)))
        rows += (await connection.execute(select(act).where(here))).all()
    for row in sorted(rows, key=lambda row: row.position):
        found[row.about].append(acts.read(row.body, f"act {row.id}"))
    return found


def _row(event: Inspection, told: Told, one: Meant | Waits, doubted: int) -> dict[str, Any]:
    linked = isinstance(one, Meant)
    return {
        "id": event.id,
        "site": event.site,
        "order_number": one.point.order if linked else None,
        "point": one.point.point if linked else told.point,
        "result": event.result,
        "person": one.person if linked else told.person,
        "photo": _shown(event.photo),
        "at": event.at,
        "told_order": told.order,
        "told_point": told.point,
        "role": one.role if linked else None,
        "doubted_until": doubted,
    }


def _waiting(event: Inspection, one: Waits) -> dict[str, Any]:
    return {
        "event_id": event.id,
        "site": event.site,
        "device": event.device,
        "at": event.at,
        "text": visible(event.check),
        "reason": one.reason,
        "reason_en": visible(one.text.en, 512),
        "reason_zh": visible(one.text.zh, 512),
        "kind": "inspection",
    }


async def _upsert(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    statement = insert(connection, inspection)
    told = {column.name: statement.excluded[column.name] for column in inspection.c if column.name not in ("id", "site")}
    await connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=told), list(rows))


def _needs(rows: Sequence[Mapping[str, Any]]) -> frozenset[Need]:
    return frozenset(Need("check", f"{row['order_number']}/{row['point']}") for row in rows if row["order_number"] is not None)


def _shown(text: str | None) -> str | None:
    return visible(text) if text is not None else None
