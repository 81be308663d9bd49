"""What a scan that waits may be, and how each delivery came: `docs/linking.md`."""

from decimal import Decimal
from typing import Annotated, Final, Literal

from fastapi import FastAPI, Query
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.text import visible
from tracking_service.api.models import Text, both, iso, iso_or_none
from tracking_service.api.wall import Wall
from tracking_service.errors import UnknownThingError
from tracking_service.linking import candidates, deliveries, point_candidates, point_suggestions
from tracking_service.linking.delivered import Delivery, Portion, UnitState
from tracking_service.linking.point_suggestions import PartName as PointPartName
from tracking_service.linking.question import PartName
from tracking_service.linking.suggestions import Suggestion, ranked
from tracking_service.log.tables import voided
from tracking_service.rooms.ground import Ground
from tracking_service.rooms.tables import inspection
from tracking_service.tables import evidence

#: A list has so many suggestions unless it is asked for more.
_SHOWN: Final = 10


class SuggestionPartModel(BaseModel):
    """What speaks for a line; less than 0 points: what speaks against it."""

    name: PartName
    points: int
    reason: Text


class SuggestionModel(BaseModel):
    """A line that a scan may belong to: `quantity` is what it would count, `linkable` whether it is of the scan's site."""

    line: str
    order: str
    number: str
    site: str
    title: Text
    unit: str
    batch: str | None
    expected: float
    open: float
    needed_by: str | None
    quantity: float
    score: int
    exact: bool
    linkable: bool
    reason: Text
    parts: list[SuggestionPartModel]


class PointPartModel(BaseModel):
    """What speaks for a point; less than 0 points: what speaks against it."""

    name: PointPartName
    points: int
    reason: Text


class PointSuggestionModel(BaseModel):
    """A point that an inspection may have been of; `linkable`: who inspected may inspect it."""

    order: str
    order_title: Text
    check: str
    title: Text
    role: str | None
    role_title: Text | None
    photo_required: bool
    result: Literal["passed", "failed", "conditional"] | None
    """What its newest inspection said."""
    score: int
    exact: bool
    linkable: bool
    reason: Text
    parts: list[PointPartModel]


class ScanModel(BaseModel):
    """A scan that counts, or that a person corrected."""

    event_id: str
    at: str
    device: str
    quantity: float


class DeliveryActModel(BaseModel):
    """An act of the office about a delivery."""

    id: str
    kind: str
    at: str
    person: str | None
    quantity: float | None
    why: str | None


class PortionModel(BaseModel):
    """So much of a line; `expected` by the delivery note (0: it lists another), null where it came in no unit; `corrected` is what came by the word of a person, null where nobody corrected it."""

    line: str
    title: Text
    unit: str
    expected: float | None
    arrived: float
    short: float
    over: float
    returned: float
    corrected: float | None
    scans: list[ScanModel]
    acts: list[DeliveryActModel]


class DeliveredUnitModel(BaseModel):
    """A logistic unit."""

    sscc: str
    state: UnitState
    arrived_at: str | None
    lines: list[PortionModel]
    reason: Text


class DeliveryModel(BaseModel):
    """A delivery note; `note` null: what came under none, in `loose` without a unit too. `short`: some of it did not come."""

    note: str | None
    short: bool
    first_at: str | None
    units: list[DeliveredUnitModel]
    loose: list[PortionModel]
    reason: Text


def add_linking(app: FastAPI, wall: Wall) -> None:
    """`GET /api/unlinked/{event}/suggestions`, `…/points` and `GET /api/orders/{number}/deliveries`."""

    @app.get("/api/unlinked/{event}/suggestions")
    async def suggestions(event: str, limit: Annotated[int, Query(ge=1, le=100)] = _SHOWN) -> list[SuggestionModel]:
        name = visible(event, 37)
        async with wall.reader.connect() as connection:
            found = await candidates.read(connection, name)
            if found is None:
                raise UnknownThingError(await _why_not(connection, name))
        if found.waiting is None:
            return []
        best = ranked(found.waiting, found.candidates, wall.now_ns())[:limit]
        return [_suggestion(one, found.waiting.site) for one in best]

    @app.get("/api/orders/{number}/deliveries")
    async def listed(number: str) -> list[DeliveryModel]:
        async with wall.reader.connect() as connection:
            found = await deliveries.of_order(connection, visible(number, 65), wall.now_ns())
        if found is None:
            raise UnknownThingError(f"there is no order '{number}'")
        return [_delivery(one) for one in found]

    @app.get("/api/unlinked/{event}/points")
    async def points(event: str, limit: Annotated[int, Query(ge=1, le=100)] = _SHOWN) -> list[PointSuggestionModel]:
        name = visible(event, 37)
        ground = Ground(wall.sites, wall.zones, wall.now_ns())
        async with wall.reader.connect() as connection:
            found = await point_candidates.read(connection, name, ground)
            if found is None:
                raise UnknownThingError(await _why_not_point(connection, name))
        return [_point(one) for one in point_suggestions.ranked(found.told, found.candidates)[:limit]]

    _ = (suggestions, listed, points)


async def _why_not(connection: AsyncConnection, event: str) -> str:
    """Why nothing waits by this id."""
    if (await connection.execute(select(voided.c.ref).where(voided.c.ref == event))).first() is not None:
        return f"'{event}' does not wait: it is void; restore it first"
    lines = sorted((await connection.execute(select(evidence.c.line_id).where(evidence.c.event_id == event))).scalars())
    if lines:
        return f"'{event}' does not wait: it is linked to {', '.join(lines[:4])}; unlink it first"
    return f"no scan waits by the id '{event}'; GET /api/unlinked lists those that do"


async def _why_not_point(connection: AsyncConnection, event: str) -> str:
    """Why no inspection waits by this id."""
    row = (
        await connection.execute(select(inspection.c.order_number, inspection.c.point).where(inspection.c.id == event))
    ).first()
    if row is not None and row.order_number is not None:
        return f"'{event}' does not wait: it was of '{row.point}' of {row.order_number}; unlink it first"
    if (await connection.execute(select(voided.c.ref).where(voided.c.ref == event))).first() is not None:
        return f"'{event}' does not wait: it is void; restore it first"
    return f"no inspection waits by the id '{event}'; GET /api/unlinked lists those that do"


def _point(one: point_suggestions.Suggestion) -> PointSuggestionModel:
    found = one.candidate
    return PointSuggestionModel(
        order=found.point.order,
        order_title=both(found.title),
        check=found.point.point,
        title=both(found.point.title),
        role=found.point.role,
        role_title=both(found.role_title) if found.role_title is not None else None,
        photo_required=found.point.photo,
        result=found.result,
        score=one.score,
        exact=one.exact,
        linkable=found.refused is None,
        reason=both(one.text),
        parts=[PointPartModel(name=part.name, points=part.points, reason=both(part.text)) for part in one.parts],
    )


def _suggestion(one: Suggestion, site: str) -> SuggestionModel:
    line = one.line
    return SuggestionModel(
        line=line.id,
        order=line.order,
        number=line.number,
        site=line.site,
        title=both(line.title),
        unit=line.unit,
        batch=line.batch,
        expected=float(line.expected),
        open=float(one.open),
        needed_by=iso_or_none(line.needed_by),
        quantity=float(one.quantity),
        score=one.score,
        exact=one.exact,
        linkable=line.site == site,
        reason=both(one.text),
        parts=[SuggestionPartModel(name=part.name, points=part.points, reason=both(part.text)) for part in one.parts],
    )


def _delivery(one: Delivery) -> DeliveryModel:
    return DeliveryModel(
        note=one.note,
        short=one.short,
        first_at=iso_or_none(one.first_at),
        units=[
            DeliveredUnitModel(
                sscc=unit.sscc,
                state=unit.state,
                arrived_at=iso_or_none(unit.at),
                lines=[_portion(portion) for portion in unit.portions],
                reason=both(unit.text),
            )
            for unit in one.units
        ],
        loose=[_portion(portion) for portion in one.loose],
        reason=both(one.text),
    )


def _portion(one: Portion) -> PortionModel:
    return PortionModel(
        line=one.line,
        title=both(one.title),
        unit=one.unit,
        expected=_number(one.expected),
        arrived=float(one.arrived),
        short=float(one.short),
        over=float(one.over),
        returned=float(one.returned),
        corrected=_number(one.corrected),
        scans=[
            ScanModel(event_id=scan.event, at=iso(scan.at), device=scan.device, quantity=float(scan.quantity))
            for scan in one.scans
        ],
        acts=[
            DeliveryActModel(
                id=done.id, kind=done.kind, at=iso(done.at), person=done.person, quantity=_number(done.quantity), why=done.why
            )
            for done in one.acts
        ],
    )


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
