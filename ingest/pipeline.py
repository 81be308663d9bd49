"""The pipeline, in the order in which a group of messages goes through it.

    receive → decode → validate → ledger check → enrich → points → inbox → commit → watermark

`receive` and `watermark` are MQTT's side (`ingest.receive`); decode and validate make a `Parcel` of each message
(`ingest.parcel`); everything between is `Pipeline.commit`, one SQL transaction for all messages that waited. The classes
differ in one thing: telemetry's points are in the series store before the ledger says so, business waits for no series
store (its points follow from the inbox, `ingest.projector`).

A group may be tried any number of times and be cut off anywhere: points and inbox rows are idempotent, and the ledger's
row locks decide which worker counts a number.
"""

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ingest import corrections, deadletters, gateways, ledger, mail
from ingest.desks import Desks
from ingest.gateways import Heard, Place
from ingest.metrics import Metrics
from ingest.movement import Movements, Selection
from ingest.parcel import Letter, Parcel, wrong_with
from plumbline import codec, ranges
from plumbline.delivery import StreamKey, Watermark
from plumbline.event import Event, EventClass, Fix, Health
from plumbline.series import Point, SeriesWriter
from plumbline.site import SiteFile

_log: Final = structlog.get_logger()

#: Where a test may stop the pipeline: after each of these nothing but the next step has not happened yet.
STEPS: Final = ("points", "ledger", "inbox", "commit", "watermark", "acknowledge")
Checkpoint = Callable[[str], Awaitable[None]]
Beside = Callable[[AsyncConnection, Sequence[Parcel]], Awaitable[None]]
"""What else belongs into the transaction that settles these parcels; raising undoes all of it."""


async def pass_by(_step: str) -> None:
    """The checkpoint outside tests."""


@dataclass(slots=True)
class Outcome:
    """What a committed group leaves to do."""

    watermarks: list[Watermark] = field(default_factory=list[Watermark])
    delivered: int = 0
    """Events offered to the inbox."""


class Pipeline:
    """Takes groups of parcels of one class to their commit.

    Args:
        engine: the SQL database, migrated.
        store: where telemetry's points go; called from one task at a time.
        sites: the site files by id.
        event_class: the class of every parcel that comes here.
        metrics: counters.
        retention: what bounds the dead letters.
        clock: UTC in ns.
        checkpoint: awaited after each of `STEPS`; tests cut the pipeline off there.
        beside: done first in the transaction of each group; where groups are taken apart, in that of each part.
    """

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        store: SeriesWriter,
        sites: Mapping[str, SiteFile],
        event_class: EventClass,
        metrics: Metrics,
        retention: deadletters.Retention,
        clock: Callable[[], int] = time.time_ns,
        checkpoint: Checkpoint = pass_by,
        beside: Beside | None = None,
    ) -> None:
        self._engine = engine
        self._store = store
        self._sites = sites
        self._class: EventClass = event_class
        self._metrics = metrics
        self._retention = retention
        self._clock = clock
        self._checkpoint = checkpoint
        self._beside = beside
        self._desks = Desks(sites)
        self._movements = Movements()
        self._health_at: dict[Place, int] = {}

    async def commit(self, parcels: Sequence[Parcel]) -> Outcome:
        """Take a group through to its commit.

        Raises `SeriesUnavailableError` or SQLAlchemy's `DBAPIError` and `OSError` where a store is away: nothing is
        committed then, and the same group is to be tried again.
        """
        self._take_leave(parcels)
        await self._straighten(parcels)
        refused = await self._write_points(parcels) if self._class == "telemetry" else []
        await self._checkpoint("points")
        try:
            return await self._settle(parcels, refused)
        except (DataError, IntegrityError) as error:
            if len(parcels) > 1:  # one of them is to blame: each on its own
                outcome = Outcome()
                for parcel in parcels:
                    one = await self.commit([parcel])
                    outcome.watermarks += one.watermarks
                    outcome.delivered += one.delivered
                return outcome
            detail = f"{parcels[0].topic}: the database refuses it: {error.orig}"
        try:
            return await self._settle([_all_refused(parcels[0], detail)], refused)
        except (DataError, IntegrityError):  # not its events but what it says of itself: nothing of it can be counted
            letter = Letter(parcels[0].topic, "database_refused", detail, parcels[0].payload)
            whole = Parcel(parcels[0].topic, b"", parcels[0].received_at, parcels[0].ack, letters=[letter])
            return await self._settle([whole], refused)

    def _take_leave(self, parcels: Sequence[Parcel]) -> None:
        """Refuse events of a site that was removed since they were opened, before anything was made of it."""
        for parcel in parcels:
            if parcel.header is None or not parcel.events or self._desks.of(parcel.header.site).site is not None:
                continue
            for event in parcel.events:
                word, detail = wrong_with(event, None, parcel.received_at) or ("unknown_site", event.site)
                letter = Letter(parcel.topic, word, detail, codec.encode(event), parcel.header.stream, event.seq)
                parcel.refused.append(letter)
            parcel.events = []
            parcel.refused.sort(key=lambda letter: letter.seq or 0)

    async def _straighten(self, parcels: Sequence[Parcel]) -> None:
        """Correct events whose time nobody vouched for when they left, where it is known by now."""
        if gateways_in_doubt := corrections.doubtful(parcels):
            async with self._engine.connect() as connection:
                await connection.execution_options(read_only=True)
                references = await corrections.known(connection, gateways_in_doubt)
            if references:
                corrections.straighten(parcels, references, self._sites)

    async def _write_points(self, parcels: Sequence[Parcel]) -> list[Letter]:
        """Telemetry: the points of events that are not settled; returns letters for those that the store refuses."""
        keys = {parcel.header.stream for parcel in parcels if parcel.header}
        if not keys:
            return []
        async with self._engine.connect() as connection:
            await connection.execution_options(read_only=True)
            settled = await ledger.peek(connection, keys)
        by_site: dict[str, list[Event]] = defaultdict(list)
        topic_of: dict[str, str] = {}
        for parcel in parcels:
            if parcel.header is not None and parcel.events:
                stream = parcel.header.stream
                step = ledger.settle(settled[stream], parcel.header.ranges, ())
                settled[stream] = step.settled
                by_site[stream.site] += _chosen(parcel.events, step.fresh, ranges.count(parcel.header.ranges))
                topic_of[stream.site] = parcel.topic
        points = [point for site, events in by_site.items() for point in self._points(site, events)]
        if not points:
            return []
        letters: list[Letter] = []
        for point, reason in await self._store.write(points):
            site = point.tags.get("site", "")
            event = self._origin(point, by_site.get(site, []))
            letters.append(refused_point(point, reason, event, topic_of.get(site, "")))
        return letters

    def _points(self, site: str, events: Sequence[Event]) -> list[Point]:
        maker = self._desks.of(site).maker
        assert maker is not None, "events of unknown sites are refused before"
        return maker.points(events)

    def _origin(self, point: Point, events: Sequence[Event]) -> Event | None:
        """The event that a refused point was made of."""
        return next((e for e in events if e.device == point.tags.get("device") and point in self._points(e.site, [e])), None)

    async def _settle(self, parcels: Sequence[Parcel], refused: Sequence[Letter]) -> Outcome:
        """Ledger, inbox, dead letters and gateways in one transaction."""
        now = self._clock()
        outcome = Outcome()
        heard: dict[Place, Heard] = {}
        uncounted = [*refused, *(letter for parcel in parcels for letter in parcel.letters)]
        counted: list[tuple[Letter, str]] = []
        selection = Selection([], {})
        async with self._engine.begin() as connection:
            if self._beside is not None:
                await self._beside(connection, parcels)
            keys = {parcel.header.stream for parcel in parcels if parcel.header}
            accounts = await ledger.lock(connection, keys, now) if keys else {}
            fresh: list[Event] = []
            for parcel in parcels:
                if parcel.header is not None:
                    taken, buried = self._enter(parcel, accounts[parcel.header.stream], now)
                    fresh += taken
                    counted += buried
            self._hear(accounts, fresh, heard)
            if accounts:
                await ledger.save(connection, accounts, now)
            await self._checkpoint("ledger")
            if self._class == "telemetry":
                selection = self._movements.choose(event for event in fresh if type(event) is Fix)
                outcome.delivered = await mail.deliver(connection, selection.fixes, now=now, projected=True)
            else:
                timed = [event for event in fresh if not event.clock.unset]
                outcome.delivered = await mail.deliver(connection, timed, now=now, projected=False)
                if len(timed) < len(fresh):  # no points at a time that is certainly wrong: they wait for the correction
                    untimed = [event for event in fresh if event.clock.unset]
                    outcome.delivered += await mail.deliver(connection, untimed, now=now, projected=True)
            await deadletters.keep(connection, [*((letter, None) for letter in uncounted), *counted], now=now)
            await gateways.hear(connection, heard, now)
            await self._checkpoint("inbox")
        await self._checkpoint("commit")
        self._movements.remember(selection)
        outcome.watermarks = [account.watermark() for _, account in sorted(accounts.items())]
        letters = [*uncounted, *(letter for letter, _ in counted)]
        self._count(accounts, letters)
        if letters and (gone := await self._retention.added(self._engine, letters)):
            _log.warning("dead letters over the limit removed", count=gone)
        return outcome

    def _enter(self, parcel: Parcel, account: ledger.Account, now: int) -> tuple[list[Event], list[tuple[Letter, str]]]:
        """Enter one parcel: its fresh events, and its fresh refused ones with the day that counts them."""
        assert parcel.header is not None
        calendar = self._desks.of(parcel.header.site).calendar
        numbers = account.enter(parcel.header, now, calendar)
        if numbers is None:
            _log.warning("batch left to the gateway: too many holes", topic=parcel.topic, limit=ledger.MAX_BEYOND)
            return [], []
        total = ranges.count(parcel.header.ranges)
        taken = _chosen(parcel.events, numbers, total)
        repeated: list[Event] = []
        if len(taken) < len(parcel.events):
            known = {event.seq for event in taken}
            repeated = [event for event in parcel.events if event.seq not in known]
        account.book(taken, repeated, now, calendar)
        if not parcel.refused:
            return taken, []
        buried = ledger.pick([(letter.seq or 0, letter) for letter in parcel.refused], numbers, total)
        day = calendar.day(now)
        account.bury([letter.seq or 0 for letter in buried], len(parcel.refused) - len(buried), day)
        return taken, [(letter, day) for letter in buried]

    def _hear(self, accounts: Mapping[StreamKey, ledger.Account], fresh: Sequence[Event], heard: dict[Place, Heard]) -> None:
        """What the group says of its gateways; older health than was heard before is passed over."""
        for key in accounts:
            heard.setdefault((key.site, key.gateway), Heard())
        for event in fresh:
            what = heard[event.site, event.gateway]
            if what.data_until is None or event.at > what.data_until:
                what.data_until = event.at
            if type(event) is Health and event.at >= self._health_at.get((event.site, event.gateway), 0):
                self._health_at[event.site, event.gateway] = event.at
                what.health = codec.encode(event)

    def _count(self, accounts: Mapping[StreamKey, ledger.Account], letters: Sequence[Letter]) -> None:
        for account in accounts.values():
            for outcome in ("received", "duplicate", "dead", "thinned"):
                self._metrics.events.labels(self._class, outcome).inc(getattr(account.totals, outcome))
        for letter in letters:
            self._metrics.letters.labels(letter.reason).inc()


def _chosen(events: list[Event], fresh: ranges.Pairs, total: int) -> list[Event]:
    """The events whose number is fresh; all of them where every number of the batch is (the common case costs nothing)."""
    if ranges.count(fresh) == total:
        return events
    return ledger.pick([(event.seq, event) for event in events], fresh, total) if fresh else []


def refused_point(point: Point, reason: str, event: Event | None, topic: str) -> Letter:
    """The letter about a point that the store will never take."""
    detail = f"the series store refuses a point of '{point.measurement}' by {point.tags.get('device')}: {reason}"
    if event is None:
        return Letter(topic, "point_refused", detail, repr(point).encode())
    stream = StreamKey(event.site, event.gateway, event.epoch, event.event_class)
    return Letter(topic, "point_refused", detail, codec.encode(event), stream, event.seq)


def _all_refused(parcel: Parcel, detail: str) -> Parcel:
    """A parcel whose content the database will not take: every event of it becomes a letter."""
    if parcel.header is None:
        return parcel
    stream = parcel.header.stream
    letters = [
        Letter(parcel.topic, "database_refused", detail, codec.encode(event), stream, event.seq) for event in parcel.events
    ]
    refused = sorted([*parcel.refused, *letters], key=lambda letter: letter.seq or 0)
    return Parcel(parcel.topic, parcel.payload, parcel.received_at, parcel.ack, parcel.header, [], refused, parcel.letters)
