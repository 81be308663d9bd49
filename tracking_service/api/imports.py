"""The API of planning files and lists: what they would change in an order, and the change itself."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from plumbline.text import visible
from tracking_service import difference, importing, lists, schedules
from tracking_service.api import problems
from tracking_service.api.wall import Wall
from tracking_service.doubts import doubts
from tracking_service.errors import FileRefusedError, OrderChangedError
from tracking_service.importing import Choices, Prepared
from tracking_service.log import turn
from tracking_service.outcome import Outcome

#: What a path may end with that takes a file, and how many bytes of it.
FILES: Final[Mapping[str, int]] = {"schedule": schedules.MAX_BYTES, "list": 16 * 1024 * 1024}
#: So many files are read at a time: a large one takes memory and seconds.
_AT_A_TIME: Final = 2
#: So many changes are told; the counts tell of all.
_TOLD: Final = 5_000
_MAX_MAPPING: Final = 16_000


class FieldModel(BaseModel):
    """A field's value before and after; empty: none."""

    field: str
    before: str
    after: str


class ChangeModel(BaseModel):
    """What happens to a part of the order."""

    part: difference.PartName
    key: str
    title: str
    kinds: list[difference.Kind]
    fields: list[FieldModel]


class DifferenceModel(BaseModel):
    """What a file changes in an order."""

    number: str
    status: Literal["unchanged", "difference", "applied"]
    version: str
    """Of the order as it was: `?apply=true&version=…` applies only to what the difference was shown of."""
    tasks: int
    """Tasks that the order has with it."""
    milestones: int
    counts: dict[str, int]
    """Parts by what happens to them: added, removed, moved, renamed, relinked, regrouped, changed."""
    changes: list[ChangeModel]
    more: int
    """Changes beyond those that are told."""
    remarks: list[str]
    """What of the file was left out or guessed, and why."""


Apply = Annotated[bool, Query(description="Make the change; without it the difference is told and nothing done.")]
Version = Annotated[str | None, Query(max_length=64, description="Apply only to this version of the order.")]
Encoding = Annotated[str | None, Query(max_length=40, description="Where the file does not say it, or is wrong.")]
Project = Annotated[str | None, Query(max_length=256, description="Which project of a file with several.")]
Milestones = Annotated[bool, Query(description="Milestones of the file become the order's.")]
Calendar = Annotated[bool, Query(description="Working days, hours and holidays of the schedule become the order's.")]
Remove = Annotated[bool, Query(description="Lines or deliveries that the list does not have are taken out.")]
Mapping_ = Annotated[
    str | None, Query(max_length=_MAX_MAPPING, description="Which column means what (TOML); see docs/imports.md.")
]


def add_imports(app: FastAPI, wall: Wall, heard: Callable[[Outcome], None]) -> None:
    """Add the routes; `heard` is told of changes after their commit."""
    reading = asyncio.Semaphore(_AT_A_TIME)

    def unreadable(_request: Request, error: Exception) -> JSONResponse:
        return problems.problem(422, "The file was refused", str(error))

    def changed(_request: Request, error: Exception) -> JSONResponse:
        return problems.problem(409, "The order was changed", str(error))

    app.add_exception_handler(FileRefusedError, unreadable)
    app.add_exception_handler(OrderChangedError, changed)

    async def take(request: Request, number: str, choices: Choices, *, apply: bool, version: str | None) -> DifferenceModel:
        async with reading:
            data = await request.body()
            async with wall.reader.connect() as connection:
                order = await importing.stored(connection, visible(number, 65))
            if version is not None and version != importing.version(order):
                raise OrderChangedError(f"order {order.number}: somebody changed it meanwhile; look at the difference again")
            zone = importing.zone_of(order, wall.sites)
            made = await asyncio.to_thread(lambda: importing.parsed(data, "the request", choices).onto(order, zone))
            changes = await asyncio.to_thread(lambda: made.changes)
            async with wall.reader.connect() as connection:
                strange = await doubts(connection, made.after, wall.sites.get(order.site))
            made = replace(made, remarks=(*made.remarks, *strange))
        if not apply or not changes:
            return _model(made, changes, "difference" if changes else "unchanged")
        async with wall.engine.begin() as connection:
            await turn(connection)  # who wrote before us may have gone by a later time than that of the request
            done = await importing.applied(connection, made, sites=wall.sites, zones=wall.zones, now=wall.now_ns())
        heard(done.outcome)
        return _model(made, changes, "applied")

    file: dict[str, Any] = {
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        "required": True,
    }

    @app.post("/api/orders/{number}/schedule", openapi_extra={"requestBody": file})
    async def schedule(
        request: Request,
        number: str,
        *,
        apply: Apply = False,
        version: Version = None,
        project: Project = None,
        encoding: Encoding = None,
        milestones: Milestones = True,
        calendar: Calendar = True,
    ) -> DifferenceModel:
        choices = Choices(project=project, encoding=encoding, milestones=milestones, calendar=calendar)
        return await take(request, number, choices, apply=apply, version=version)

    @app.post("/api/orders/{number}/list", openapi_extra={"requestBody": file})
    async def rows(
        request: Request,
        number: str,
        *,
        apply: Apply = False,
        version: Version = None,
        mapping: Mapping_ = None,
        encoding: Encoding = None,
        remove: Remove = False,
        milestones: Milestones = True,
    ) -> DifferenceModel:
        told = lists.read_mapping((mapping or "").encode(), "mapping")
        choices = Choices(encoding=encoding, mapping=told, remove=remove, milestones=milestones)
        return await take(request, number, choices, apply=apply, version=version)

    _ = (schedule, rows)


def _model(
    made: Prepared, changes: Sequence[difference.Change], status: Literal["unchanged", "difference", "applied"]
) -> DifferenceModel:
    return DifferenceModel(
        number=made.before.number,
        status=status,
        version=importing.version(made.after if status == "applied" else made.before),
        tasks=len(made.after.tasks),
        milestones=len(made.after.milestones),
        counts=dict(difference.counts(changes)),
        changes=[
            ChangeModel(
                part=each.part,
                key=each.key,
                title=each.title,
                kinds=list(each.kinds),
                fields=[FieldModel(field=one.field, before=one.before, after=one.after) for one in each.fields],
            )
            for each in changes[:_TOLD]
        ],
        more=max(0, len(changes) - _TOLD),
        remarks=list(made.remarks),
    )
