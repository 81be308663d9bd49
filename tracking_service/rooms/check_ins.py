"""Who came and went: every check-in, and where each person was last."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.event import CheckIn
from plumbline.text import visible
from tracking_service.domain.facts import CheckedIn, Need
from tracking_service.rooms.ground import portions
from tracking_service.rooms.tables import check_in
from tracking_service.tables import insert, presence

_SET: Final = ("at", "person", "place", "direction", "role")

Person = tuple[str, str]
"""Site and person."""


async def store(connection: AsyncConnection, events: Sequence[CheckIn], *, deferred: bool = False) -> set[Need]:
    """Keep check-ins; returns the places that were touched. `deferred`: `follow` comes at the end."""
    if not events:
        return set()
    by_id: dict[str, dict[str, Any]] = {
        event.id: {
            "event_id": event.id,
            "site": event.site,
            "gateway": event.gateway,
            "person": visible(event.person),
            "place": visible(event.place),
            "direction": event.direction,
            "role": visible(event.role) if event.role is not None else None,
            "at": event.at,
        }
        for event in events
    }
    statement = insert(connection, check_in)
    told = {name: statement.excluded[name] for name in _SET}
    await connection.execute(statement.on_conflict_do_update(index_elements=["event_id"], set_=told), list(by_id.values()))
    if not deferred:
        await _last(connection, {(row["site"], row["person"]) for row in by_id.values()})
    return {_need(row["site"], row["place"]) for row in by_id.values()}


async def follow(connection: AsyncConnection) -> None:
    """Where everybody was last."""
    rows = await connection.execute(select(check_in.c.site, check_in.c.person).distinct())
    await _last(connection, {(row.site, row.person) for row in rows})


async def remove(connection: AsyncConnection, ids: Collection[str]) -> set[Need]:
    """Forget check-ins; returns the places that were touched."""
    needs: set[Need] = set()
    for some in portions(sorted(ids)):
        here = check_in.c.event_id.in_(some)
        rows = (await connection.execute(select(check_in).where(here))).all()
        await connection.execute(delete(check_in).where(here))
        await _last(connection, {(row.site, row.person) for row in rows})
        needs.update(_need(row.site, row.place) for row in rows)
    return needs


async def facts(connection: AsyncConnection, needs: Collection[Need]) -> Mapping[str, Sequence[CheckedIn]]:
    """The check-ins at places, by the need's key."""
    found: dict[str, list[CheckedIn]] = defaultdict(list)
    places = [tuple(need.key.split("/", 1)) for need in needs if need.kind == "place"]
    for some in portions(places, 200):
        for row in await connection.execute(select(check_in).where(tuple_(check_in.c.site, check_in.c.place).in_(some))):
            found[f"{row.site}/{row.place}"].append(
                CheckedIn(row.at, row.event_id, row.person, row.place, row.direction, row.role)
            )
    return found


async def _last(connection: AsyncConnection, people: Collection[Person]) -> None:
    """Where each of these people was last, of all that is known of them."""
    for site, person in sorted(people):
        here = (check_in.c.site == site) & (check_in.c.person == person)
        newest = select(check_in).where(here).order_by(check_in.c.at.desc(), check_in.c.event_id.desc()).limit(1)
        row = (await connection.execute(newest)).first()
        stands = (presence.c.site == site) & (presence.c.person == person)
        if row is None:
            await connection.execute(delete(presence).where(stands))
            continue
        values: dict[str, Any] = {"place": row.place, "direction": row.direction, "role": row.role, "at": row.at}
        statement = insert(connection, presence).values(site=site, person=person, **values)
        await connection.execute(statement.on_conflict_do_update(index_elements=["site", "person"], set_=values))


def _need(site: str, place: str) -> Need:
    return Need("place", f"{site}/{place}")
