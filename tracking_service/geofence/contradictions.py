"""Claims and fixes that cannot both be true, kept as tasks with both sides as evidence."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.event import CheckIn, Event, Scan
from plumbline.site import SiteFile
from plumbline.text import Text
from tracking_service.domain.notice import Change, Said
from tracking_service.geofence import claims
from tracking_service.geofence.claims import Claim, Contradicted
from tracking_service.geofence.fence import fences_of
from tracking_service.geofence.folding import seen
from tracking_service.geofence.stay import Seen
from tracking_service.geofence.tables import claim, contradiction, movement, settled
from tracking_service.tables import insert

#: A scanner that moves stands where its own fix within this time says (ns).
_STANDS_NS: Final = 120 * 1_000_000_000
#: The most devices of one query, and the last time that a database can name.
_SOME: Final = 400
_LAST: Final = 2**63 - 1
#: The columns that make a `Claim`.
CLAIM: Final = tuple(getattr(claim.c, name) for name in Claim._fields)


async def keep(connection: AsyncConnection, events: Sequence[Event], sites: Mapping[str, SiteFile]) -> Sequence[Claim]:
    """Write down what the events claim; returns what is new, or moved because the event's clock was corrected."""
    told = [
        one
        for event in events
        if isinstance(event, Scan | CheckIn) and event.site in sites
        for one in claims.claims_of(event, sites[event.site])
    ]
    if not told:
        return ()
    unique = {(one.event_id, one.device): one for one in told}
    for one in unique.values():
        here = and_(claim.c.event_id == one.event_id, claim.c.device == one.device, claim.c.at != one.at)
        await connection.execute(update(claim).where(here).values(at=one.at))
    await connection.execute(insert(connection, claim).on_conflict_do_nothing(), [one._asdict() for one in unique.values()])
    return list(unique.values())


async def touched(connection: AsyncConnection, spans: Mapping[tuple[str, str], tuple[int, int]]) -> Sequence[Claim]:
    """The claims of which fixes of these devices (site, device), between these times, may say something."""
    found: dict[tuple[str, str], Claim] = {}
    every = sorted(spans)
    for place in range(0, len(every), _SOME):
        some = every[place : place + _SOME]
        first = min(spans[one][0] for one in some) - claims.AGREES_NS
        last = max(spans[one][1] for one in some) + claims.WINDOW_NS
        sites, devices = {site for site, _ in some}, {device for _, device in some}
        whose = or_(claim.c.device.in_(devices), claim.c.source.in_(devices))
        here = and_(claim.c.site.in_(sites), whose, claim.c.at >= first, claim.c.at <= min(last, _LAST))
        for row in await connection.execute(select(*CLAIM).where(here)):
            one = Claim(*row)
            if any(_within(one, spans.get((one.site, device))) for device in (one.device, one.source)):
                found[one.event_id, one.device] = one
    return list(found.values())


def _within(one: Claim, span: tuple[int, int] | None) -> bool:
    return span is not None and span[0] - claims.AGREES_NS <= one.at <= span[1] + claims.WINDOW_NS


async def of_devices(connection: AsyncConnection, site: str, devices: Collection[str]) -> Sequence[Claim]:
    """Every claim of these devices."""
    here = and_(claim.c.site == site, or_(claim.c.device.in_(devices), claim.c.source.in_(devices)))
    return [Claim(*row) for row in await connection.execute(select(*CLAIM).where(here))]


async def of_site(connection: AsyncConnection, site: str) -> Sequence[Claim]:
    """Every claim of a site."""
    return [Claim(*row) for row in await connection.execute(select(*CLAIM).where(claim.c.site == site))]


async def drop(connection: AsyncConnection, ids: Sequence[str]) -> None:
    """The events do not count any more."""
    await connection.execute(delete(claim).where(claim.c.event_id.in_(ids)))
    await connection.execute(delete(contradiction).where(contradiction.c.event_id.in_(ids)))


async def judge(connection: AsyncConnection, told: Iterable[Claim], sites: Mapping[str, SiteFile]) -> Sequence[Change]:
    """Bring contradictions up to date with what is known of these claims; returns those that are new."""
    new: list[Change] = []
    for one in {(one.event_id, one.device): one for one in told}.values():
        site = sites.get(one.site)
        found = await _contradicted(connection, one, site) if site is not None else None
        here = and_(contradiction.c.event_id == one.event_id, contradiction.c.device == one.device)
        if site is None or found is None:
            await connection.execute(delete(contradiction).where(here))
            continue
        lat, lon = site.grid.position(found.fix.east, found.fix.north)
        origin = (await connection.execute(select(movement).where(movement.c.event_id == found.fix.id))).one()
        values = {
            "site": one.site,
            "at": one.at,
            "zone": one.zone,
            "fix_id": found.fix.id,
            "fix_at": found.fix.at,
            "lat": origin.lat,
            "lon": origin.lon,
            "accuracy_m": origin.accuracy_m,
            "distance_m": round(found.distance_m, 1),
            "resolved_at": found.resolved.at if found.resolved is not None else None,
            "resolved_id": found.resolved.id if found.resolved is not None else None,
        }
        known = (await connection.execute(select(contradiction.c.at).where(here))).first()
        statement = insert(connection, contradiction).values(event_id=one.event_id, device=one.device, **values)
        await connection.execute(statement.on_conflict_do_update(index_elements=["event_id", "device"], set_=values))
        if known is None and found.resolved is None and not await _settled(connection, one):
            new.append(_told(one, found, site, lat, lon))
    return new


async def _settled(connection: AsyncConnection, one: Claim) -> bool:
    here = and_(settled.c.event_id == one.event_id, settled.c.device == one.device)
    return (await connection.execute(select(settled.c.act_id).where(here))).first() is not None


async def _contradicted(connection: AsyncConnection, one: Claim, site: SiteFile) -> Contradicted | None:
    distance = await _distance(connection, one, site)
    if distance is None:
        return None
    around = [
        *await _fixes(connection, site, one.device, one.at - claims.WINDOW_NS, one.at, newest=claims.ASKED),
        *await _fixes(connection, site, one.device, min(one.at + 1, _LAST), one.at + claims.WINDOW_NS, oldest=claims.ASKED),
    ]
    if claims.judge(one.at, around, (), distance) is None:
        return None
    later = await _fixes(connection, site, one.device, min(one.at + 1, _LAST), one.at + claims.AGREES_NS)
    return claims.judge(one.at, around, later, distance)


async def _distance(connection: AsyncConnection, one: Claim, site: SiteFile) -> Callable[[Seen], float] | None:
    """How far a fix is from where the claim says; `None`: nobody knows where that is."""
    if one.zone:
        fence = next((fence for fence in fences_of(site) if fence.zone == one.zone), None)
        return None if fence is None else lambda fix: fence.distance(fix.east, fix.north)
    near = await _fixes(connection, site, one.source, one.at - _STANDS_NS, one.at + _STANDS_NS)
    if not near:
        return None
    return claims.from_point(min(near, key=lambda fix: (abs(fix.at - one.at), fix.at, fix.id)))


async def _fixes(
    connection: AsyncConnection,
    site: SiteFile,
    device: str,
    first: int,
    last: int,
    *,
    newest: int | None = None,
    oldest: int | None = None,
) -> Sequence[Seen]:
    """Fixes of a device between two times, in order; at most so many of the newest or oldest."""
    table = movement.c
    here = and_(table.site == site.id, table.device == device, table.at >= first, table.at <= min(last, _LAST))
    turned = (table.at.desc(), table.event_id.desc()) if newest else (table.at, table.event_id)
    rows = await connection.execute(select(movement).where(here).order_by(*turned).limit(newest or oldest))
    found = [seen(site, row) for row in rows]
    return found[::-1] if newest else found


def _told(one: Claim, found: Contradicted, site: SiteFile, lat: float, lon: float) -> Change:
    sentence = wording(site, kind=one.kind, device=one.device, zone=one.zone, source=one.source, distance_m=found.distance_m)
    return Change(
        event=Said("contradiction", f"{one.event_id}|{one.device}"),
        site=one.site,
        order=None,
        subject=one.device,
        headline=sentence,
        at=one.at,
        data={
            "event_id": one.event_id,
            "fix_id": found.fix.id,
            "device": one.device,
            "zone": one.zone or None,
            "distance_m": round(found.distance_m, 1),
            "lat": lat,
            "lon": lon,
        },
    )


def wording(site: SiteFile, *, kind: str, device: str, zone: str, source: str, distance_m: float) -> Text:
    """A contradiction in one sentence."""
    who = _title(site, device)
    where = site.zones_by_id.get(zone)
    place = Text(where.title_en, where.title_zh) if where is not None else _title(site, source)
    far_en, far_zh = _far(distance_m)
    if kind == "check_in":
        return Text(
            f"{who.en} checked in at {place.en}, but the GPS of the same person is {far_en} away",
            f"{who.zh} 在{place.zh}打卡，但其 GPS 位置在 {far_zh}外",
        )
    return Text(
        f"{who.en} was scanned at {place.en}, but its GPS is {far_en} away",
        f"{who.zh} 在{place.zh}被扫描，但其 GPS 位置在 {far_zh}外",
    )


def _far(metres: float) -> tuple[str, str]:
    if metres < 1000:
        return f"{metres:.0f} m", f"{metres:.0f} 米"
    return f"{metres / 1000:.1f} km", f"{metres / 1000:.1f} 公里"


def _title(site: SiteFile, device: str) -> Text:
    known = site.devices_by_id.get(device)
    return Text(known.title_en, known.title_zh) if known is not None else Text(device, device)
