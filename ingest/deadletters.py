"""Dead letters: what ingest could not take, kept with its reason and its bytes, to be inspected and replayed.

`keep` writes them in the transaction that settles their numbers. Retention is by size: over the limit the oldest go, those
of business events last. A replay is asked for in the table and carried out by the running service (`ingest.replay`).
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import RowMapping, case, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ingest.parcel import KEPT_BYTES, Letter
from ingest.tables import dead_letter
from ingest.upsert import insert_into

#: Bytes of payload that all letters together may have.
LIMIT_BYTES: Final = 256 * 1024 * 1024
#: What a row costs beside its payload, roughly.
_ROW_BYTES: Final = 256


def _digest(letter: Letter) -> str:
    stream = letter.stream
    place = f"{letter.topic}\0{stream.epoch if stream else ''}\0{letter.seq or ''}\0{letter.reason}\0".encode()
    return hashlib.sha256(place + letter.payload).hexdigest()


def _text(value: str, limit: int) -> str:
    """What a text column of PostgreSQL takes: no NUL, no lone surrogate, not endless."""
    return value[:limit].replace("\0", "\ufffd").encode("utf-8", "replace").decode()


async def keep(connection: AsyncConnection, letters: Iterable[tuple[Letter, str | None]], *, now: int) -> None:
    """Write letters, each with the ledger day that counts it as dead (if any); one that is there already is counted."""
    rows: list[dict[str, Any]] = []
    for letter, day in letters:
        stream = letter.stream
        rows.append(
            {
                "received_at": now,
                "topic": _text(letter.topic, 512),
                "site": stream.site if stream else None,
                "gateway": stream.gateway if stream else None,
                "epoch": stream.epoch if stream else None,
                "event_class": stream.event_class if stream else None,
                "seq": letter.seq,
                "reason": letter.reason,
                "detail": _text(letter.detail, 2000),
                "payload": letter.payload[:KEPT_BYTES],
                "size": len(letter.payload),
                "digest": _digest(letter),
                "booked_day": day,
            }
        )
    if rows:
        statement = insert_into(connection, dead_letter)
        again = statement.on_conflict_do_update(index_elements=["digest"], set_={"times": dead_letter.c.times + 1})
        await connection.execute(again, rows)


class Retention:
    """Keeps the letters below a limit; looks only after a sixteenth of it has been added."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._added = limit_bytes  # look at the start

    async def added(self, engine: AsyncEngine, letters: Iterable[Letter]) -> int:
        """Letters were kept; removes the oldest over the limit (telemetry before business) and returns how many."""
        self._added += sum(_ROW_BYTES + min(len(letter.payload), KEPT_BYTES) for letter in letters)
        if self._added < self._limit // 16:
            return 0
        self._added = 0
        table = dead_letter.c
        room = _ROW_BYTES + case((table.size > KEPT_BYTES, KEPT_BYTES), else_=table.size)
        order = (case((table.event_class == "business", 0), else_=1), table.id.desc())
        ranked = select(table.id, func.sum(room).over(order_by=order).label("kept")).subquery()
        surplus = select(ranked.c.id).where(ranked.c.kept > self._limit)
        async with engine.begin() as connection:
            gone = await connection.execute(delete(dead_letter).where(table.id.in_(surplus)))
        return gone.rowcount


async def listing(engine: AsyncEngine, *, limit: int = 100, reason: str | None = None) -> Sequence[RowMapping]:
    """The newest letters without their payload."""
    columns = [column for column in dead_letter.c if column.name not in {"payload", "digest"}]
    statement = select(*columns).order_by(dead_letter.c.id.desc()).limit(limit)
    if reason is not None:
        statement = statement.where(dead_letter.c.reason == reason)
    async with engine.connect() as connection:
        return (await connection.execute(statement)).mappings().all()


async def show(engine: AsyncEngine, number: int) -> RowMapping | None:
    """One letter with its payload."""
    async with engine.connect() as connection:
        return (await connection.execute(select(dead_letter).where(dead_letter.c.id == number))).mappings().one_or_none()


async def request_replay(engine: AsyncEngine, *, now: int, numbers: Sequence[int] = (), reason: str | None = None) -> int:
    """Ask the running service to take letters once more; those replayed already stay. Returns how many were asked for."""
    statement = update(dead_letter).where(dead_letter.c.replayed_at.is_(None)).values(replay_requested_at=now)
    if numbers:
        statement = statement.where(dead_letter.c.id.in_(numbers))
    if reason is not None:
        statement = statement.where(dead_letter.c.reason == reason)
    async with engine.begin() as connection:
        return (await connection.execute(statement)).rowcount
