"""Writing events into the inbox, where tracking finds them, and waking it."""

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from ingest.upsert import Insert, insert_of, is_postgresql
from plumbline import codec
from plumbline.event import Event, kind_of
from plumbline.inbox import inbox
from plumbline.prepared import Prepared, Row

#: The PostgreSQL channel on which a commit with new inbox rows is announced.
CHANNEL: Final = "plumbline_inbox"


async def deliver(connection: AsyncConnection, events: Iterable[Event], *, now: int, projected: bool) -> int:
    """Put events into the inbox; one whose id is there already stays as it is. Returns how many were offered.

    `projected` says that their points are in the series store already.
    """
    return await _insert(connection, [_row(event, codec.encode(event), now, projected) for event in events])


async def post(connection: AsyncConnection, events: Sequence[Event], bodies: Sequence[bytes], *, now: int) -> int:
    """Put business events into the inbox, their points to be projected; `bodies` are their JSON where they are as many.

    No points are made at a time that is certainly wrong: those events wait for the correction (`ingest.clocks.corrections`).
    """
    if len(bodies) != len(events):
        bodies = [codec.encode(event) for event in events]
    rows = [_row(event, body, now, event.clock.unset) for event, body in zip(events, bodies, strict=True)]
    return await _insert(connection, rows)


def _row(event: Event, body: bytes, now: int, projected: bool) -> Row:
    return event.id, event.site, event.gateway, event.device, kind_of(event), event.at, now, body, projected


async def _insert(connection: AsyncConnection, rows: Sequence[Row]) -> int:
    if rows:
        await _INBOX.write(connection, rows)
        await announce(connection)
    return len(rows)


def _statement(postgresql: bool) -> Insert:
    return insert_of(inbox, postgresql=postgresql).on_conflict_do_nothing(index_elements=["event_id"])


_INBOX: Final = Prepared(_statement, "event_id", "site", "gateway", "device", "kind", "at", "received_at", "body", "projected")


async def announce(connection: AsyncConnection) -> None:
    """Say that there is something new in the inbox, once this transaction is committed."""
    if is_postgresql(connection):
        await connection.exec_driver_sql(f"NOTIFY {CHANNEL}")
