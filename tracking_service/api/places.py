"""Who and what is where, and where sources disagree: `docs/geofences.md`."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Query
from pydantic import BaseModel
from sqlalchemy import Row

from plumbline import text
from plumbline.site import SiteFile
from tracking_service.api.models import Text, both, iso, iso_or_none
from tracking_service.api.wall import Wall
from tracking_service.geofence import onsite, reading
from tracking_service.geofence.contradictions import wording
from tracking_service.geofence.onsite import Present

_SECOND: Final = 1_000_000_000

Chosen = Annotated[str | None, Query(max_length=64)]
Day = Annotated[date | None, Query(description="A day of the site's calendar; today where it is not said.")]


class ZoneCount(BaseModel):
    """How many are in a zone, or at a place that is none."""

    zone: str
    title: Text
    count: int


class PresentModel(BaseModel):
    """Somebody or something on site; `unknown`: last heard of a while ago, at `seen_at`."""

    id: str
    title: Text
    zones: list[str]
    since: str | None
    seen_at: str
    by: Literal["gps", "check_in", "site_file"]
    state: Literal["here", "unknown"]


class PresenceModel(BaseModel):
    """People, or machines: each is one of `on_site` or of `unknown`, and counts in every zone that holds it."""

    on_site: int
    unknown: int
    by_zone: list[ZoneCount]
    present: list[PresentModel]


class Presence(BaseModel):
    """Who and what is on site."""

    now: str
    people: PresenceModel
    machines: PresenceModel


class VisitModel(BaseModel):
    """A device was in a zone. `until` is null while it is there; `known_until`: how far that is proved."""

    id: str
    device: str
    title: Text
    zone: str
    zone_title: Text
    since: str
    until: str | None
    known_until: str
    entered_by: str
    left_by: str | None


class ZoneHours(BaseModel):
    """What a machine did in a zone, seconds; `unknown_s`: its tracker or its gateway was silent."""

    device: str
    title: Text
    zone: str
    zone_title: Text
    working_s: float
    idle_s: float
    off_s: float
    fault_s: float
    unknown_s: float


class Hours(BaseModel):
    """A day of the site."""

    day: str
    start: str
    end: str
    hours: list[ZoneHours]


class Side(BaseModel):
    """One of two sources that disagree; `event_id` opens to what it said."""

    event_id: str
    at: str
    device: str
    title: Text
    lat: float | None
    lon: float | None
    accuracy_m: float | None
    zone: str | None
    zone_title: Text | None


class SettledModel(BaseModel):
    """What a person decided about it; voiding the act `id` takes that back."""

    id: str
    at: str
    person: str | None
    verdict: Literal["seen", "position", "both", "no_contradiction"]
    why: str


class ContradictionModel(BaseModel):
    """Two sources that cannot both be right: who saw it in a zone, and the fix that says otherwise."""

    id: str
    device: str
    title: Text
    kind: Literal["scan", "check_in"]
    sentence: Text
    seen: Side
    fix: Side
    distance_m: float
    text: str
    resolved_at: str | None
    resolved_by: str | None
    settled: SettledModel | None


def add_places(app: FastAPI, wall: Wall) -> None:
    """Add the routes."""

    @app.get("/api/sites/{site}/presence")
    async def presence(site: str) -> Presence:
        """People and machines on site, by check-ins and positions together, each once."""
        chosen, now = wall.site(site), wall.now_ns()
        async with wall.reader.connect() as connection:
            tracked = await reading.tracked(connection, chosen)
            badges = await reading.badges(connection, chosen, now=now)
        people = onsite.people(chosen, badges, tracked, now=now)
        machines = onsite.machines(chosen, tracked, now=now)
        return Presence(now=iso(now), people=_presence(chosen, people), machines=_presence(chosen, machines))

    @app.get("/api/sites/{site}/visits")
    async def visits(site: str, day: Day = None, zone: Chosen = None, device: Chosen = None) -> list[VisitModel]:
        """The visits of a day, newest first; at most 1,000."""
        chosen = wall.site(site)
        start, end = day_of(chosen, day, wall.now_ns())
        async with wall.reader.connect() as connection:
            rows = await reading.visits(connection, chosen.id, start=start, end=end, zone=_bare(zone), device=_bare(device))
        return [_visit(chosen, row) for row in rows]

    @app.get("/api/sites/{site}/hours")
    async def hours(site: str, day: Day = None) -> Hours:
        """How long each machine worked, idled and stood in each zone on a day: never more than what is known."""
        chosen = wall.site(site)
        start, end = day_of(chosen, day, wall.now_ns())
        async with wall.reader.connect() as connection:
            worked = await reading.worked(connection, chosen, start=start, end=end)
        local = datetime.fromtimestamp(start // _SECOND, UTC).astimezone(ZoneInfo(chosen.timezone))
        return Hours(
            day=local.date().isoformat(), start=iso(start), end=iso(end), hours=[_hours(chosen, one) for one in worked]
        )

    @app.get("/api/sites/{site}/contradictions")
    async def contradictions(site: str, *, resolved: bool = False) -> list[ContradictionModel]:
        """What waits for a person because two sources disagree, newest first; with `resolved` also what was settled."""
        chosen = wall.site(site)
        async with wall.reader.connect() as connection:
            rows = await reading.contradictions(connection, chosen.id, resolved=resolved)
        return [_contradiction(chosen, row) for row in rows]

    _ = (presence, visits, hours, contradictions)


def day_of(site: SiteFile, day: date | None, now: int) -> tuple[int, int]:
    """When a day of the site's calendar begins, and when it ends or now, if that is earlier (UTC, ns)."""
    zone = ZoneInfo(site.timezone)
    today = datetime.fromtimestamp(now // _SECOND, UTC).astimezone(zone).date()
    asked = today if day is None else min(max(day, date(1970, 1, 2)), date(2200, 1, 1))
    start, end = (int(datetime.combine(one, time(), zone).timestamp()) * _SECOND for one in (asked, asked + timedelta(days=1)))
    return start, max(start, min(end, now))


def _bare(name: str | None) -> str | None:
    return None if name is None else name.replace("\0", "")


def _presence(site: SiteFile, present: Sequence[Present]) -> PresenceModel:
    here = [one for one in present if one.state == "here"]
    return PresenceModel(
        on_site=len(here),
        unknown=len(present) - len(here),
        by_zone=[ZoneCount(zone=zone, title=_zone(site, zone), count=count) for zone, count in onsite.by_zone(site, here)],
        present=[
            PresentModel(
                id=one.id,
                title=both(one.title),
                zones=list(one.zones),
                since=iso_or_none(one.since or None),
                seen_at=iso(one.seen_at),
                by=one.by,
                state=one.state,
            )
            for one in present
        ],
    )


def _visit(site: SiteFile, row: Row[Any]) -> VisitModel:
    return VisitModel(
        id=row.id,
        device=row.device,
        title=_device(site, row.device),
        zone=row.zone,
        zone_title=_zone(site, row.zone),
        since=iso(row.since),
        until=iso_or_none(row.until),
        known_until=iso(row.until if row.until is not None else max(row.since, row.heard or 0)),
        entered_by=row.id,
        left_by=row.left_id,
    )


def _hours(site: SiteFile, one: reading.Worked) -> ZoneHours:
    told = {f"{state}_s": one.spent[state] / _SECOND for state in one.spent}
    return ZoneHours(
        device=one.device, title=_device(site, one.device), zone=one.zone, zone_title=_zone(site, one.zone), **told
    )


def _contradiction(site: SiteFile, row: Row[Any]) -> ContradictionModel:
    said = wording(site, kind=row.kind, device=row.device, zone=row.zone, source=row.source, distance_m=row.distance_m)
    return ContradictionModel(
        id=f"{row.event_id}|{row.device}",
        device=row.device,
        title=_device(site, row.device),
        kind=row.kind,
        sentence=both(said),
        seen=Side(
            event_id=row.event_id,
            at=iso(row.at),
            device=row.source,
            title=_device(site, row.source),
            lat=None,
            lon=None,
            accuracy_m=None,
            zone=row.zone or None,
            zone_title=_zone(site, row.zone) if row.zone else None,
        ),
        fix=Side(
            event_id=row.fix_id,
            at=iso(row.fix_at),
            device=row.device,
            title=_device(site, row.device),
            lat=row.lat,
            lon=row.lon,
            accuracy_m=row.accuracy_m,
            zone=None,
            zone_title=None,
        ),
        distance_m=row.distance_m,
        text=row.text,
        resolved_at=iso_or_none(row.resolved_at),
        resolved_by=row.resolved_id,
        settled=None
        if row.settled_act_id is None
        else SettledModel(
            id=row.settled_act_id,
            at=iso(row.settled_at),
            person=row.settled_person,
            verdict=row.settled_verdict,
            why=row.settled_why,
        ),
    )


def _device(site: SiteFile, device: str) -> Text:
    known = site.devices_by_id.get(device)
    return both(text.Text(known.title_en, known.title_zh) if known is not None else text.Text(device, device))


def _zone(site: SiteFile, zone: str) -> Text:
    known = site.zones_by_id.get(zone)
    return both(text.Text(known.title_en, known.title_zh) if known is not None else text.Text(zone, zone))
