"""What a batch of events means, gathered first and written at once."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import tzinfo
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.event import CheckIn, Event, Inspection, Scan, State
from plumbline.linking import Known, Linked, Unlinked, identify, link
from plumbline.material import lacks_certificate
from plumbline.site import SiteFile
from plumbline.text import Text, visible
from tracking_service import activity, catalogue, machine_log, progress
from tracking_service.activity import Entry
from tracking_service.domain import wording
from tracking_service.outcome import Outcome
from tracking_service.tables import equipment_state, evidence, insert, insert_new, presence, unlinked_scan


class Draft:
    """The effects of a batch, before they are written.

    Args:
        sites: titles of devices and places.
        also: lines to bring up to date beside those that the batch touches.
    """

    def __init__(self, sites: Mapping[str, SiteFile], *, also: Collection[str] = ()) -> None:
        self._sites = sites
        self._names = catalogue.names_of(sites.values())
        self._also = also
        self._scans: list[Scan] = []
        self._unlinked: list[dict[str, Any]] = []
        self._presence: dict[tuple[str, str], CheckIn] = {}
        self._states: dict[tuple[str, str], list[State]] = defaultdict(list)
        self._entries: list[Entry] = []
        self._corrected: list[Event] = []

    def add(self, event: Event) -> None:
        """Take in an event; one whose time was corrected may have been taken in before."""
        if event.clock.original is not None:
            self._corrected.append(event)
        match event:
            case Scan():
                self._scans.append(event)
            case CheckIn():
                self._check_in(event)
            case State():
                self._state(event)
            case Inspection():
                self._inspection(event)
            case _:
                pass  # positions, readings and health move nothing here yet

    def refuse(self, row: Row[Any], why: str) -> None:
        """Take in a row whose event cannot be: it waits among the unlinked, with the reason."""
        reason = Text(f"the event cannot be read: {why}", f"事件无法读取：{why}")
        self._set_aside(row, row.event_id, "", "unreadable", reason)

    async def commit(self, connection: AsyncConnection, *, zones: Mapping[str, tzinfo], now: int) -> Outcome:
        """Write everything into the caller's transaction."""
        moved = await self._correct(connection)
        linked = await self._link(connection)
        lines = {share.line.id for _, found in linked for share in found.shares}.union(self._also, moved)
        recomputed = await progress.recompute(connection, lines, zones=zones, now=now)
        certified = await catalogue.with_certificates(connection, (share.line for _, found in linked for share in found.shares))
        batches = {scan.id: identify(scan.text, scan.gs1).batch for scan, _ in linked}
        for scan, found in linked:
            counted = any((scan.id, share.line.id) in recomputed.counted for share in found.shares)
            over = any(share.line.id in recomputed.over for share in found.shares)
            lacking = any(lacks_certificate(certified[share.line.id], batches[scan.id]) for share in found.shares)
            text = wording.brought(found.shares, counted=counted, over=over, lacking=lacking)
            level = "info" if not counted else "warn" if over or lacking else "good"
            self._entries.append(Entry(scan.id, scan.site, scan.at, "scan", text, level))
        await insert_new(connection, unlinked_scan, self._unlinked)
        await self._store_presence(connection)
        await self._store_states(connection)
        self._entries += activity.of_changes(recomputed.changes, now)
        entries = await activity.add(connection, self._entries)
        return Outcome(activity=entries, orders=recomputed.orders, notices=bool(recomputed.changes))

    async def _correct(self, connection: AsyncConnection) -> set[str]:
        """Move what was taken in at a wrong time; returns the lines to bring up to date. A scan that is known is not linked anew."""
        lines: set[str] = set()
        known: set[str] = set()
        for event in self._corrected:
            for table in (evidence, unlinked_scan):
                here = table.c.event_id == event.id
                if (await connection.execute(update(table).where(here).values(at=event.at))).rowcount:
                    known.add(event.id)
            if event.id in known:
                lines.update(
                    (await connection.execute(select(evidence.c.line_id).where(evidence.c.event_id == event.id))).scalars()
                )
            await activity.move(connection, event.id, event.at)
            await _move_newest(connection, event)
        self._scans = [scan for scan in self._scans if scan.id not in known]
        return lines

    async def _link(self, connection: AsyncConnection) -> list[tuple[Scan, Linked]]:
        identities = {scan.id: identify(scan.text, scan.gs1) for scan in self._scans}
        known = await catalogue.look_up(connection, identities.values(), self._names)
        linked: list[tuple[Scan, Linked]] = []
        rows: list[dict[str, Any]] = []
        for scan in self._scans:
            found = link(identities[scan.id], scan.site, known)
            if isinstance(found, Unlinked):
                self._set_aside(scan, scan.id, scan.text, found.reason, found.text)
                continue
            if isinstance(found, Known):
                self._tell(scan, "scan", wording.showed(found), "info")
                continue
            linked.append((scan, found))
            rows += [
                {
                    "event_id": scan.id,
                    "line_id": share.line.id,
                    "site": scan.site,
                    "device": scan.device,
                    "at": scan.at,
                    "piece": found.piece_of(scan.id),
                    "quantity": share.quantity,
                }
                for share in found.shares
            ]
        await insert_new(connection, evidence, rows)
        return linked

    def _check_in(self, event: CheckIn) -> None:
        last = self._presence.get((event.site, event.person))
        if last is None or last.at <= event.at:
            self._presence[event.site, event.person] = event
        site = self._sites.get(event.site)
        zone = site.zones_by_id.get(event.place) if site else None
        place = Text(zone.title_en, zone.title_zh) if zone else Text(visible(event.place, 64), visible(event.place, 64))
        self._tell(event, "check_in", wording.checked_in(event, place), "info")

    def _state(self, event: State) -> None:
        self._states[event.site, event.device].append(event)
        text = wording.changed_state(event, device_title(self._sites, event.site, event.device))
        self._tell(event, "state", text, "bad" if event.state == "fault" else "info")

    def _inspection(self, event: Inspection) -> None:
        level = {"passed": "good", "failed": "bad", "conditional": "warn"}[event.result]
        self._tell(event, "inspection", wording.inspected(event), level)

    def _tell(self, event: Event, kind: Any, text: Text, level: Any) -> None:
        self._entries.append(Entry(event.id, event.site, event.at, kind, text, level))

    def _set_aside(self, source: Scan | Row[Any], event_id: str, text: str, reason: str, told: Text) -> None:
        self._unlinked.append(
            {
                "event_id": event_id,
                "site": source.site,
                "device": source.device,
                "at": source.at,
                "text": visible(text),
                "reason": reason,
                "reason_en": visible(told.en, 512),
                "reason_zh": visible(told.zh, 512),
            }
        )
        self._entries.append(Entry(event_id, source.site, source.at, "unlinked", wording.waits(text, told), "warn"))

    async def _store_presence(self, connection: AsyncConnection) -> None:
        for (site, person), event in sorted(self._presence.items()):
            values = {
                "place": visible(event.place),
                "direction": event.direction,
                "role": visible(event.role) if event.role is not None else None,
                "at": event.at,
            }
            statement = insert(connection, presence).values(site=site, person=visible(person), **values)
            newer = presence.c.at <= event.at
            await connection.execute(
                statement.on_conflict_do_update(index_elements=["site", "person"], set_=values, where=newer)
            )

    async def _store_states(self, connection: AsyncConnection) -> None:
        for (site, device), events in sorted(self._states.items()):
            await machine_log.add(connection, site, device, events)
            here = (equipment_state.c.site == site) & (equipment_state.c.device == device)
            stored = (await connection.execute(select(equipment_state).where(here))).first()
            state, since, at, code = (stored.state, stored.since, stored.at, stored.code) if stored else (None, 0, -1, None)
            for event in sorted(events, key=lambda event: event.at):
                if event.at > at:
                    since = since if event.state == state else event.at
                    state, at, code = event.state, event.at, visible(event.code) if event.code is not None else None
            values = {"state": state, "since": since, "at": at, "code": code}
            statement = insert(connection, equipment_state).values(site=site, device=device, **values)
            await connection.execute(statement.on_conflict_do_update(index_elements=["site", "device"], set_=values))


async def _move_newest(connection: AsyncConnection, event: Event) -> None:
    """Where a corrected event is the newest of its person or machine, it was so at the right time."""
    before = event.clock.original
    if isinstance(event, CheckIn):
        here = (presence.c.site == event.site) & (presence.c.person == visible(event.person)) & (presence.c.at == before)
        await connection.execute(update(presence).where(here).values(at=event.at))
    elif isinstance(event, State):
        machine = (equipment_state.c.site == event.site) & (equipment_state.c.device == event.device)
        for column in (equipment_state.c.at, equipment_state.c.since):
            await connection.execute(update(equipment_state).where(machine & (column == before)).values({column: event.at}))


def device_title(sites: Mapping[str, SiteFile], site: str, device: str) -> Text:
    """A device as people know it; its id where the site file does not name it."""
    known = sites[site].devices_by_id.get(device) if site in sites else None
    return Text(known.title_en, known.title_zh) if known else Text(device, device)
