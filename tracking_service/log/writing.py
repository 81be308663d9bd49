"""Append to the log."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.prepared import Prepared
from tracking_service.log.tables import log, log_head

#: The only row of `log_head`.
_ONE: Final = 1
_HEAD: Final = select(log_head.c.position).where(log_head.c.id == _ONE).with_for_update()
_COLUMNS: Final = ("position", "recorded_at", "kind", "ref", "site", "body")
_APPEND: Final = Prepared(lambda _: insert(log).values({name: bindparam(name) for name in _COLUMNS}), *_COLUMNS)
_MOVE: Final = Prepared(
    lambda _: update(log_head).where(log_head.c.id == bindparam("one")).values(position=bindparam("to")), "to", "one"
)


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
    rows = [(after + place, now, "event", event_id, site, None) for place, (event_id, site) in enumerate(events, 1)]
    await _APPEND.write(connection, rows)
    return await _moved(connection, after + len(rows))


async def append_act(connection: AsyncConnection, after: int, *, act_id: str, site: str, body: str, now: int) -> int:
    """Note an act of the office; returns its position."""
    await _APPEND.write(connection, [(after + 1, now, "act", act_id, site, body)])
    return await _moved(connection, after + 1)


async def _moved(connection: AsyncConnection, position: int) -> int:
    await _MOVE.write(connection, [(position, _ONE)])
    return position
