"""Claims are read by the site file: where a scanner stands, whose a code is. When that changes, scans of before are read again.

So are they, and fixes too, when a site is met for the first time: a log may be older than this room.
The log is gone through a bounded number of events at a time; nothing that stays true goes and comes again.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Row, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.codec import decode_event
from plumbline.errors import CodecError
from plumbline.event import Event, Fix
from plumbline.inbox import inbox
from plumbline.site import SiteFile
from tracking_service.geofence import claims, contradictions
from tracking_service.geofence.claims import Claim
from tracking_service.geofence.tables import claim, contradiction, surveyed
from tracking_service.log.tables import log, voided
from tracking_service.tables import insert

_KINDS: Final = ("scan", "check_in", "fix")
_SOME: Final = 400


def digest_of(site: SiteFile) -> str:
    """A short name of what a site file says of codes and of places; another one where a claim may read otherwise."""
    devices = [(device.id, device.kind, device.zone, device.codes) for device in site.devices]
    told = msgspec.json.encode((sorted(zone.id for zone in site.zones), devices))
    return hashlib.sha256(told).hexdigest()


async def due(connection: AsyncConnection, sites: Mapping[str, SiteFile]) -> Sequence[tuple[str, int]]:
    """The sites whose claims are to be read again, and behind which position of the log. Reads only."""
    rows = {row.site: row for row in await connection.execute(select(surveyed))}
    return [(name, _from(rows.get(name), digest_of(site))) for name, site in sites.items() if _is_due(rows.get(name), site)]


class Read(NamedTuple):
    """Events that were read again."""

    events: int
    """How many."""
    told: Sequence[Claim]
    fixes: Sequence[Fix]
    """They may be new."""


async def read(connection: AsyncConnection, sites: Mapping[str, SiteFile], name: str, after: int, limit: int) -> Read:
    """Read at most so many events of a site again, behind a position of the log.

    What an event claimed before and does not claim now is gone afterwards.
    """
    chosen = (
        select(log.c.position, log.c.ref, inbox.c.body)
        .join(inbox, inbox.c.event_id == log.c.ref)
        .where(log.c.kind == "event", log.c.site == name, log.c.position > after, inbox.c.kind.in_(_KINDS))
        .where(log.c.ref.not_in(select(voided.c.ref)))
        .order_by(log.c.position)
        .limit(limit)
    )
    rows = (await connection.execute(chosen)).all()
    events = [event for row in rows if (event := _read(row.body)) is not None]
    told: list[Claim] = []
    for place in range(0, len(events), _SOME):
        told += await _again(connection, events[place : place + _SOME], sites)
    values: dict[str, Any] = {"places": digest_of(sites[name]), "position": rows[-1].position if len(rows) == limit else None}
    statement = insert(connection, surveyed).values(site=name, **values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["site"], set_=values))
    return Read(len(rows), told, [event for event in events if isinstance(event, Fix)])


async def _again(connection: AsyncConnection, events: Sequence[Event], sites: Mapping[str, SiteFile]) -> Sequence[Claim]:
    before = select(*contradictions.CLAIM).where(claim.c.event_id.in_([event.id for event in events]))
    stood = [Claim(*row) for row in await connection.execute(before)]
    new = {(one.event_id, one.device): one for event in events for one in claims.claims_of(event, sites[event.site])}
    for one in stood:
        if new.get((one.event_id, one.device)) != one:
            for table in (claim, contradiction) if (one.event_id, one.device) not in new else (claim,):
                here = (table.c.event_id == one.event_id) & (table.c.device == one.device)
                await connection.execute(delete(table).where(here))
    return await contradictions.keep(connection, events, sites)


async def begun(connection: AsyncConnection, sites: Mapping[str, SiteFile]) -> None:
    """Every claim that stands was read with these site files: what is rebuilt need not be read again."""
    for name, site in sites.items():
        values: dict[str, Any] = {"places": digest_of(site), "position": None}
        statement = insert(connection, surveyed).values(site=name, **values)
        await connection.execute(statement.on_conflict_do_update(index_elements=["site"], set_=values))


def _is_due(row: Row[Any] | None, site: SiteFile) -> bool:
    return row is None or row.places != digest_of(site) or row.position is not None


def _from(row: Row[Any] | None, digest: str) -> int:
    return row.position or 0 if row is not None and row.places == digest else 0


def _read(body: bytes) -> Event | None:
    try:
        return decode_event(body)
    except CodecError:
        return None  # it stands among the unreadable, and claims nothing
