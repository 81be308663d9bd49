"""What machines told of their states, kept so that their hours can be computed again whenever something late comes."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import case, select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.event import State
from tracking_service.tables import insert, machine_hours, machine_state

#: The most ids of one query.
_IDS: Final = 500


async def add(connection: AsyncConnection, site: str, device: str, events: Sequence[State]) -> None:
    """Keep what a machine told, and mark its hours from the earliest of it on as to be written anew.

    An event whose time was corrected moves: the hours from where it stood are written anew as well.
    """
    by_id = {event.id: event for event in events}
    touched = [event.at for event in by_id.values()]
    moved = [event.id for event in by_id.values() if event.clock.original is not None]
    for start in range(0, len(moved), _IDS):
        stood = select(machine_state.c.at).where(machine_state.c.event_id.in_(moved[start : start + _IDS]))
        touched += (await connection.execute(stood)).scalars()
    rows = [
        {"event_id": one.id, "site": site, "device": device, "gateway": one.gateway, "state": one.state, "at": one.at}
        for one in by_id.values()
    ]
    statement = insert(connection, machine_state)
    told = {"at": statement.excluded.at, "state": statement.excluded.state}
    await connection.execute(statement.on_conflict_do_update(index_elements=["event_id"], set_=told), rows)
    earliest = min(touched)
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
