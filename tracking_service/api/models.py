"""What the API answers, as `/openapi.json` tells it. Times are ISO 8601 in UTC; what is not known is null, never 0."""

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel

from plumbline import text
from plumbline.site import Source
from tracking_service.domain.milestone import Rag, Standing
from tracking_service.domain.order import LineState
from tracking_service.gateways import GatewayState


class Text(BaseModel):
    """A sentence in both languages."""

    en: str
    zh: str


class SiteBrief(BaseModel):
    """A site to choose."""

    id: str
    title: Text
    timezone: str


class Plan(BaseModel):
    """The picture under the map: top left, top right, bottom right, bottom left corner (longitude, latitude)."""

    url: str
    corners: list[tuple[float, float]]


class ZoneModel(BaseModel):
    """A part of the site."""

    id: str
    title: Text
    kind: str
    polygon: list[tuple[float, float]]


class SiteModel(SiteBrief):
    """Where the site lies and what it is divided into."""

    lat: float
    lon: float
    cell_m: float
    plan: Plan | None
    zones: list[ZoneModel]


class HeatCellModel(BaseModel):
    """Minutes of presence in a cell; of noise and dust, minutes by their share of the legal limit."""

    cell: str
    source: Source
    lat: float
    lon: float
    weight: float


class Heat(BaseModel):
    """What was going on where."""

    window_minutes: int
    cells: list[HeatCellModel]


class LineModel(BaseModel):
    """A material line."""

    id: str
    title: Text
    unit: str
    expected: float
    arrived: float
    needed_by: str | None
    promised: str | None
    supplier: str | None
    supplier_title: Text | None
    """As the company document calls it; null: it does not know this supplier."""
    state: LineState


class MilestoneModel(BaseModel):
    """A milestone; `policy` says when it is done, `why` what is there and what is missing, `rule` how its colour comes about.

    `planned`: percent that its plan asks for by now, null where it has none; `roles`: whose signature its policy asks for.
    """

    id: str
    title: Text
    percent: float
    state: Standing
    rag: Rag
    start: str | None
    due: str | None
    planned: float | None
    done_at: str | None
    reason: Text
    evidence: int
    policy: Text
    rule: Text
    why: Text
    roles: list[str]
    role_titles: list[Text]
    """What people call the roles."""


class OrderModel(BaseModel):
    """An order: percent is the mean of its milestones, the colour that of the worst."""

    id: str
    number: str
    site: str
    title: Text
    customer: str
    percent: float
    rag: Rag
    lines: list[LineModel]
    milestones: list[MilestoneModel]


class GatewayModel(BaseModel):
    """How a gateway is."""

    id: str
    online: bool
    since: str
    last_seen: str
    data_until: str | None
    missing: int | None
    backlog: int | None
    state: GatewayState


class EquipmentModel(BaseModel):
    """A machine."""

    device: str
    title: Text
    state: Literal["off", "idle", "working", "fault", "unknown"]
    since: str | None
    lat: float | None
    lon: float | None
    zone: str | None


class PlaceCount(BaseModel):
    """People at a place."""

    place: str
    title: Text
    count: int


class People(BaseModel):
    """Who checked in and has not left."""

    on_site: int
    by_place: list[PlaceCount]


class EnvironmentModel(BaseModel):
    """The newest value of a metric."""

    device: str
    title: Text
    metric: str
    metric_title: Text
    unit: str
    value: float
    at: str
    limit: float | None


class ActivityModel(BaseModel):
    """Something that happened."""

    id: str
    at: str
    kind: Literal["scan", "check_in", "state", "milestone", "gateway", "unlinked", "inspection"]
    text: Text
    level: Literal["info", "good", "warn", "bad"]


class Snapshot(BaseModel):
    """The whole wall."""

    site: SiteModel
    now: str
    heat: Heat
    orders: list[OrderModel]
    gateways: list[GatewayModel]
    equipment: list[EquipmentModel]
    people: People
    environment: list[EnvironmentModel]
    activity: list[ActivityModel]
    unlinked: int


class EvidenceModel(BaseModel):
    """Something that counts: an event, an act of the office, or a stretch of a series (`<site>/<device>/<metric>@<ns>`)."""

    event_id: str
    at: str
    device: str
    line: Text | None
    quantity: float | None
    sentence: Text
    raw: str | None
    kind: Literal["event", "act", "series"] = "event"
    person: str | None = None


class TransitionModel(BaseModel):
    """A move of a milestone: `causes` are ids of events and acts, the first of them."""

    at: str
    recorded_at: str
    before: float
    after: float
    done_before: str | None
    done_after: str | None
    why: Text
    cause: Literal["seen", "corrected", "order", "time", "rebuild"]
    causes: list[str]


class UnlinkedModel(BaseModel):
    """A scan or an inspection that waits for a person; `text` is what was scanned, or which point the inspection names."""

    event_id: str
    at: str
    device: str
    device_title: Text
    text: str
    reason: Text
    kind: Literal["scan", "inspection"] = "scan"


class HistoryModel(BaseModel):
    """A metric of one device: (epoch in ms, mean) per interval."""

    device: str
    title: Text
    points: list[tuple[int, float]]


class ImportModel(BaseModel):
    """What an import did."""

    number: str
    status: Literal["added", "changed", "unchanged"]
    warnings: list[str]
    """Suppliers, people and devices that it names and nobody knows; it was taken in all the same."""


def both(value: text.Text) -> Text:
    """The domain's text as the API has it."""
    return Text(en=value.en, zh=value.zh)


def iso(at: int) -> str:
    """UTC nanoseconds as ISO 8601 to the millisecond."""
    seconds, rest = divmod(at, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest // 1_000_000:03d}Z"


def iso_or_none(at: int | None) -> str | None:
    """UTC nanoseconds as ISO 8601, or null."""
    return None if at is None else iso(at)
