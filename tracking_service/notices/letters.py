"""The outbox as people look at it, and dead letters that are sent again."""

from collections.abc import Sequence
from typing import Any, Final, Literal

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tracking_service.errors import UnknownThingError
from tracking_service.tables import notice

State = Literal["waiting", "sent", "dead", "gathered", "folded", "recalled"]
#: A list has at most so many.
MOST: Final = 1_000


async def read(
    connection: AsyncConnection,
    *,
    state: State | None = None,
    order: str | None = None,
    limit: int = 100,
    before: int | None = None,
) -> Sequence[Row[Any]]:
    """Notices, the newest first; `before`: older than that one."""
    statement = select(notice).order_by(notice.c.id.desc()).limit(min(limit, MOST))
    if state is not None:
        statement = statement.where(notice.c.state == state)
    if order is not None:
        statement = statement.where(notice.c.order_number == order)
    if before is not None:
        statement = statement.where(notice.c.id < before)
    return (await connection.execute(statement)).all()


async def replay(connection: AsyncConnection, number: int, *, now: int) -> None:
    """Send a dead notice again. Raises `UnknownThingError` where it is not one."""
    if not await _again(connection, notice.c.id == number, now):
        raise UnknownThingError(f"there is no dead notice {number}")


async def replay_all(connection: AsyncConnection, *, now: int) -> int:
    """Send every dead notice again that is still true; returns how many there were."""
    return await _again(connection, notice.c.corrected_at.is_(None), now)


async def _again(connection: AsyncConnection, which: Any, now: int) -> int:
    fresh = {"state": "waiting", "attempts": 0, "next_attempt_at": now, "last_error": None}
    return (await connection.execute(update(notice).where(which, notice.c.state == "dead").values(fresh))).rowcount
