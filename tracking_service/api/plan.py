"""An order against its plan: `docs/planning.md`."""

from collections.abc import Mapping
from typing import Literal

from fastapi import FastAPI
from pydantic import BaseModel

from plumbline.text import visible
from tracking_service import company
from tracking_service.api.models import Text, both, iso, iso_or_none
from tracking_service.api.wall import Wall
from tracking_service.domain.milestone import Rag
from tracking_service.errors import UnknownThingError
from tracking_service.outlooks import Outlooks
from tracking_service.planning.colour import DEFAULT
from tracking_service.planning.outlook import Outlook, TaskOutlook


class TaskModel(BaseModel):
    """A task against the plan; `start` and `finish` as planned, the others as it looks now."""

    key: str
    title: Text
    wbs: str
    parent: str | None
    owner: str | None
    owner_name: str | None
    """As the company document names the owner; null: it does not know one."""
    after: list[str]
    start: str | None
    finish: str | None
    percent: float
    done_at: str | None
    early_start: str
    early_finish: str
    late_finish: str
    float_days: float
    critical: bool
    rag: Rag
    reason: Text


class ShortageModel(BaseModel):
    """A line that will be missing, or is."""

    line: str
    kind: Literal["missing", "soon", "promised_late", "likely_late"]
    missing: float
    needed_by: str
    expected_at: str | None
    reason: Text


class FinishModel(BaseModel):
    """When it will be finished: as likely before as after `p50`, four times of five before `p80`; by how many cases."""

    p50: str
    p80: str
    paces: int
    delays: int


class PartScoreModel(BaseModel):
    """A part of the health score."""

    name: str
    points: int
    of: int
    reason: Text


class ScoreModel(BaseModel):
    """The health score, 0 to 100, and what it is made of."""

    points: int
    parts: list[PartScoreModel]


class PlanModel(BaseModel):
    """An order against its plan."""

    order: str
    due: str | None
    finish: str | None
    critical: list[str]
    behind: float | None
    rule: Text
    tasks: list[TaskModel]
    shortages: list[ShortageModel]
    expected: FinishModel | None
    health: ScoreModel | None


def add_plan(app: FastAPI, wall: Wall) -> None:
    """`GET /api/orders/{number}/plan`."""
    outlooks = Outlooks(wall.zones)

    @app.get("/api/orders/{number}/plan")
    async def plan(number: str) -> PlanModel:
        async with wall.reader.connect() as connection:
            found = await outlooks.of(connection, visible(number, 65), wall.now_ns())
            people = await company.people(connection)
        if found is None:
            raise UnknownThingError(f"there is no order '{number}'")
        return _model(number, found, {one.id: one.name for one in people.values()})

    _ = plan


def _model(number: str, found: Outlook, names: Mapping[str, str]) -> PlanModel:
    return PlanModel(
        order=number,
        due=iso_or_none(found.due),
        finish=iso_or_none(found.finish),
        critical=list(found.critical),
        behind=None if found.behind is None else round(float(found.behind), 1),
        rule=both(DEFAULT.sentence),
        tasks=[_task(one, names) for one in found.tasks],
        shortages=[
            ShortageModel(
                line=one.line,
                kind=one.kind,
                missing=float(one.missing),
                needed_by=iso(one.needed_by),
                expected_at=iso_or_none(one.expected_at),
                reason=both(one.why),
            )
            for one in found.shortages
        ],
        expected=None
        if found.expected is None
        else FinishModel(
            p50=iso(found.expected.p50), p80=iso(found.expected.p80), paces=found.expected.paces, delays=found.expected.delays
        ),
        health=None
        if found.score is None
        else ScoreModel(
            points=found.score.points,
            parts=[
                PartScoreModel(name=part.name, points=part.points, of=part.of, reason=both(part.why))
                for part in found.score.parts
            ],
        ),
    )


def _task(one: TaskOutlook, names: Mapping[str, str]) -> TaskModel:
    return TaskModel(
        key=one.piece.key,
        title=both(one.piece.title),
        wbs=one.piece.wbs,
        parent=one.piece.parent,
        owner=one.piece.owner,
        owner_name=names.get(one.piece.owner or ""),
        after=[link.task for link in one.piece.after],
        start=iso_or_none(one.piece.start),
        finish=iso_or_none(one.piece.finish),
        percent=round(float(one.piece.percent), 2),
        done_at=iso_or_none(one.piece.done_at),
        early_start=iso(one.early_start),
        early_finish=iso(one.early_finish),
        late_finish=iso(one.late_finish),
        float_days=one.float_days,
        critical=one.critical,
        rag=one.standing.rag,
        reason=both(one.standing.reason),
    )
