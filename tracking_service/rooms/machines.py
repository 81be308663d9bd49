"""What machines told of their states: every word, the newest of it, and which of their hours are to be computed anew."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import case, delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.event import State
from plumbline.text import visible
from tracking_service.domain.facts import Need, Stated
from tracking_service.rooms.ground import portions
from tracking_service.tables import equipment_state, insert, machine_hours, machine_state

_SET: Final = ("at", "state", "code")

Machine = tuple[str, str]
"""Site and device."""


async def store(connection: AsyncConnection, events: Sequence[State], *, deferred: bool = False) -> set[Need]:
    """Keep what machines told; returns the machines. `deferred`: `follow` comes at the end.

    An event whose time was corrected moves: the hours from where it stood are computed anew as well.
    """
    if not events:
        return set()
    by_id = {event.id: event for event in events}
    touched: dict[Machine, int] = {}
    for event in by_id.values():
        machine = (event.site, event.device)
        touched[machine] = min(event.at, touched.get(machine, event.at))
    moved = [event.id for event in by_id.values() if event.clock.original is not None]
    for some in portions(moved):
        stood = await connection.execute(select(machine_state).where(machine_state.c.event_id.in_(some)))
        for row in stood:
            machine = (row.site, row.device)
            touched[machine] = min(row.at, touched.get(machine, row.at))
    rows = [
        {
            "event_id": one.id,
            "site": one.site,
            "device": one.device,
            "gateway": one.gateway,
            "state": one.state,
            "code": visible(one.code) if one.code is not None else None,
            "at": one.at,
        }
        for one in by_id.values()
    ]
    statement = insert(connection, machine_state)
    told = {name: statement.excluded[name] for name in _SET}
    await connection.execute(statement.on_conflict_do_update(index_elements=["event_id"], set_=told), rows)
    if deferred:
        return {_need(site, device) for site, device in touched}
    return await _told(connection, touched)


async def follow(connection: AsyncConnection) -> None:
    """What every machine told last."""
    rows = await connection.execute(select(machine_state.c.site, machine_state.c.device).distinct())
    for site, device in sorted((row.site, row.device) for row in rows):
        await _newest(connection, site, device)


async def remove(connection: AsyncConnection, ids: Collection[str]) -> set[Need]:
    """Forget what machines told; returns the machines."""
    touched: dict[Machine, int] = {}
    for some in portions(sorted(ids)):
        here = machine_state.c.event_id.in_(some)
        for row in (await connection.execute(select(machine_state).where(here))).all():
            touched[row.site, row.device] = min(row.at, touched.get((row.site, row.device), row.at))
        await connection.execute(delete(machine_state).where(here))
    return await _told(connection, touched)


async def facts(connection: AsyncConnection, needs: Collection[Need]) -> Mapping[str, Sequence[Stated]]:
    """What machines told, by the need's key."""
    found: dict[str, list[Stated]] = defaultdict(list)
    machines = [tuple(need.key.split("/", 1)) for need in needs if need.kind == "machine"]
    table = machine_state.c
    for some in portions(machines, 200):
        for row in await connection.execute(select(machine_state).where(tuple_(table.site, table.device).in_(some))):
            found[f"{row.site}/{row.device}"].append(Stated(row.at, row.event_id, row.state, row.gateway))
    return found


async def _told(connection: AsyncConnection, touched: Mapping[Machine, int]) -> set[Need]:
    for (site, device), earliest in sorted(touched.items()):
        await _newest(connection, site, device)
        await _dirty(connection, site, device, earliest)
    return {_need(site, device) for site, device in touched}


def _need(site: str, device: str) -> Need:
    return Need("machine", f"{site}/{device}")


async def _newest(connection: AsyncConnection, site: str, device: str) -> None:
    """What a machine told last, and since when it has said so without a break."""
    table = machine_state.c
    here = (table.site == site) & (table.device == device)
    stands = (equipment_state.c.site == site) & (equipment_state.c.device == device)
    newest_first = (table.at.desc(), table.event_id.desc())
    row = (await connection.execute(select(machine_state).where(here).order_by(*newest_first).limit(1))).first()
    if row is None:
        await connection.execute(delete(equipment_state).where(stands))
        return
    other = select(table.at, table.event_id).where(here & (table.state != row.state)).order_by(*newest_first).limit(1)
    before = (await connection.execute(other)).first()
    behind = (
        (table.at > before.at) | ((table.at == before.at) & (table.event_id > before.event_id)) if before else table.at >= 0
    )
    since = (await connection.execute(select(func.min(table.at)).where(here & behind))).scalar_one()
    values: dict[str, Any] = {"state": row.state, "since": since, "at": row.at, "code": row.code}
    statement = insert(connection, equipment_state).values(site=site, device=device, **values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["site", "device"], set_=values))


async def _dirty(connection: AsyncConnection, site: str, device: str, earliest: int) -> None:
    """Mark a machine's hours from `earliest` on as to be written anew."""
    first = insert(connection, machine_hours).values(
        site=site, device=device, dirty_from=earliest, known_until=earliest, version=1
    )
    old, new = machine_hours.c, first.excluded
    await connection.execute(
        first.on_conflict_do_update(
            index_elements=["site", "device"],
            set_={
                "dirty_from": case((old.dirty_from <= new.dirty_from, old.dirty_from), else_=new.dirty_from),
                "version": old.version + 1,
            },
        )
    )
