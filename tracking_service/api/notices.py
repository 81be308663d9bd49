"""The API of notices: who wants which, what was sent, dead letters, and taking a matter on."""

from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Annotated, Any, Final

from fastapi import FastAPI, Path, Query
from fastapi.responses import HTMLResponse
from pydantic import AfterValidator, BaseModel, Field
from sqlalchemy import Row

from tracking_service import document
from tracking_service.api import problems
from tracking_service.api.models import iso, iso_or_none
from tracking_service.api.wall import Wall
from tracking_service.document.fields import Short
from tracking_service.domain.notice import local
from tracking_service.errors import UnknownThingError
from tracking_service.notices import letters, page, recipients
from tracking_service.notices.acknowledging import Acknowledged, Links, acknowledge
from tracking_service.notices.letters import State
from tracking_service.notices.recipients import RecipientDocument, StoredRecipient

Name = Annotated[str, Path(max_length=64), AfterValidator(document.named)]
Named = Annotated[str, AfterValidator(document.named)]
Limit = Annotated[int, Query(ge=1, le=letters.MOST)]
#: What a database numbers its rows with.
Number = Annotated[int, Path(ge=1, le=2**62)]


class NoticeModel(BaseModel):
    """A notice of the outbox."""

    id: int
    state: State
    kind: str
    site: str
    order: str | None
    recipient: str
    """A mail address; of another way out `<way>:<address>`."""
    name: str
    subject: str
    created_at: str
    sent_at: str | None
    attempts: int
    next_attempt_at: str | None
    last_error: str | None


class TakenOn(BaseModel):
    """A matter that somebody has taken on."""

    subject: str
    person: str
    at: str
    first: bool
    """It was not taken on before."""


class TakeOn(BaseModel):
    """Who takes it on."""

    person: Annotated[Short, Field(max_length=128)]


class Replayed(BaseModel):
    """How many go out again."""

    replayed: int


_ACKNOWLEDGE: Final = "/acknowledge/{token}"
_PAGE: Final = {
    "en": ("I take care of this", "Taken on", "Taken on by {person}, {at}."),
    "zh": ("我来处理", "已确认处理", "{person} 已于 {at} 确认处理。"),
}


def add_notices(app: FastAPI, wall: Wall, *, links: Links, ways: Sequence[str] | None, wake: Callable[[], None]) -> None:
    """Add the routes; `ways`: the operator's ways out beside mail, `wake`: notices may wait."""
    _add_recipients(app, wall, ways)
    _add_letters(app, wall, wake)
    _add_acknowledging(app, wall, links)


def _add_recipients(app: FastAPI, wall: Wall, ways: Sequence[str] | None) -> None:
    @app.get("/api/recipients", response_model_by_alias=True)
    async def everybody() -> list[StoredRecipient]:
        async with wall.reader.connect() as connection:
            return list(await recipients.read(connection))

    @app.get("/api/recipients/{name}", response_model_by_alias=True)
    async def one(name: Name) -> StoredRecipient:
        async with wall.reader.connect() as connection:
            return (await recipients.read(connection, name))[0]

    @app.put("/api/recipients/{name}", response_model=StoredRecipient, response_model_by_alias=True)
    async def put(name: Name, told: RecipientDocument) -> Any:
        try:
            async with wall.engine.begin() as connection:
                await recipients.put(connection, name, told, ways=ways, now=wall.now_ns())
                return (await recipients.read(connection, name))[0]
        except ValueError as error:
            return problems.problem(422, "The recipient was refused", str(error))

    @app.delete("/api/recipients/{name}", status_code=204)
    async def remove(name: Name) -> None:
        async with wall.engine.begin() as connection:
            await recipients.remove(connection, name)

    _ = (everybody, one, put, remove)


def _add_letters(app: FastAPI, wall: Wall, wake: Callable[[], None]) -> None:
    @app.get("/api/notices")
    async def notices(
        state: State | None = None,
        order: Annotated[Named | None, Query(max_length=64)] = None,
        limit: Limit = 100,
        before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    ) -> list[NoticeModel]:
        async with wall.reader.connect() as connection:
            found = await letters.read(connection, state=state, order=order, limit=limit, before=before)
        return [_model(row) for row in found]

    @app.post("/api/notices/{number}/replay")
    async def replay(number: Number) -> Replayed:
        async with wall.engine.begin() as connection:
            await letters.replay(connection, number, now=wall.now_ns())
        wake()
        return Replayed(replayed=1)

    @app.post("/api/notices/replay")
    async def replay_all() -> Replayed:
        async with wall.engine.begin() as connection:
            count = await letters.replay_all(connection, now=wall.now_ns())
        wake()
        return Replayed(replayed=count)

    @app.post("/api/notices/{number}/acknowledge")
    async def take_on(number: Number, told: TakeOn) -> TakenOn:
        async with wall.engine.begin() as connection:
            done = await acknowledge(connection, number, person=told.person, now=wall.now_ns())
        return TakenOn(subject=done.subject, person=done.person, at=iso(done.at), first=done.first)

    _ = (notices, replay, replay_all, take_on)


def _add_acknowledging(app: FastAPI, wall: Wall, links: Links) -> None:
    # a mail program or a virus scanner that looks at the link takes nothing on: that is the button's (RFC 9110, 9.2.1)
    @app.get(_ACKNOWLEDGE, response_class=HTMLResponse, include_in_schema=False)
    async def ask(token: str) -> HTMLResponse:
        try:
            number = await links.read(token)
            async with wall.reader.connect() as connection:
                rows = await letters.read(connection, before=number + 1, limit=1)
            if not rows or rows[0].id != number:
                raise UnknownThingError("this notice is not kept any more")
        except UnknownThingError as error:
            return _page("en", str(error), "", status=404)
        language = "zh" if rows[0].language == "zh" else "en"
        button = (
            '<form method="post"><button style="font-size:16px;padding:12px 22px;border:0;border-radius:6px;'
            f'background:#1f6feb;color:#ffffff;cursor:pointer">{_PAGE[language][0]}</button></form>'
        )
        return _page(language, rows[0].subject, button)

    @app.post(_ACKNOWLEDGE, response_class=HTMLResponse, include_in_schema=False)
    async def take_on(token: str) -> HTMLResponse:
        try:
            number = await links.read(token)
            async with wall.engine.begin() as connection:
                done = await acknowledge(connection, number, person=None, now=wall.now_ns(), by_link=True)
        except UnknownThingError as error:
            return _page("en", str(error), "", status=404)
        return _taken_on(done)

    _ = (ask, take_on)


def _taken_on(done: Acknowledged) -> HTMLResponse:
    language = "zh" if done.language == "zh" else "en"
    said = _PAGE[language][2].format(person=done.person, at=local(done.at, UTC) + " UTC")
    return _page(language, _PAGE[language][1], page.paragraph(done.subject) + page.paragraph(said))


def _page(language: Any, title: str, inner: str, *, status: int = 200) -> HTMLResponse:
    headers = {"cache-control": "no-store", "referrer-policy": "no-referrer", "x-frame-options": "DENY"}
    return HTMLResponse(page.page(title, [inner], language=language), status, headers)


def _model(row: Row[Any]) -> NoticeModel:
    return NoticeModel(
        id=row.id,
        state=row.state,
        kind=row.kind,
        site=row.site,
        order=row.order_number,
        recipient=row.recipient,
        name=row.name,
        subject=row.subject,
        created_at=iso(row.created_at),
        sent_at=iso_or_none(row.sent_at),
        attempts=row.attempts,
        next_attempt_at=iso(row.next_attempt_at) if row.state in {"waiting", "gathered"} else None,
        last_error=row.last_error,
    )
