"""Append to the log."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tracking_service.log.tables import log, log_head

#: The only row of `log_head`.
_ONE: Final = 1
_HEAD: Final = select(log_head.c.position).where(log_head.c.id == _ONE).with_for_update()
_APPEND: Final = insert(log)
_MOVE: Final = update(log_head).where(log_head.c.id == _ONE).values(position=bindparam("to"))


async def turn(connection: AsyncConnection) -> int:
    """Wait until nobody else appends, up to the end of this transaction; returns the last position.

    Call it before anything else is read or locked: on PostgreSQL the row is locked (SQLite has one writer anyway), so what
    is read from here on is what everybody before has written.
    """
    position = (await connection.execute(_HEAD)).scalar_one_or_none()
    if position is None:  # tables that no migration made
        await connection.execute(insert(log_head).values(id=_ONE, position=0))
        return 0
    return int(position)


async def append_events(connection: AsyncConnection, after: int, events: Sequence[tuple[str, str]], *, now: int) -> int:
    """Note that events (id, site) were taken in, behind the position `after`; returns the last position."""
    if not events:
        return after
    rows = [
        {"position": after + place, "recorded_at": now, "kind": "event", "ref": event_id, "site": site, "body": None}
        for place, (event_id, site) in enumerate(events, 1)
    ]
    await connection.execute(_APPEND, rows)
    return await _moved(connection, after + len(rows))


async def append_act(connection: AsyncConnection, after: int, *, act_id: str, site: str, body: str, now: int) -> int:
    """Note an act of the office; returns its position."""
    row = {"position": after + 1, "recorded_at": now, "kind": "act", "ref": act_id, "site": site, "body": body}
    await connection.execute(_APPEND, [row])
    return await _moved(connection, after + 1)


async def _moved(connection: AsyncConnection, position: int) -> int:
    await connection.execute(_MOVE, {"to": position})
    return position
