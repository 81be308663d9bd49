"""Put changes into the outbox of webhooks, in the transaction that made them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.ids import new_event_id
from tracking_service.domain.notice import Change, Moved, Said
from tracking_service.tables import insert_new
from tracking_service.webhooks.tables import delivery, webhook

#: What a webhook can ask for beside the kinds of notices: a milestone stands differently, which is told to no person.
MOVED: Final = "moved"


async def put(connection: AsyncConnection, changes: Sequence[Change], now: int) -> None:
    """Queue a message for every enabled webhook that asked for such a change."""
    hooks = (await connection.execute(select(webhook).where(webhook.c.enabled).order_by(webhook.c.id))).all()
    rows = [_row(hook, change, now) for change in changes for hook in hooks if _wants(hook, change)]
    await insert_new(connection, delivery, rows)


def kind_of(change: Change) -> str:
    """The message's type without its prefix."""
    return MOVED if isinstance(change.event, Moved) else str(change.kind)


def lane_of(change: Change) -> str:
    """Messages of one lane go out one after the other: those of an order, and those of a site that are of no order."""
    return f"order:{change.order}" if change.order is not None else f"site:{change.site}"


def message(kind: str, change: Change, now: int) -> Mapping[str, Any]:
    """What the other system is told (the shape of Standard Webhooks: type, timestamp, data)."""
    told: dict[str, Any] = {
        "type": f"plumbline.{kind}",
        "timestamp": rfc3339(now),
        "data": {
            "site": change.site,
            "order": change.order,
            "subject": change.subject,
            "seen_at": rfc3339(change.at),
            "headline": {"en": change.headline.en, "zh": change.headline.zh},
            **change.data,
        },
    }
    if change.cause is not None:
        told["data"]["correction"] = {"en": change.cause.en, "zh": change.cause.zh}
    return told


def rfc3339(at: int) -> str:
    """A time (UTC, ns), to the millisecond."""
    return datetime.fromtimestamp(at / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _wants(hook: Row[Any], change: Change) -> bool:
    kinds = json.loads(hook.kinds)
    if kinds and kind_of(change) not in kinds:
        return False
    return hook.site in {None, change.site} and hook.order_number in {None, change.order}


def _message_id(hook: str, change: Change, now: int) -> str:
    """The message's id.

    What is told once by its key has one of its own (UUIDv8; RFC 9562, 5.8): whoever tells it again, after a restart or beside
    another service, queues nothing.
    """
    if not isinstance(change.event, Said):
        return new_event_id(now)
    digest = hashlib.sha256(f"{hook}|{change.site}|{change.dedup_key}".encode()).digest()
    return str(UUID(int=int.from_bytes(digest[:16]) & ~(0xF << 76 | 0x3 << 62) | 0x8 << 76 | 0x2 << 62))


def _row(hook: Row[Any], change: Change, now: int) -> dict[str, Any]:
    kind = kind_of(change)
    return {
        "webhook": hook.id,
        "message": _message_id(hook.id, change, now),
        "lane": lane_of(change),
        "kind": kind,
        "body": json.dumps(message(kind, change, now), ensure_ascii=False, separators=(",", ":")),
        "state": "waiting",
        "attempts": 0,
        "created_at": now,
        "next_attempt_at": now,
    }
