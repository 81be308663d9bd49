"""What the API asks of the room of visits."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline import inbox
from plumbline.site import SiteFile
from tracking_service.domain.machine import Said, Spent
from tracking_service.geofence import hours, onsite
from tracking_service.geofence.fence import fences_of
from tracking_service.geofence.hours import Stood
from tracking_service.geofence.onsite import Badge, Tracked
from tracking_service.geofence.tables import claim, contradiction, settled, silence, tracker, visit
from tracking_service.tables import machine_state, presence

#: The most visits and contradictions of one answer.
MOST: Final = 1_000


class Worked(NamedTuple):
    """What a machine did in a zone (ns by state)."""

    device: str
    zone: str
    spent: Mapping[Spent, int]


async def tracked(connection: AsyncConnection, site: SiteFile) -> Sequence[Tracked]:
    """Every device of a site that ever told where it was."""
    inside: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in await connection.execute(select(visit).where(visit.c.site == site.id, visit.c.until.is_(None))):
        inside[row.device][row.zone] = row.since
    fences = fences_of(site)
    found: list[Tracked] = []
    columns = (tracker.c.device, tracker.c.at, tracker.c.lat, tracker.c.lon)
    for row in await connection.execute(select(*columns).where(tracker.c.site == site.id)):
        east, north = site.grid.metres(row.lat, row.lon)
        beside = any(fence.distance(east, north) <= onsite.BESIDE_M for fence in fences)
        found.append(Tracked(row.device, row.at, inside[row.device], beside))
    return found


async def badges(connection: AsyncConnection, site: SiteFile, *, now: int) -> Sequence[Badge]:
    """Where people last checked in or out, within a shift's time."""
    here = and_(presence.c.site == site.id, presence.c.at > now - onsite.SHIFT_NS)
    rows = await connection.execute(select(presence).where(here))
    return [Badge(row.person, row.place, row.direction, row.at) for row in rows]


async def visits(
    connection: AsyncConnection,
    site: str,
    *,
    start: int,
    end: int,
    zone: str | None = None,
    device: str | None = None,
) -> Sequence[Row[Any]]:
    """The visits that overlap a time, newest first, with when the device was last heard of (`heard`); at most `MOST`."""
    here = [visit.c.site == site, visit.c.since < end, or_(visit.c.until.is_(None), visit.c.until >= start)]
    if zone is not None:
        here.append(visit.c.zone == zone)
    if device is not None:
        here.append(visit.c.device == device)
    whose = and_(tracker.c.site == visit.c.site, tracker.c.device == visit.c.device)
    chosen = select(visit, tracker.c.at.label("heard")).outerjoin(tracker, whose).where(*here)
    return (await connection.execute(chosen.order_by(visit.c.since.desc(), visit.c.id, visit.c.zone).limit(MOST))).all()


async def worked(connection: AsyncConnection, site: SiteFile, *, start: int, end: int) -> Sequence[Worked]:
    """How long each machine did what in each zone between two times (UTC, ns)."""
    machines = [device for device in site.devices if device.kind == "machine"]
    told = await connection.execute(
        select(inbox.gateway.c.gateway, inbox.gateway.c.data_until).where(inbox.gateway.c.site == site.id)
    )
    reached = {row.gateway: row.data_until or 0 for row in told}
    found: list[Worked] = []
    for device in machines:
        rows = await visits(connection, site.id, start=start, end=end, device=device.id)
        stood = [
            Stood(row.zone, row.since, row.until if row.until is not None else max(row.since, row.heard or 0)) for row in rows
        ]
        if not stood and device.zone is not None:
            stood = [Stood(device.zone, start, end)]
        said, known = await _said(connection, site.id, device.id, reached, start=start, end=end)
        mine = and_(silence.c.site == site.id, silence.c.device == device.id, silence.c.until > start, silence.c.since < end)
        quiet = await connection.execute(select(silence.c.since, silence.c.until).where(mine).order_by(silence.c.since))
        silent = [(row.since, row.until) for row in quiet]
        done = hours.spent(said, stood, silent, start=start, end=end, known_until=known)
        found += [Worked(device.id, zone, spent) for zone, spent in sorted(done.items())]
    return found


async def _said(
    connection: AsyncConnection, site: str, device: str, reached: Mapping[str, int], *, start: int, end: int
) -> tuple[Sequence[Said], int]:
    """What a machine told in a time and last before it, and how far what its gateway saw is known."""
    table = machine_state.c
    here = and_(table.site == site, table.device == device)
    newest_first = (table.at.desc(), table.event_id.desc())
    before = (
        await connection.execute(select(machine_state).where(here, table.at < start).order_by(*newest_first).limit(1))
    ).all()
    inside = select(machine_state).where(here, table.at >= start, table.at < end).order_by(table.at, table.event_id)
    rows = [*before, *(await connection.execute(inside)).all()]
    if not rows:
        return (), 0
    return [Said(row.at, row.state) for row in rows], max(rows[-1].at, reached.get(rows[-1].gateway, 0))


async def contradictions(connection: AsyncConnection, site: str, *, resolved: bool) -> Sequence[Row[Any]]:
    """The contradictions of a site with what was claimed (`kind`, `source`, `text`), newest first, open ones or all."""
    whose = and_(claim.c.event_id == contradiction.c.event_id, claim.c.device == contradiction.c.device)
    decided = and_(settled.c.event_id == contradiction.c.event_id, settled.c.device == contradiction.c.device)
    said = [getattr(settled.c, name).label(f"settled_{name}") for name in ("act_id", "verdict", "person", "why", "at")]
    chosen = select(contradiction, claim.c.kind, claim.c.source, claim.c.text, *said)
    chosen = chosen.join(claim, whose).outerjoin(settled, decided).where(contradiction.c.site == site)
    if not resolved:
        chosen = chosen.where(contradiction.c.resolved_at.is_(None), settled.c.act_id.is_(None))
    newest_first = chosen.order_by(contradiction.c.at.desc(), contradiction.c.event_id, contradiction.c.device)
    return (await connection.execute(newest_first.limit(MOST))).all()
