"""The webhooks that there are, and their messages: make, change, look at, send again."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import Field
from sqlalchemy import Row, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.ids import new_event_id
from tracking_service.document.fields import Id, Part, Words
from tracking_service.domain.notice import Kind
from tracking_service.errors import UnknownThingError
from tracking_service.tables import insert_new
from tracking_service.webhooks.address import Network, WebhookRefusedError, addresses, parse
from tracking_service.webhooks.queue import rfc3339
from tracking_service.webhooks.signature import new_secret
from tracking_service.webhooks.tables import delivery, webhook

#: So many webhooks there may be.
MOST: Final = 100
#: After a rotation the old secret signs beside the new one for so long.
OVERLAP_NS: Final = 24 * 3600 * 1_000_000_000

State = Literal["waiting", "sent", "dead"]


class WebhookDocument(Part):
    """A system that wants to hear of changes."""

    url: Annotated[str, Field(max_length=2048)]
    title: Annotated[Words, Field(max_length=128)] = ""
    kinds: Annotated[tuple[Kind | Literal["moved"], ...], Field(max_length=20)] = ()
    """Empty: all. `moved`: a milestone's percentage changed, of which no person is told."""
    site: Id | None = None
    order: Id | None = None


async def add(connection: AsyncConnection, document: WebhookDocument, *, now: int) -> tuple[str, str]:
    """Make a webhook whose URL passed `check`; returns its id and its secret, which is shown this once. Raises `WebhookRefusedError`."""
    if len((await connection.execute(select(webhook.c.id))).all()) >= MOST:
        raise WebhookRefusedError(f"there are {MOST} webhooks already; remove one")
    number, secret = new_event_id(now), new_secret()
    row = {
        "id": number,
        "url": document.url,
        "title": document.title,
        "secret": secret,
        "kinds": json.dumps(document.kinds),
        "site": document.site,
        "order_number": document.order,
        "enabled": True,
        "created_at": now,
    }
    await insert_new(connection, webhook, [row])
    return number, secret


async def check(url: str, allowed: Sequence[Network]) -> None:
    """Refuse what may not be called. Raises `WebhookRefusedError`; a name that has no address yet may come to have one."""
    target = parse(url)
    if not target.secure and not allowed:
        raise WebhookRefusedError(
            "url: has to be https://, unless the operator allows the network with PLUMBLINE_WEBHOOK_NETWORKS"
        )
    try:
        await addresses(target, allowed)
    except OSError as error:
        raise WebhookRefusedError(f"url: {target.host} cannot be found ({error}); check the name") from None


async def read(connection: AsyncConnection) -> Sequence[Row[Any]]:
    """All webhooks, the oldest first."""
    return (await connection.execute(select(webhook).order_by(webhook.c.id))).all()


async def turn(connection: AsyncConnection, number: str, *, on: bool) -> None:
    """Turn a webhook on or off; what waits goes on waiting while it is off. Raises `UnknownThingError`."""
    values = {"enabled": on, "why_disabled": None if on else "turned off"}
    _found(await connection.execute(update(webhook).where(webhook.c.id == number).values(values)), number)


async def remove(connection: AsyncConnection, number: str) -> None:
    """Remove a webhook with what waits for it. Raises `UnknownThingError`."""
    await connection.execute(delete(delivery).where(delivery.c.webhook == number))
    _found(await connection.execute(delete(webhook).where(webhook.c.id == number)), number)


async def rotate(connection: AsyncConnection, number: str, *, now: int) -> str:
    """Give a webhook a new secret; the old one signs beside it for a day. Raises `UnknownThingError`."""
    secret = new_secret()
    values = {"secret": secret, "old_secret": webhook.c.secret, "old_until": now + OVERLAP_NS}
    _found(await connection.execute(update(webhook).where(webhook.c.id == number).values(values)), number)
    return secret


async def ping(connection: AsyncConnection, number: str, *, now: int) -> str:
    """Queue a message that means nothing, in a lane of its own; returns its id. Raises `UnknownThingError`."""
    if (await connection.execute(select(webhook.c.id).where(webhook.c.id == number))).first() is None:
        raise UnknownThingError(f"there is no webhook '{number}'")
    message = new_event_id(now)
    told: dict[str, Any] = {"type": "plumbline.ping", "timestamp": rfc3339(now), "data": {}}
    row = {
        "webhook": number,
        "message": message,
        "lane": f"ping:{message}",
        "kind": "ping",
        "body": json.dumps(told, separators=(",", ":")),
        "state": "waiting",
        "attempts": 0,
        "created_at": now,
        "next_attempt_at": now,
    }
    await insert_new(connection, delivery, [row])
    return message


async def deliveries(
    connection: AsyncConnection, number: str | None = None, *, state: State | None = None, limit: int = 100
) -> Sequence[Row[Any]]:
    """Messages, the newest first."""
    statement = select(delivery).order_by(delivery.c.id.desc()).limit(min(limit, 1_000))
    if number is not None:
        statement = statement.where(delivery.c.webhook == number)
    if state is not None:
        statement = statement.where(delivery.c.state == state)
    return (await connection.execute(statement)).all()


async def replay(connection: AsyncConnection, number: str | None = None, *, message: str | None = None, now: int) -> int:
    """Send dead messages again, in their order and under their ids; returns how many."""
    which = delivery.c.state == "dead"
    if number is not None:
        which &= delivery.c.webhook == number
    if message is not None:
        which &= delivery.c.message == message
    fresh = {"state": "waiting", "attempts": 0, "next_attempt_at": now}
    return (await connection.execute(update(delivery).where(which).values(fresh))).rowcount


def _found(result: Any, number: str) -> None:
    if not result.rowcount:
        raise UnknownThingError(f"there is no webhook '{number}'")
