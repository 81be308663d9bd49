"""Replaying dead letters: those that somebody asked for are taken once more, with the software and the sites of today.

The running service does it, since it holds the series store; `plumbline deadletters replay` only leaves the wish in the
table. A letter that is refused again keeps its new reason and waits for the next wish. Letters that hold one event each are
taken together: their points in one write, all else in one transaction, in which each wish can be fulfilled only once.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog
from sqlalchemy import RowMapping, select, update
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ingest.deadletters.newcomers import Newcomers
from ingest.ledger import books
from ingest.operations.metrics import Metrics
from ingest.patience import Patience, Stop
from ingest.pipeline import Pipeline
from ingest.projection import mail
from ingest.receiving.parcel import class_in, open_parcel, wrong_with
from ingest.registry.budgets import Budgets, names_of, told
from ingest.registry.desks import Desks
from ingest.tables import dead_letter
from ingest.upsert import is_postgresql
from plumbline import codec
from plumbline.delivery import StreamKey
from plumbline.errors import CodecError
from plumbline.event import Event, EventClass, Fix
from plumbline.series import Point, SeriesWriter
from plumbline.site import SiteFile

_log: Final = structlog.get_logger()
#: How often the table is looked at for wishes.
EVERY_S: Final = 2.0
#: Letters taken up together, and the bytes that they may have.
_AT_ONCE: Final = 500
_AT_ONCE_BYTES: Final = 4 * 1024 * 1024

Wrong = tuple[str, str]
"""Why something is refused: (reason, detail)."""


class Elsewhere(Protocol):
    """Who reads messages that are no batches: devices without a gateway (`ingest.direct`)."""

    def owns(self, site: str, gateway: str) -> bool:
        """Whether the events of that gateway are made there."""
        ...

    def judge(self, event: Event, site: SiteFile | None, now: int) -> Wrong | None:
        """What stands against an event of such a gateway."""
        ...

    async def take_again(self, topic: str, payload: bytes, received_at: int, *, reason: str) -> Wrong | None:
        """Read a message once more that could not be read; what stands against it, or `None` where it is on its way.

        `reason` is the letter's. May be asked again for a letter that is on its way already.
        """
        ...


@dataclass(frozen=True, slots=True)
class Replayable:
    """A letter about one event that may come in."""

    letter: RowMapping
    event: Event

    @property
    def stream(self) -> StreamKey:
        """Whose number the event has."""
        return StreamKey(self.event.site, self.event.gateway, self.event.epoch, self.event.event_class)


class Replayer:
    """Carries out wishes for a replay until told to stop."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        store: SeriesWriter,
        sites: Mapping[str, SiteFile],
        pipelines: Mapping[EventClass, Pipeline],
        stop: Stop,
        metrics: Metrics,
        on_commit: Callable[[], None],
        patience: Patience,
        clock: Callable[[], int],
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._engine = engine
        self._store = store
        self._sites = sites
        self._pipelines = pipelines
        self._stop = stop
        self._metrics = metrics
        self._on_commit = on_commit
        self._patience = patience
        self._clock = clock
        self._elsewhere = elsewhere
        self._desks = Desks(sites)
        self._budgets = Budgets(engine=engine, sites=sites, clock=clock)
        self._newcomers = Newcomers(engine=engine, sites=sites, clock=clock)

    async def run(self) -> None:
        """Serve until told to stop."""
        while True:
            done = await self._patience.insist(
                self._round, task="replay", stop=self._stop, failed=lambda away: self._metrics.retries.labels(away).inc()
            )
            if done is None or (done == 0 and await self._stop.pause(EVERY_S)) or self._stop.is_set():
                return

    async def _round(self) -> int:
        await self._newcomers.look()
        return await self.replay()

    async def replay(self) -> int:
        """Take up the letters that were asked for; returns how many. Raises what `Patience.insist` waits out."""
        letters = await self._wanted()
        wrong: dict[int, Wrong] = {}
        events: list[RowMapping] = []
        for letter in letters:
            if letter["seq"] is not None:
                events.append(letter)
            elif (refused := await self._whole(letter)) is not None:
                wrong[letter["id"]] = refused
        wrong |= await self._events(events)
        for letter in letters:
            if (refused := wrong.get(letter["id"])) is not None:
                await self._close(letter, {"reason": refused[0], "detail": refused[1][:2000].replace("\0", "\ufffd")})
        if letters:
            reasons = Counter(reason for reason, _ in wrong.values())
            _log.info("dead letters replayed", taken=len(letters) - len(wrong), refused_again=dict(reasons))
            self._on_commit()
        return len(letters)

    async def _wanted(self) -> Sequence[RowMapping]:
        table = dead_letter.c
        asked = table.replay_requested_at.is_not(None)
        async with self._engine.connect() as connection:
            await connection.execution_options(read_only=True)
            chosen = select(table.id, table.size).where(asked).order_by(table.id).limit(_AT_ONCE)
            numbers: list[int] = []
            room = _AT_ONCE_BYTES
            for number, size in (await connection.execute(chosen)).all():
                if numbers and size > room:
                    break
                numbers.append(number)
                room -= size
            wanted = select(dead_letter).where(table.id.in_(numbers), asked).order_by(table.id)
            return (await connection.execute(wanted)).mappings().all()

    async def _whole(self, letter: RowMapping) -> Wrong | None:
        """A message whose numbers were not known: through the pipeline once more."""
        if letter["size"] > len(letter["payload"]):
            return letter["reason"], f"only {len(letter['payload'])} of {letter['size']} bytes were kept: cannot be replayed"
        event_class = class_in(letter["topic"])
        if event_class is None:
            if self._elsewhere is None:
                return letter["reason"], f"{letter['topic']} is not a topic with events: there is nothing to replay"
            refused = await self._elsewhere.take_again(
                letter["topic"], letter["payload"], letter["received_at"], reason=letter["reason"]
            )
            if refused is not None:
                return refused
        else:
            parcel = open_parcel(
                letter["topic"], letter["payload"], sites=self._sites, received_at=letter["received_at"], ack=lambda: None
            )
            if parcel.header is None:
                return parcel.letters[0].reason, parcel.letters[0].detail
            await self._pipelines[event_class].commit([parcel], trusted=True)
        await self._close(letter, {"replayed_at": self._clock()})
        return None

    async def _events(self, letters: Sequence[RowMapping]) -> dict[int, Wrong]:
        """Letters of one event each, whose numbers the ledger knows already: takes those that are right, returns the others."""
        wrong: dict[int, Wrong] = {}
        good: list[Replayable] = []
        for letter in letters:
            event = self._judged(letter)
            if isinstance(event, tuple):
                wrong[letter["id"]] = event
            else:
                good.append(Replayable(letter, event))
        wrong |= await self._over_budget(good)
        wrong |= await self._pointless([one for one in good if one.letter["id"] not in wrong])
        return wrong | await self._insist([one for one in good if one.letter["id"] not in wrong])

    def _judged(self, letter: RowMapping) -> Event | Wrong:
        """The event of a letter, or what stands against it today."""
        try:
            event = codec.decode_event(letter["payload"])
        except CodecError as error:
            return error.reason, error.detail
        place = (event.site, event.gateway, event.epoch, event.event_class, event.seq)
        if place != tuple(letter[name] for name in ("site", "gateway", "epoch", "event_class", "seq")):
            return (
                "invalid",
                f"the event says {event.site}/{event.gateway}/{event.epoch} #{event.seq}, its batch said otherwise",
            )
        self._desks.of(event.site)  # kept from here on, should its file be removed meanwhile
        judge = wrong_with
        if self._elsewhere is not None and self._elsewhere.owns(event.site, event.gateway):
            judge = self._elsewhere.judge
        return judge(event, self._sites.get(event.site), self._clock()) or event

    async def _over_budget(self, good: Sequence[Replayable]) -> dict[int, Wrong]:
        by_site: dict[str, list[Replayable]] = defaultdict(list)
        for one in good:
            by_site[one.event.site].append(one)
        wrong: dict[int, Wrong] = {}
        for name, some in by_site.items():
            over = await self._budgets.over(name, [one.event for one in some])
            for one in some if over else ():
                if (names := names_of(one.event) & over) and (site := self._desks.of(name).site) is not None:
                    wrong[one.letter["id"]] = ("over_budget", told(names, site))
        return wrong

    async def _pointless(self, good: Sequence[Replayable]) -> dict[int, Wrong]:
        """Write the points of telemetry, and those that the store refused before; returns the letters of those that it refuses.

        Points of other business events follow from the inbox.
        """
        points: list[Point] = []
        of: list[tuple[Replayable, Sequence[Point]]] = []
        for one in good:
            maker = self._desks.of(one.event.site).maker
            if maker is not None and (one.event.event_class == "telemetry" or one.letter["reason"] == "point_refused"):
                made = maker.points([one.event])
                of.append((one, made))
                points += made
        wrong: dict[int, Wrong] = {}
        for point, reason in await self._store.write(points) if points else ():
            for one, made in of:
                if point in made:
                    wrong[one.letter["id"]] = ("point_refused", reason)
        return wrong

    async def _insist(self, good: Sequence[Replayable]) -> dict[int, Wrong]:
        """Commit; where the database refuses what one of them holds, all others."""
        if not good:
            return {}
        try:
            async with self._engine.begin() as connection:
                await self._take(connection, good)
        except (DataError, IntegrityError) as error:
            if len(good) == 1:
                return {good[0].letter["id"]: ("database_refused", f"the database refuses it: {error.orig}")}
            wrong: dict[int, Wrong] = {}
            for one in good:
                wrong |= await self._insist([one])
            return wrong
        return {}

    async def _take(self, connection: AsyncConnection, good: Sequence[Replayable]) -> None:
        """In the ledger first: its rows are locked by every worker in the same order, letters by whoever comes first."""
        now = self._clock()
        booked = {one.stream for one in good if one.letter["booked_day"] is not None}
        accounts = await books.lock(connection, booked, now) if booked else {}
        ours = await self._ours(connection, good, now)
        for one in ours:
            if one.letter["booked_day"] is not None:
                calendar = self._desks.of(one.event.site).calendar
                accounts[one.stream].revive(one.event, one.letter["booked_day"], calendar)
        if accounts:
            await books.save(connection, accounts, now)
        await mail.deliver(connection, [one.event for one in ours if type(one.event) is Fix], now=now, projected=True)
        business = [one.event for one in ours if one.event.event_class == "business"]
        await mail.post(connection, business, (), now=now)

    async def _ours(self, connection: AsyncConnection, good: Sequence[Replayable], now: int) -> list[Replayable]:
        """Close the wishes; returns those that no other worker has closed."""
        table = dead_letter.c
        numbers = [one.letter["id"] for one in good]
        still = select(table.id).where(table.id.in_(numbers), table.replay_requested_at.is_not(None)).order_by(table.id)
        if is_postgresql(connection):
            still = still.with_for_update()
        ours = set(await connection.scalars(still))
        closing = update(dead_letter).where(table.id.in_(ours)).values(replay_requested_at=None, replayed_at=now)
        await connection.execute(closing)
        return [one for one in good if one.letter["id"] in ours]

    async def _close(self, letter: RowMapping, values: Mapping[str, Any]) -> None:
        """Close a wish, if no other worker has."""
        table = dead_letter.c
        still = (table.id == letter["id"]) & table.replay_requested_at.is_not(None)
        async with self._engine.begin() as connection:
            await connection.execute(update(dead_letter).where(still).values(replay_requested_at=None, **values))
