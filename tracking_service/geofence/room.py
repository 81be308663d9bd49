"""The room of visits: it keeps fixes and what contradicts them, and answers for machines.

The engine hands it every batch (`store`), takes events back (`remove`), asks it (`facts`), and now and then lets it work off
what asks for more than a batch may take (`settle`): a fix of days ago, a zone whose border was moved in the site file.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, delete, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.event import Event, Fix
from plumbline.site import SiteFile
from tracking_service.domain.facts import Need, Visit
from tracking_service.domain.notice import Change
from tracking_service.geofence import contradictions, survey
from tracking_service.geofence.claims import Claim
from tracking_service.geofence.fence import digest_of, sigma_of
from tracking_service.geofence.folding import Course, ground_of, save
from tracking_service.geofence.stay import Seen
from tracking_service.geofence.tables import movement, silence, tracker, visit
from tracking_service.tables import insert

#: So many fixes are folded anew with a batch, and with each call of `settle`.
_AT_ONCE: Final = 2_000
_A_TURN: Final = 5_000
#: The most ids of one query.
_IDS: Final = 500

Device = tuple[str, str]
"""Site and device."""


@dataclass(slots=True)
class Touched:
    """What a batch changed."""

    needs: set[Need] = field(default_factory=set[Need])
    changes: list[Change] = field(default_factory=list[Change])
    """Contradictions that are new."""
    more: bool = False
    """Some devices are not folded anew to their end yet: call `settle`."""

    def add(self, other: "Touched") -> None:
        """And what another batch changed."""
        self.needs |= other.needs
        self.changes += other.changes
        self.more = self.more or other.more


async def store(
    connection: AsyncConnection, events: Sequence[Event], *, sites: Mapping[str, SiteFile], deferred: bool = False
) -> Touched:
    """Keep the fixes, scans and check-ins among the events; idempotent. One whose clock was corrected moves.

    `deferred`: what follows from them is found at the end (`follow`), as when the log is replayed.
    """
    touched = Touched()
    fixes = {event.id: event for event in events if isinstance(event, Fix)}
    fresh, late = await _keep(connection, list(fixes.values()))
    if deferred:
        await contradictions.keep(connection, events, sites)
        return touched
    moved = {one: min(times) for one, times in late.items()}
    work = {one: (fresh.get(one, ()), moved.get(one)) for one in {*fresh, *late}}
    await _fold(connection, touched, work, sites, limit=_AT_ONCE)
    told: list[Claim] = [*await contradictions.keep(connection, events, sites)]
    for one, some in fresh.items():
        late[one] += [some[0].at, some[-1].at]
    told += await contradictions.touched(connection, _spans(late))
    touched.changes += await contradictions.judge(connection, told, sites)
    return touched


async def remove(connection: AsyncConnection, ids: Iterable[str], *, sites: Mapping[str, SiteFile]) -> Touched:
    """These events do not count any more; `store` brings one back."""
    touched = Touched()
    asked = list(ids)
    late: defaultdict[Device, list[int]] = defaultdict(list)
    for place in range(0, len(asked), _IDS):
        some = asked[place : place + _IDS]
        for row in await connection.execute(select(movement).where(movement.c.event_id.in_(some))):
            late[row.site, row.device].append(row.at)
        await connection.execute(delete(movement).where(movement.c.event_id.in_(some)))
        await contradictions.drop(connection, some)
    await _fold(connection, touched, {one: ((), min(times)) for one, times in late.items()}, sites, limit=_AT_ONCE)
    told = await contradictions.touched(connection, _spans(late))
    touched.changes += await contradictions.judge(connection, told, sites)
    return touched


async def follow(connection: AsyncConnection, *, sites: Mapping[str, SiteFile]) -> Touched:
    """Find what follows from everything that is kept: each device in one pass, then each claim."""
    touched = Touched()
    every = select(movement.c.site, movement.c.device).distinct()
    for row in (await connection.execute(every.order_by(movement.c.site, movement.c.device))).all():
        one = (row.site, row.device)
        work: tuple[Sequence[Fix], int | None] = ((), 0)
        while row.site in sites and await _fold(connection, touched, {one: work}, sites, limit=_A_TURN) >= _A_TURN:
            work = ((), None)
    for site in sites:
        touched.changes += await contradictions.judge(connection, await contradictions.of_site(connection, site), sites)
    await survey.begun(connection, sites)
    touched.more = False
    return touched


async def behind(connection: AsyncConnection, *, sites: Mapping[str, SiteFile]) -> bool:
    """Whether `settle` has something to do. Reads only."""
    if (await connection.execute(select(tracker.c.site).where(_behind(sites)).limit(1))).first() is not None:
        return True
    return bool(await survey.due(connection, sites))


async def settle(connection: AsyncConnection, *, sites: Mapping[str, SiteFile]) -> Touched:
    """Fold on what is folded anew, and begin where a site file changed its zones or codes; a bounded part of it at a time."""
    touched = Touched()
    asked = select(tracker.c.site, tracker.c.device, tracker.c.fences).where(_behind(sites))
    rows = (await connection.execute(asked)).all()
    known = [row for row in rows if row.site in sites]
    moved = {(row.site, row.device) for row in known if row.fences != digest_of(sites[row.site])}
    left = _A_TURN
    for row in known:
        if left <= 0:
            break
        one = (row.site, row.device)
        left -= await _fold(connection, touched, {one: ((), None)}, sites, limit=left)
        if one in moved:
            told = await contradictions.of_devices(connection, row.site, [row.device])
            touched.changes += await contradictions.judge(connection, told, sites)
    for name, after in await survey.due(connection, sites):
        if left <= 0:
            break
        again = await survey.read(connection, sites, name, after, left)
        touched.add(await store(connection, again.fixes, sites=sites))
        touched.changes += await contradictions.judge(connection, again.told, sites)
        left -= again.events
    touched.more = touched.more or left <= 0
    return touched


async def facts(
    connection: AsyncConnection, needs: Iterable[Need], *, sites: Mapping[str, SiteFile]
) -> Mapping[str, Sequence[Visit]]:
    """The visits of the machines among the needs, by key, as far as they are proved.

    A visit is cut where the device was silent, and one that goes on lasts until the newest fix; each part has the id of the
    fix that proves the visit. A machine that stands in a zone by the site file, and tells no positions, is there always.
    """
    keys = {need.key for need in needs if need.kind == "machine"}
    asked = [(site, device) for site, _, device in (key.partition("/") for key in keys)]
    found: dict[str, list[Visit]] = {}
    for place in range(0, len(asked), _IDS):
        some = asked[place : place + _IDS]
        heard = {(row.site, row.device): row.at for row in await connection.execute(_of(tracker, some))}
        silent: defaultdict[Device, list[tuple[int, int]]] = defaultdict(list)
        for row in await connection.execute(_of(silence, some).order_by(silence.c.since)):
            silent[row.site, row.device].append((row.since, row.until))
        visits: defaultdict[Device, list[Visit]] = defaultdict(list)
        for row in await connection.execute(_of(visit, some).order_by(visit.c.since, visit.c.zone)):
            one = (row.site, row.device)
            until = row.until if row.until is not None else max(heard.get(one, row.since), row.since)
            visits[one] += [
                Visit(start, end, row.zone, row.device, row.id) for start, end in cut(row.since, until, silent[one])
            ]
        for site, device in some:
            standing = _standing(sites.get(site), device) if (site, device) not in heard else None
            found[f"{site}/{device}"] = [standing] if standing is not None else visits[site, device]
    return found


def cut(since: int, until: int, silent: Iterable[tuple[int, int]]) -> Sequence[tuple[int, int]]:
    """What is left of a time when silences (in order, apart) are taken out; a time of no length stays."""
    parts: list[tuple[int, int]] = []
    start = since
    for begin, end in silent:
        if end <= start or begin >= until:
            continue
        if begin > start:
            parts.append((start, begin))
        start = min(end, until)
    if start < until or not parts:
        parts.append((start, until))
    return parts


def _behind(sites: Mapping[str, SiteFile]) -> ColumnElement[bool]:
    stale = [and_(tracker.c.site == site.id, tracker.c.fences != digest_of(site)) for site in sites.values()]
    return or_(tracker.c.redo.is_not(None), *stale)


def _standing(site: SiteFile | None, device: str) -> Visit | None:
    known = site.devices_by_id.get(device) if site is not None else None
    return Visit(0, None, known.zone, device, "") if known is not None and known.zone is not None else None


def _of(table: Any, devices: Sequence[Device]) -> Any:
    return select(table).where(tuple_(table.c.site, table.c.device).in_(devices))


async def _keep(
    connection: AsyncConnection, fixes: Sequence[Fix]
) -> tuple[Mapping[Device, Sequence[Fix]], defaultdict[Device, list[int]]]:
    """Write fixes down; returns the new ones by device, in order, and the times from and to which others moved."""
    known: dict[str, Row[Any]] = {}
    ids = [fix.id for fix in fixes]
    for place in range(0, len(ids), _IDS):
        here = movement.c.event_id.in_(ids[place : place + _IDS])
        known |= {row.event_id: row for row in await connection.execute(select(movement).where(here))}
    fresh: defaultdict[Device, list[Fix]] = defaultdict(list)
    late: defaultdict[Device, list[int]] = defaultdict(list)
    for fix in sorted(fixes, key=lambda fix: (fix.at, fix.id)):
        row = known.get(fix.id)
        if row is None:
            fresh[fix.site, fix.device].append(fix)
        elif row.at != fix.at:
            late[row.site, row.device] += [row.at, fix.at]
            await connection.execute(update(movement).where(movement.c.event_id == fix.id).values(at=fix.at))
    rows = [_row(fix) for some in fresh.values() for fix in some]
    if rows:
        await connection.execute(insert(connection, movement).on_conflict_do_nothing(), rows)
    return fresh, late


def _row(fix: Fix) -> dict[str, Any]:
    return {
        "event_id": fix.id,
        "site": fix.site,
        "device": fix.device,
        "at": fix.at,
        "lat": fix.lat,
        "lon": fix.lon,
        "accuracy_m": fix.accuracy_m,
    }


async def _fold(
    connection: AsyncConnection,
    touched: Touched,
    work: Mapping[Device, tuple[Sequence[Fix], int | None]],
    sites: Mapping[str, SiteFile],
    *,
    limit: int,
) -> int:
    """Fold these devices on; returns how many fixes were folded anew."""
    devices = sorted(one for one in work if one[0] in sites)  # fixes of a site without a file wait until it has one
    rows: dict[Device, Row[Any]] = {}
    for place in range(0, len(devices), _IDS):
        found = await connection.execute(_of(tracker, devices[place : place + _IDS]))
        rows |= {(row.site, row.device): row for row in found}
    grounds = {name: ground_of(sites[name]) for name in {name for name, _ in devices}}
    anew = 0
    after: list[Course] = []
    for one in devices:
        site = sites[one[0]]
        fresh, late = work[one]
        course = Course(connection, grounds[one[0]], one[1], rows.get(one))
        await course.take([_seen(site, fix) for fix in fresh], late)
        if course.behind and limit > anew:
            anew += await course.catch_up(limit - anew)
        after.append(course)
        touched.more = touched.more or course.behind
        if course.touched:
            touched.needs.add(Need("machine", f"{one[0]}/{one[1]}"))
    await save(connection, after)
    return anew


def _seen(site: SiteFile, fix: Fix) -> Seen:
    east, north = site.grid.metres(fix.lat, fix.lon)
    return Seen(fix.at, fix.id, east, north, sigma_of(fix.accuracy_m))


def _spans(times: Mapping[Device, Sequence[int]]) -> Mapping[Device, tuple[int, int]]:
    return {one: (min(some), max(some)) for one, some in times.items()}
