"""What a batch of events means: kept in the rooms, and told on the wall's list."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.event import CheckIn, Event, Inspection, Scan, State
from plumbline.linking import Known, Linked, Unlinked
from plumbline.site import SiteFile
from plumbline.text import Text, visible
from tracking_service import activity, notices, progress
from tracking_service.activity import Entry
from tracking_service.domain import wording
from tracking_service.domain.facts import Need
from tracking_service.domain.notice import Change
from tracking_service.geofence import room as geofence
from tracking_service.linking.points import Meant, Waits
from tracking_service.outcome import Outcome
from tracking_service.progress import Cause
from tracking_service.rooms import arrivals, check_ins, counting, inspections, machines
from tracking_service.rooms.arrivals import Stored
from tracking_service.rooms.counting import Settled
from tracking_service.rooms.ground import Ground

_LEVELS: Mapping[str, activity.Level] = {"passed": "good", "failed": "bad", "conditional": "warn"}
_CLOCK = Text("a gateway's clock was set right", "网关时钟已校正")


class Kept(NamedTuple):
    """What was written into the rooms, and what that touched."""

    stored: Stored
    checks: Sequence[tuple[Inspection, Meant | Waits]]
    needs: set[Need]
    changes: Sequence[Change]
    """What a room has to say by itself."""


class Draft:
    """The effects of a batch, before they are written.

    Args:
        ground: site files and time.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._events: dict[str, Event] = {}
        self._refused: list[dict[str, Any]] = []
        self._entries: list[Entry] = []

    def add(self, event: Event) -> None:
        """Take in an event; one whose time was corrected may have been taken in before."""
        self._events[event.id] = event

    def refuse(self, row: Any, why: str) -> None:
        """Take in a row whose event cannot be: it waits among the unlinked, with the reason."""
        told = Text(f"the event cannot be read: {why}", f"事件无法读取：{why}")
        self._refused.append(
            {
                "event_id": row.event_id,
                "site": row.site,
                "device": row.device,
                "at": row.at,
                "text": "",
                "reason": "unreadable",
                "reason_en": visible(told.en, 512),
                "reason_zh": visible(told.zh, 512),
            }
        )
        self._entries.append(Entry(row.event_id, row.site, row.at, "unlinked", wording.waits("", told), "warn"))

    async def store(self, connection: AsyncConnection) -> Kept:
        """Write what was seen into its rooms; what follows from it is not written yet."""
        gone = await arrivals.voided_of(connection, self._events)
        events = [event for event in self._events.values() if event.id not in gone]
        stored = await arrivals.store(connection, [event for event in events if isinstance(event, Scan)], self._ground)
        later = self._ground.deferred
        needs = await check_ins.store(connection, [event for event in events if isinstance(event, CheckIn)], deferred=later)
        needs |= await machines.store(connection, [event for event in events if isinstance(event, State)], deferred=later)
        seen = [event for event in events if isinstance(event, Inspection)]
        checks = await inspections.store(connection, seen, self._ground)
        await arrivals.refuse(connection, self._refused)
        visits = await geofence.store(connection, events, sites=self._ground.sites, deferred=later)
        return Kept(stored, checks.found, needs | checks.needs | visits.needs, visits.changes)

    async def commit(self, connection: AsyncConnection) -> Outcome:
        """Write everything into the caller's transaction."""
        now = self._ground.now
        stored, checks, needs, changes = await self.store(connection)
        settled = await counting.settle(connection, stored)
        touched = needs.union(Need("line", line) for line in settled.lines)
        moved = await progress.move(connection, await progress.counting_on(connection, touched), self._ground, self._cause())
        await notices.tell(connection, changes, now, zones=self._ground.zones)
        for event in self._events.values():
            if event.clock.original is not None:
                await activity.move(connection, event.id, event.at)
        entries = [*self._entries, *self._told(stored, settled, checks), *activity.of_changes([*moved.changes, *changes], now)]
        orders = moved.orders.union(line.partition("~")[0] for line in settled.lines)
        new = await activity.add(connection, entries)
        return Outcome(activity=new, orders=frozenset(orders), notices=bool(moved.changes or changes))

    def _cause(self) -> Cause:
        newest = max((event.at for event in self._events.values()), default=0)
        ids = [event.id for event in self._events.values()]
        if any(event.clock.original is not None for event in self._events.values()):
            return Cause("corrected", ids, newest, _CLOCK)
        return Cause("seen", ids, newest)

    def _told(self, stored: Stored, settled: Settled, checks: Sequence[tuple[Inspection, Meant | Waits]]) -> Sequence[Entry]:
        """The entries of what was seen, in its order."""
        found = {scan.id: entry_of(scan, found, settled, stored) for scan, found in stored.found}
        found |= {event.id: entry_of_check(event, one) for event, one in checks}
        told = [found.get(event.id) or self._entry(event) for event in self._events.values()]
        return [entry for entry in told if entry is not None]

    def _entry(self, event: Event) -> Entry | None:
        match event:
            case CheckIn():
                site = self._ground.sites.get(event.site)
                zone = site.zones_by_id.get(event.place) if site else None
                shown = visible(event.place, 64)
                place = Text(zone.title_en, zone.title_zh) if zone else Text(shown, shown)
                return Entry(event.id, event.site, event.at, "check_in", wording.checked_in(event, place), "info")
            case State():
                text = wording.changed_state(event, device_title(self._ground.sites, event.site, event.device))
                return Entry(event.id, event.site, event.at, "state", text, "bad" if event.state == "fault" else "info")
            case _:
                return None  # positions, readings and health are not told one by one


def entry_of(scan: Scan, found: arrivals.Found, settled: Settled, stored: Stored) -> Entry:
    """What became of a scan, for the wall."""
    match found:
        case Unlinked():
            return Entry(scan.id, scan.site, scan.at, "unlinked", wording.waits(scan.text, found.text), "warn")
        case Known():
            return Entry(scan.id, scan.site, scan.at, "scan", wording.showed(found), "info")
        case Linked():
            lines = {share.line.id for share in found.shares}
            counted = any((scan.id, line) in settled.counted for line in lines)
            over = bool(lines & settled.over)
            lacking = scan.id in stored.lacking
            text = wording.brought(found.shares, counted=counted, over=over, lacking=lacking)
            level = "info" if not counted else "warn" if over or lacking else "good"
            return Entry(scan.id, scan.site, scan.at, "scan", text, level)


def entry_of_check(event: Inspection, found: Meant | Waits) -> Entry:
    """What became of an inspection, for the wall."""
    if isinstance(found, Waits):
        return Entry(event.id, event.site, event.at, "unlinked", wording.waits(event.check, found.text), "warn")
    text = wording.inspected(event, found.point.title, found.point.order)
    return Entry(event.id, event.site, event.at, "inspection", text, _LEVELS[event.result])


def device_title(sites: Mapping[str, SiteFile], site: str, device: str) -> Text:
    """A device as people know it; its id where the site file does not name it."""
    known = sites[site].devices_by_id.get(device) if site in sites else None
    return Text(known.title_en, known.title_zh) if known else Text(device, device)
