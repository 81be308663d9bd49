"""Writing dead letters, in the transaction that settles their numbers."""

import hashlib
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from ingest.receiving.parcel import KEPT_BYTES, Letter
from ingest.tables import dead_letter
from ingest.upsert import insert_into
from plumbline.codec import MAX_EVENT_BYTES


class _Whose(msgspec.Struct):
    device: str | None = None


_whose: Final = msgspec.json.Decoder(_Whose)


async def keep(connection: AsyncConnection, letters: Iterable[tuple[Letter, str | None]], *, now: int) -> None:
    """Write letters, each with the ledger day that counts it as dead (if any); one that is there already is counted."""
    rows: list[dict[str, Any]] = []
    for letter, day in letters:
        stream, (site, gateway) = letter.stream, letter.whose
        rows.append(
            {
                "received_at": now if letter.received_at is None else letter.received_at,
                "last_at": now,
                "topic": _text(letter.topic, 512),
                "site": site,
                "gateway": gateway,
                "device": device_of(letter.payload) if stream else None,
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
        again = {"times": dead_letter.c.times + 1, "last_at": statement.excluded.last_at}
        await connection.execute(statement.on_conflict_do_update(index_elements=["digest"], set_=again), rows)


def device_of(payload: bytes) -> str | None:
    """The device that an event names, as far as the rest of it lets that be read."""
    if len(payload) > MAX_EVENT_BYTES:
        return None
    try:
        device = _whose.decode(payload).device
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        return None
    return _text(device, 64) if device else None


def _digest(letter: Letter) -> str:
    stream = letter.stream
    place = f"{letter.topic}\0{stream.epoch if stream else ''}\0{letter.seq or ''}\0{letter.reason}\0".encode()
    return hashlib.sha256(place + letter.payload).hexdigest()


def _text(value: str, limit: int) -> str:
    """What a text column of PostgreSQL takes: no NUL, no lone surrogate, not endless."""
    return value[:limit].replace("\0", "\ufffd").encode("utf-8", "replace").decode()
