"""Read the log in its order."""

from collections.abc import AsyncGenerator, Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.inbox import inbox
from tracking_service.log.tables import log


class Entry(NamedTuple):
    """One entry of the log, with its content."""

    position: int
    recorded_at: int
    kind: str
    ref: str
    site: str
    act: str | None
    """An act's JSON."""
    event: bytes | None
    """An event as the inbox has it now; `None`: it is not there any more."""
    device: str
    at: int


async def pages(
    connection: AsyncConnection, *, after: int = 0, until: int | None = None, size: int = 5_000
) -> AsyncGenerator[Sequence[Entry]]:
    """The entries behind the position `after`, up to `until`, `size` at a time."""
    columns = (log.c.position, log.c.recorded_at, log.c.kind, log.c.ref, log.c.site, log.c.body)
    statement = (
        select(*columns, inbox.c.body.label("event"), inbox.c.device, inbox.c.at)
        .outerjoin(inbox, (inbox.c.event_id == log.c.ref) & (log.c.kind == "event"))
        .order_by(log.c.position)
        .limit(size)
    )
    if until is not None:
        statement = statement.where(log.c.position <= until)
    while True:
        rows = (await connection.execute(statement.where(log.c.position > after))).all()
        if rows:
            yield [Entry(*row[:7], row.device or "", row.at or 0) for row in rows]
            after = rows[-1].position
        if len(rows) < size:
            return
