"""Checks of the inspection and test plan: seen on site, or noted in the office."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.event import Inspection
from plumbline.text import visible
from tracking_service import acts
from tracking_service.domain.facts import Inspected, Need
from tracking_service.rooms.ground import portions
from tracking_service.rooms.tables import inspection
from tracking_service.tables import insert

_SET: Final = ("at", "order_number", "point", "result", "person", "photo")


async def store(connection: AsyncConnection, events: Sequence[Inspection]) -> set[Need]:
    """Keep checks; returns the points that were touched. A check that names no order moves none."""
    by_id = {
        event.id: {
            "id": event.id,
            "site": event.site,
            "order_number": _shown(event.order),
            "point": visible(event.check),
            "result": event.result,
            "person": _shown(event.person),
            "photo": _shown(event.photo),
            "at": event.at,
        }
        for event in events
    }
    return await _store(connection, list(by_id.values()))


async def note(connection: AsyncConnection, done: acts.InspectionAct, *, site: str, at: int) -> set[Need]:
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
    }
    return await _store(connection, [row])


async def remove(connection: AsyncConnection, ids: Collection[str]) -> set[Need]:
    """Forget checks; returns the points that were touched."""
    needs: set[Need] = set()
    for some in portions(sorted(ids)):
        here = inspection.c.id.in_(some)
        rows = (await connection.execute(select(inspection).where(here))).all()
        needs |= _needs([{"order_number": row.order_number, "point": row.point} for row in rows])
        await connection.execute(delete(inspection).where(here))
    return needs


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


async def _store(connection: AsyncConnection, rows: list[dict[str, Any]]) -> set[Need]:
    if not rows:
        return set()
    statement = insert(connection, inspection)
    told = {name: statement.excluded[name] for name in _SET}
    await connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=told), rows)
    return _needs(rows)


def _needs(rows: Sequence[Mapping[str, Any]]) -> set[Need]:
    return {Need("check", f"{row['order_number']}/{row['point']}") for row in rows if row["order_number"] is not None}


def _shown(text: str | None) -> str | None:
    return visible(text) if text is not None else None
