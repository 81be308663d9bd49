"""The office's acts over HTTP: one door for all of them, and one for each that people do on a page."""

import json
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, cast

from fastapi import FastAPI, Query, Request
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.text import visible
from tracking_service import acts, office
from tracking_service.api.models import iso
from tracking_service.api.wall import Wall
from tracking_service.errors import ActRefusedError
from tracking_service.log import turn
from tracking_service.log.tables import act, voided
from tracking_service.outcome import Outcome
from tracking_service.rooms.ground import Ground

#: A list of acts has at most so many, the newest.
_LISTED: Final = 500

Short = Annotated[str | None, Query(max_length=130)]


class RecordedModel(BaseModel):
    """What became of an act."""

    id: str
    status: Literal["recorded", "known"]


class ActModel(BaseModel):
    """An act as it was recorded."""

    id: str
    kind: str
    at: str
    person: str | None
    site: str
    order: str | None
    about: str | None
    void: bool
    body: dict[str, Any] | None
    """The act itself; null for an order's document."""


def add_acts(app: FastAPI, wall: Wall, heard: Callable[[Outcome], None]) -> None:
    """Add the endpoints of acts."""
    _add_register(app, wall, heard)
    _add_doors(app, wall, heard)


async def take(wall: Wall, heard: Callable[[Outcome], None], body: bytes, **told: str) -> RecordedModel:
    """Record an act of which `told` stands in the address."""
    if len(body) > acts.MAX_ACT_BYTES:
        raise ActRefusedError(f"the request: {len(body)} bytes, an act has at most {acts.MAX_ACT_BYTES}")
    if told:
        body = _completed(body, told)
    done = acts.read(body, "the request")
    if done.kind in acts.DOCUMENTS:
        raise ActRefusedError(f"the request: kind: '{done.kind}' carries a document; send that to POST /api/orders")
    async with wall.engine.begin() as connection:
        await turn(connection)  # who wrote before us may have gone by a later time than that of the request
        recorded = await office.record(connection, done, Ground(wall.sites, wall.zones, wall.now_ns()))
    heard(recorded.outcome)
    return RecordedModel(id=recorded.id, status=recorded.status)


def _completed(body: bytes, told: dict[str, str]) -> bytes:
    """The act of a body and an address. Raises `ActRefusedError` where the body is no object or says something else."""
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise ActRefusedError("the request: is no JSON; send an object") from None
    if not isinstance(found, dict):
        raise ActRefusedError("the request: is no JSON object")
    whole = cast("dict[str, Any]", found)
    for name, value in told.items():
        if whole.setdefault(name, value) != value:
            raise ActRefusedError(f"the request: {name}: the address says '{visible(value, 130)}'; leave it out of the body")
    return json.dumps(whole).encode()


def _add_register(app: FastAPI, wall: Wall, heard: Callable[[Outcome], None]) -> None:
    body = {"content": {"application/json": {"schema": acts.schema()}}, "required": True}

    @app.post("/api/acts", openapi_extra={"requestBody": body})
    async def record(request: Request) -> RecordedModel:
        return await take(wall, heard, await request.body())

    @app.get("/api/acts")
    async def listed(site: Short = None, order: Short = None, about: Short = None) -> list[ActModel]:
        async with wall.reader.connect() as connection:
            return await read_acts(connection, site=site, order=order, about=about)

    _ = (record, listed)


#: Address → the act, and what the address says of it.
_DOORS: Final = (
    ("/api/milestones/{milestone}/sign-off", "sign_off", "milestone"),
    ("/api/orders/{order}/inspections", "inspection", "order"),
    ("/api/lines/{line}/return", "return", "line"),
    ("/api/lines/{line}/certificate", "certificate", "line"),
    ("/api/lines/{line}/delivery-note", "delivery_note", "line"),
    ("/api/events/{event}/link", "link", "event"),
    ("/api/events/{event}/assign", "assign", "event"),
    ("/api/events/{event}/unlink", "unlink", "event"),
    ("/api/events/{event}/quantity", "quantity", "event"),
    ("/api/events/{event}/settle", "settle", "event"),
    ("/api/events/{ref}/void", "void", "ref"),
    ("/api/events/{ref}/restore", "restore", "ref"),
    ("/api/acts/{ref}/void", "void", "ref"),
    ("/api/acts/{ref}/restore", "restore", "ref"),
)


def _add_doors(app: FastAPI, wall: Wall, heard: Callable[[Outcome], None]) -> None:
    for path, kind, name in _DOORS:
        app.add_api_route(
            path,
            _door(wall, heard, kind, name),
            methods=["POST"],
            name=f"{kind}_{path.split('/')[2]}",
            summary=(acts.KINDS[kind].__doc__ or "").split("\n")[0],
            openapi_extra={"requestBody": {"content": {"application/json": {"schema": _schema(kind, name)}}, "required": True}},
        )


def _door(wall: Wall, heard: Callable[[Outcome], None], kind: str, name: str) -> Callable[[Request], Any]:
    async def door(request: Request) -> RecordedModel:
        return await take(wall, heard, await request.body(), kind=kind, **{name: request.path_params[name]})

    return door


def _schema(kind: str, name: str) -> dict[str, Any]:
    """The schema of an act, without what the address says."""
    schema = acts.KINDS[kind].model_json_schema()
    for told in ("kind", name):
        schema["properties"].pop(told)
        if told in schema.get("required", ()):
            schema["required"].remove(told)
    return schema


async def read_acts(connection: AsyncConnection, *, site: str | None, order: str | None, about: str | None) -> list[ActModel]:
    """The newest acts of a site, an order, or about something."""
    statement = select(act, voided.c.ref).outerjoin(voided, voided.c.ref == act.c.id)
    for column, value in ((act.c.site, site), (act.c.order_number, order), (act.c.about, about)):
        if value is not None:
            statement = statement.where(column == visible(value, 130))
    statement = statement.order_by(act.c.position.desc()).limit(_LISTED)
    return [
        ActModel(
            id=row.id,
            kind=row.kind,
            at=iso(row.at),
            person=row.person,
            site=row.site,
            order=row.order_number,
            about=row.about,
            void=row.ref is not None,
            body=json.loads(row.body) if row.body is not None else None,
        )
        for row in await connection.execute(statement)
    ]
