"""The pipeline, in the order in which a group of messages goes through it.

    receive → open (decode, validate) → ledger peek → enrich, points → store → ledger, inbox → commit → watermark → acknowledge

Receiving, the watermark and the acknowledgement are MQTT's side (`ingest.receiving.receive`); opening makes a `Parcel` of each message
(`ingest.receiving.parcel`). What lies between has three stages, so that groups can follow each other closely: `prepare` (peek, points,
and the write to the store is begun), `store` (the write is waited for), `settle` (one SQL transaction for the whole group).
The classes differ in one thing: telemetry's points are in the series store before the ledger says so, business waits for no
series store (its points and its heat follow from the inbox, `ingest.projection.projector`).

Each stage may be tried any number of times and be cut off anywhere: points and inbox rows are idempotent, and the ledger's
row locks decide which worker counts a number. Where a write fails, those begun behind it are written again after it, and none
is begun before it is made up for, so that the points of a series are stored in the order of the groups whatever happens.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

import structlog
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ingest import deadletters
from ingest.clocks import corrections
from ingest.heat.presence import Found
from ingest.heat.record import Recorder
from ingest.ledger import books
from ingest.ledger.account import Account
from ingest.ledger.streams import Entry, Stream, sort, unsettled
from ingest.operations import gateways
from ingest.operations.gateways import Heard, Place
from ingest.operations.metrics import Metrics
from ingest.projection import mail
from ingest.projection.movement import Movements, Selection
from ingest.projection.origins import origins
from ingest.receiving.parcel import Letter, Parcel, wrong_with
from ingest.registry.budgets import Budgets
from ingest.registry.desks import Desks
from ingest.rollups.marks import Marks
from ingest.tables import COUNTS
from plumbline import codec
from plumbline.delivery import StreamKey, Watermark
from plumbline.event import Event, EventClass, Fix, Health
from plumbline.prepared import together
from plumbline.ranges import Pairs
from plumbline.series import Point, RefusedPoint, SeriesUnavailableError, SeriesWriter
from plumbline.site import SiteFile

_log: Final = structlog.get_logger()

#: Where a test may stop the pipeline: after each of these nothing but the next step has not happened yet.
STEPS: Final = ("opened", "points", "ledger", "inbox", "commit", "watermark", "acknowledge")
#: Gateways whose last word of health is remembered.
_MOST_GATEWAYS: Final = 10_000
#: Streams whose highest number is remembered; they are named by whoever publishes, too.
_MOST_STREAMS: Final = 10_000
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
    newest: int = 0
    """The newest time taken in (ns); 0: nothing was."""

    def add(self, other: "Outcome") -> None:
        """Put what another part of the same group leaves to this."""
        self.watermarks += other.watermarks
        self.delivered += other.delivered
        self.newest = max(self.newest, other.newest)


@dataclass(slots=True)
class Group:
    """Parcels on their way through the stages."""

    parcels: Sequence[Parcel]
    streams: dict[StreamKey, Stream]
    trusted: bool = False
    points: Sequence[Point] = ()
    """What is not stored yet."""
    write: asyncio.Future[Sequence[RefusedPoint]] | None = None
    failures: int = 0
    """How many writes had failed when this one was begun."""
    letters: list[Letter] = field(default_factory=list[Letter])
    """About points that the store refused."""
    bodies: Sequence[bytes] = ()
    """Business: all events as JSON, in order."""

    def give_up(self) -> None:
        """Wait for nothing any more; points that are on their way may arrive or not."""
        if self.write is not None:
            self.write.cancel()
            self.write = None


class Pipeline:
    """Takes groups of parcels of one class to their commit.

    Args:
        engine: the SQL database, migrated.
        store: where telemetry's points go; two writes may be under way.
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
        self._budgets = Budgets(engine=engine, sites=sites, clock=clock)
        self._movements = Movements()
        self._heat = Recorder()
        self._marks = Marks()
        self._health_at: dict[Place, int] = {}
        self._failures = 0
        self._failing: set[int] = set()
        self._highest: dict[StreamKey, int] = {}

    async def commit(self, parcels: Sequence[Parcel], *, trusted: bool = False) -> Outcome:
        """Take a group through all stages. `trusted`: somebody vouches for its numbers, however far they leap.

        Raises what the stages raise; the same group may be tried again then.
        """
        group = await self.prepare(parcels, trusted=trusted)
        try:
            await self.store(group)
        finally:
            group.give_up()
            self._failing.discard(id(group))
        return await self.settle(group)

    async def prepare(self, parcels: Sequence[Parcel], *, trusted: bool = False) -> Group:
        """Straighten times, keep to the budgets of names, look what the ledger has already, make points and begin to write them.

        Raises SQLAlchemy's `DBAPIError` and `OSError` where the database is away; nothing was begun then.
        """
        self._take_leave(parcels)
        await self._straighten(parcels)
        await self._budgets.apply(parcels)
        group = Group(parcels, sort(parcels), trusted=trusted)
        if self._class == "telemetry":
            await self._points(group)
            if group.points and not self._failing:  # else one before it is to be written again first
                self._write(group)
        else:
            group.bodies = [codec.encode(event) for parcel in parcels for event in parcel.events]
        return group

    async def store(self, group: Group) -> Group:
        """Wait until the store has the points. Raises `SeriesUnavailableError` where it is away: to be tried again."""
        while group.points:
            if group.write is None:
                self._write(group)
            try:
                letters = await self._stored(group)
            except SeriesUnavailableError:
                self._failures += 1
                self._failing.add(id(group))
                raise
            if group.failures == self._failures:  # else a group before this one was stored after it
                group.letters, group.points = letters, ()
                self._failing.discard(id(group))
        await self._checkpoint("points")
        return group

    async def settle(self, group: Group) -> Outcome:
        """Ledger, inbox, dead letters and gateways in one transaction; what the database refuses becomes dead letters.

        Raises SQLAlchemy's `DBAPIError` and `OSError` where the database is away; nothing is committed then.
        """
        try:
            return await self._settle(group)
        except (DataError, IntegrityError) as error:
            if len(group.parcels) > 1:  # one of them is to blame: each on its own
                outcome = Outcome()
                for parcel in group.parcels:
                    outcome.add(await self.settle(self._part(group, parcel)))
                return outcome
            [parcel] = group.parcels
            detail = f"{parcel.topic}: the database refuses it: {error.orig}"
        try:
            return await self._settle(self._part(group, _all_refused(parcel, detail)))
        except (DataError, IntegrityError):  # not its events but what it says of itself: nothing of it can be counted
            letter = Letter(parcel.topic, "database_refused", detail, parcel.payload)
            whole = Parcel(parcel.topic, b"", parcel.received_at, parcel.ack, letters=[letter])
            return await self._settle(self._part(group, whole))

    def _part(self, group: Group, parcel: Parcel) -> Group:
        """One parcel as a group of its own; the letters of the whole go with the first that is settled."""
        part = Group([parcel], sort([parcel]), trusted=group.trusted, letters=group.letters)
        group.letters = []
        return part

    def _take_leave(self, parcels: Sequence[Parcel]) -> None:
        """Refuse events of a site that was removed since they were opened, before anything was made of it."""
        gone = {
            site for site in {parcel.header.site for parcel in parcels if parcel.header} if self._desks.of(site).site is None
        }
        for parcel in parcels if gone else ():
            if parcel.header is None or not parcel.events or parcel.header.site not in gone:
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

    async def _points(self, group: Group) -> None:
        """The points of events that are not settled yet."""
        if not any(parcel.events for parcel in group.parcels):
            return
        settled: Mapping[StreamKey, Pairs] = {}
        if doubtful := [key for key, stream in group.streams.items() if not self._ahead(stream)]:
            async with self._engine.connect() as connection:
                await connection.execution_options(read_only=True)
                settled = await books.peek(connection, doubtful)
        by_site: dict[str, list[Event]] = defaultdict(list)
        for key, stream in group.streams.items():
            by_site[key.site] += unsettled(stream, settled.get(key, ()))
        group.points = [point for site, events in by_site.items() if events for point in self._made(site, events)]

    def _ahead(self, stream: Stream) -> bool:
        """Whether all numbers lie beyond those that came this way before: then the ledger need not be asked what it has.

        It may have them all the same, from another worker: then their points are written again, which changes nothing.
        """
        seen = self._highest.get(stream.key)
        if len(self._highest) > _MOST_STREAMS:
            self._highest.clear()
        self._highest[stream.key] = max(seen or 0, stream.highest)
        return seen is not None and bool(stream.numbers) and stream.numbers[0][0] > seen

    def _made(self, site: str, events: Sequence[Event]) -> Sequence[Point]:
        maker = self._desks.of(site).maker
        assert maker is not None, "events of unknown sites are refused before"
        return maker.points(events)

    def _write(self, group: Group) -> None:
        group.failures = self._failures
        group.write = asyncio.ensure_future(self._store.write(group.points))

    async def _stored(self, group: Group) -> list[Letter]:
        """Letters for the points that the store refuses."""
        assert group.write is not None
        write, group.write = group.write, None
        refused = await write
        if not refused:
            return []
        topics = {parcel.header.site: parcel.topic for parcel in group.parcels if parcel.header is not None}
        events = chain.from_iterable(parcel.events for parcel in group.parcels)
        found = origins([point for point, _ in refused], events, lambda event: self._made(event.site, [event]))
        return [
            refused_point(point, reason, event, topics.get(point.tags.get("site", ""), ""))
            for (point, reason), event in zip(refused, found, strict=True)
        ]

    async def _settle(self, group: Group) -> Outcome:
        now = self._clock()
        parcels, streams = group.parcels, group.streams
        outcome = Outcome()
        entry = Entry()
        letters = [*group.letters, *(letter for parcel in parcels for letter in parcel.letters)]
        selection = Selection([], {})
        heat: Mapping[str, Found] = {}
        async with self._engine.begin() as connection:
            if self._beside is not None:
                await self._beside(connection, parcels)
            accounts = await books.lock(connection, streams.keys(), now) if streams else {}
            for key, stream in streams.items():
                entry.enter(stream, accounts[key], self._desks.of(key.site).calendar, now, trusted=group.trusted)
            fresh = entry.fresh(parcels, streams)
            await self._checkpoint("ledger")
            kinds: set[type[Event]] = set(map(type, fresh))
            async with together(connection):
                if accounts:
                    await books.save(connection, accounts, now)
                noted = await self._marks.note(connection, fresh, kinds, {key.site for key in streams})
                if self._class == "telemetry":
                    heat = self._heat.new(fresh, self._desks, {key.site for key in streams})
                    if Fix in kinds:
                        selection = self._movements.choose([event for event in fresh if type(event) is Fix])
                    outcome.delivered = await mail.deliver(connection, selection.fixes, now=now, projected=True)
                else:
                    outcome.delivered = await mail.post(connection, fresh, group.bodies, now=now)
                letters += entry.letters
                await deadletters.keep(connection, [*((letter, None) for letter in letters), *entry.buried], now=now)
                await gateways.hear(connection, self._heard(entry, fresh if Health in kinds else ()), now)
                if heat:
                    await self._heat.record(connection, heat)
            await self._checkpoint("inbox")
        await self._checkpoint("commit")
        self._movements.remember(selection)
        self._heat.remember(heat)
        self._marks.remember(noted)
        outcome.watermarks = [account.watermark() for _, account in sorted(accounts.items())]
        outcome.newest = max(entry.newest.values(), default=0)
        letters += (letter for letter, _ in entry.buried)
        self._count(accounts, letters, outcome.newest)
        if letters and (gone := await self._retention.added(self._engine, letters)):
            _log.warning("dead letters over the limit removed", count=gone)
        return outcome

    def _heard(self, entry: Entry, fresh: Sequence[Event]) -> dict[Place, Heard]:
        """What the group says of its gateways; older health than was heard before is passed over."""
        heard: dict[Place, Heard] = {}
        for key, newest in entry.newest.items():
            what = heard.setdefault((key.site, key.gateway), Heard())
            if newest:
                what.data_until = max(newest, what.data_until or 0)
        said: dict[Place, Health] = {}
        for event in fresh:
            if type(event) is Health and event.at >= self._health_at.get((event.site, event.gateway), 0):
                self._health_at[event.site, event.gateway] = event.at
                said[event.site, event.gateway] = event
        for place, event in said.items():
            heard[place].health = codec.encode(event)
        if len(self._health_at) > _MOST_GATEWAYS:  # named by whoever publishes; an older word may stand then until the next
            self._health_at.clear()
        return heard

    def _count(self, accounts: Mapping[StreamKey, Account], letters: Sequence[Letter], newest: int) -> None:
        for word in COUNTS:
            if number := sum(getattr(account.totals, word) for account in accounts.values()):
                self._metrics.events.labels(self._class, word).inc(number)
        if newest:
            self._metrics.newest(self._class, newest)
        for letter in letters:
            self._metrics.letters.labels(letter.reason).inc()


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
