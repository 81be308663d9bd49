"""Writing events into the inbox, where tracking finds them, and waking it."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from ingest.upsert import insert_into, is_postgresql
from plumbline import codec
from plumbline.event import Event, kind_of
from plumbline.inbox import inbox

#: The PostgreSQL channel on which a commit with new inbox rows is announced.
CHANNEL = "plumbline_inbox"


async def deliver(connection: AsyncConnection, events: Iterable[Event], *, now: int, projected: bool) -> int:
    """Put events into the inbox; one whose id is there already stays as it is. Returns how many were offered.

    `projected` says that their points are in the series store already.
    """
    rows: list[dict[str, Any]] = [
        {
            "event_id": event.id,
            "site": event.site,
            "gateway": event.gateway,
            "device": event.device,
            "kind": kind_of(event),
            "at": event.at,
            "received_at": now,
            "body": codec.encode(event),
            "projected": projected,
        }
        for event in events
    ]
    if rows:
        await connection.execute(insert_into(connection, inbox).on_conflict_do_nothing(index_elements=["event_id"]), rows)
        await announce(connection)
    return len(rows)


async def announce(connection: AsyncConnection) -> None:
    """Say that there is something new in the inbox, once this transaction is committed."""
    if is_postgresql(connection):
        await connection.exec_driver_sql(f"NOTIFY {CHANNEL}")
