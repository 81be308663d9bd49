"""The API of outgoing webhooks: who is called, with which secret, what was sent, dead letters."""

import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

from fastapi import FastAPI, Path, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy import Row

from tracking_service.api import problems
from tracking_service.api.models import iso, iso_or_none
from tracking_service.api.wall import Wall
from tracking_service.webhooks import hooks
from tracking_service.webhooks.address import Network, WebhookRefusedError
from tracking_service.webhooks.hooks import State, WebhookDocument

_UUID: Final = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
Id = Annotated[str, Path(pattern=_UUID)]


class WebhookModel(BaseModel):
    """A webhook; its secret is shown only when it is made."""

    id: str
    url: str
    title: str
    kinds: list[str]
    site: str | None
    order: str | None
    enabled: bool
    why_disabled: str | None
    created_at: str


class MadeModel(BaseModel):
    """A new webhook, or a new secret: the secret is shown this once."""

    id: str
    secret: str


class DeliveryModel(BaseModel):
    """A message."""

    message: str
    """Its `webhook-id`: the same whenever it is sent."""
    webhook: str
    kind: str
    state: State
    attempts: int
    created_at: str
    sent_at: str | None
    next_attempt_at: str | None
    status: int | None
    last_error: str | None
    body: Any


class Turned(BaseModel):
    """On or off."""

    enabled: bool


class Queued(BaseModel):
    """A message that was queued."""

    message: str


class Again(BaseModel):
    """How many go out again."""

    replayed: int


def add_webhooks(app: FastAPI, wall: Wall, *, allowed: Sequence[Network], wake: Callable[[], None]) -> None:
    """Add the routes; `allowed`: private networks that may be called, `wake`: messages may wait."""

    def refused(_request: Request, error: Exception) -> JSONResponse:
        return problems.problem(422, "The webhook was refused", str(error))

    app.add_exception_handler(WebhookRefusedError, refused)
    _add_hooks(app, wall, allowed)
    _add_messages(app, wall, wake)


def _add_hooks(app: FastAPI, wall: Wall, allowed: Sequence[Network]) -> None:
    @app.get("/api/webhooks")
    async def every() -> list[WebhookModel]:
        async with wall.reader.connect() as connection:
            return [_hook(row) for row in await hooks.read(connection)]

    @app.post("/api/webhooks", status_code=201)
    async def add(told: WebhookDocument) -> MadeModel:
        await hooks.check(told.url, allowed)
        async with wall.engine.begin() as connection:
            number, secret = await hooks.add(connection, told, now=wall.now_ns())
        return MadeModel(id=number, secret=secret)

    @app.patch("/api/webhooks/{number}", status_code=204)
    async def turn(number: Id, told: Turned) -> None:
        async with wall.engine.begin() as connection:
            await hooks.turn(connection, number, on=told.enabled)

    @app.post("/api/webhooks/{number}/secret")
    async def rotate(number: Id) -> MadeModel:
        async with wall.engine.begin() as connection:
            secret = await hooks.rotate(connection, number, now=wall.now_ns())
        return MadeModel(id=number, secret=secret)

    @app.delete("/api/webhooks/{number}", status_code=204)
    async def remove(number: Id) -> None:
        async with wall.engine.begin() as connection:
            await hooks.remove(connection, number)

    _ = (every, add, turn, rotate, remove)


def _add_messages(app: FastAPI, wall: Wall, wake: Callable[[], None]) -> None:
    @app.post("/api/webhooks/{number}/ping")
    async def ping(number: Id) -> Queued:
        async with wall.engine.begin() as connection:
            message = await hooks.ping(connection, number, now=wall.now_ns())
        wake()
        return Queued(message=message)

    @app.get("/api/webhooks/{number}/messages")
    async def messages(
        number: Id, state: State | None = None, limit: Annotated[int, Query(ge=1, le=1_000)] = 100
    ) -> list[DeliveryModel]:
        async with wall.reader.connect() as connection:
            return [_message(row) for row in await hooks.deliveries(connection, number, state=state, limit=limit)]

    @app.post("/api/webhooks/{number}/replay")
    async def replay(
        number: Id, message: Annotated[str | None, Query(pattern=_UUID, description="One; without it all.")] = None
    ) -> Again:
        async with wall.engine.begin() as connection:
            count = await hooks.replay(connection, number, message=message, now=wall.now_ns())
        wake()
        return Again(replayed=count)

    _ = (ping, messages, replay)


def _hook(row: Row[Any]) -> WebhookModel:
    return WebhookModel(
        id=row.id,
        url=row.url,
        title=row.title,
        kinds=json.loads(row.kinds),
        site=row.site,
        order=row.order_number,
        enabled=row.enabled,
        why_disabled=row.why_disabled,
        created_at=iso(row.created_at),
    )


def _message(row: Row[Any]) -> DeliveryModel:
    return DeliveryModel(
        message=row.message,
        webhook=row.webhook,
        kind=row.kind,
        state=row.state,
        attempts=row.attempts,
        created_at=iso(row.created_at),
        sent_at=iso_or_none(row.sent_at),
        next_attempt_at=iso(row.next_attempt_at) if row.state == "waiting" else None,
        status=row.status,
        last_error=row.last_error,
        body=json.loads(row.body),
    )
