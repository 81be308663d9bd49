"""Computes rollups anew where readings came: the minutes from the raw points, quarters from minutes, hours from quarters.

What is written is absolute. So it may be computed any number of times, after a restart, after a replay, by another worker; late
readings are marked like any others and correct it. The current minute, quarter and hour are there too, as far as they go.

A round: its number is counted up first, in one row that also says who computes; a moment later come the marks, newest first, so that a
backlog never keeps the wall waiting; what was computed is unmarked where nobody marked it again meanwhile. Only one worker
computes at a time, to save work, and so that nobody who read earlier writes later; who stood still and was given up meanwhile
marks again what it was about to write. A store that is away delays this and nothing else.
"""

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, Protocol, TypeVar

import structlog
from sqlalchemy import bindparam, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ingest.operations.metrics import Metrics
from ingest.patience import DATABASE_AWAY, Patience, Stop
from ingest.rollups.keeping import Keep, Keeper
from ingest.rollups.marks import TRUST_S, Mark, mark, ranges
from ingest.rollups.summaries import Summaries
from ingest.rollups.tables import rollup_mark, rollup_round, rollup_series
from ingest.series.influx_server import QueryRefusedError
from ingest.series.limits import EARLIEST
from ingest.tables import worker_lease
from ingest.upsert import insert_into
from plumbline.rollup import COVER, HOUR, MINUTE, MINUTE_NS, QUARTER, Span
from plumbline.series import Point, SeriesRollups, SeriesWriter

_log: Final = structlog.get_logger()
#: Rest between rounds: as old may a rollup be beside its raw points.
EVERY_S: Final = 10.0
#: From the beginning of a round to its first look at marks and points.
SETTLE_S: Final = 2 * TRUST_S
#: Nine times as long as a round took it rests, up to this: on a busy site, rollups take a tenth of the time.
LONGEST_S: Final = 120.0
#: Marks taken up in one round.
MARKS: Final = 600
#: After which silence the worker that computed is given up.
LAPSE_S: Final = 60.0
#: How often old points are looked for; the first time after this too, so that a short run deletes nothing.
TIDY_S: Final = 3600.0
#: Points written in one call.
_POINTS: Final = 10_000
#: The right to compute is renewed this often before something is written.
_RENEW_S: Final = 5.0
#: Readings this recent are left to the raw points in histories: some may be on their way still.
_FRESH_NS: Final = 60_000_000_000
#: Hours marked at once for readings of before there were rollups.
_MOST_HOURS: Final = 24 * 400

#: Measurements of which is remembered what was said of them last.
_MOST_SERIES: Final = 10_000

Series = tuple[str, str]
"""Site and measurement."""
T = TypeVar("T")
_UNMARK: Final = delete(rollup_mark).where(
    *(rollup_mark.c[name] == bindparam(f"the_{name}") for name in Mark._fields), rollup_mark.c.round < bindparam("now")
)


class RollupStore(SeriesWriter, SeriesRollups, Protocol):
    """What the roller needs of a store."""


class _LostError(Exception):
    """Another worker computes now."""


class Roller:
    """Computes rollups until told to stop, and deletes what is too old.

    Args:
        engine: the SQL database, migrated.
        store: the series store.
        token: names this worker, as its lease does.
        stop: ends it.
        metrics: counters of tries.
        patience: how long to wait for a store that is away.
        keep: how long points are kept; `None`: for ever.
        clock: UTC in ns.
        every_s: see `EVERY_S`.
        settle_s: seconds from the beginning of a round to its first look; see `ingest.rollups.marks`.
    """

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        store: "RollupStore",
        token: str,
        stop: Stop,
        metrics: Metrics,
        patience: Patience,
        keep: Keep | None = None,
        clock: Callable[[], int] = time.time_ns,
        every_s: float = EVERY_S,
        settle_s: float = SETTLE_S,
    ) -> None:
        self._engine = engine
        self._store = store
        self._token = token
        self._stop = stop
        self._metrics = metrics
        self._patience = patience
        self._keeper = Keeper(engine, store, keep) if keep else None
        self._clock = clock
        self._every_s = every_s
        self._settle_s = settle_s
        self._summaries = Summaries(engine=engine, store=store, hold=self._hold, clock=clock)
        self._covered: dict[Series, int] = {}
        self._number = 0
        self._renewed_at = 0.0
        self._doubtful: set[Mark] = set()
        """What we began to write and never saw settled: another worker may have written it before us, from newer points."""

    async def run(self) -> None:
        """Serve until told to stop."""
        tidy_at = time.monotonic() + TIDY_S
        rest_s = self._every_s
        while not await self._stop.pause(rest_s):
            begun = time.monotonic()
            waiting = await self._insist(self.round)
            if self._keeper is not None and begun >= tidy_at and waiting is not None:
                await self._insist(self._tidy)
                tidy_at = time.monotonic() + TIDY_S
            took_s = time.monotonic() - begun
            rest_s = max(took_s, 0.1) if waiting else min(max(9 * took_s, self._every_s), LONGEST_S)
        await self._release()

    async def _insist(self, act: Callable[[], Awaitable[T]]) -> T | None:
        failed = self._metrics.retries.labels
        return await self._patience.insist(act, task="rollups", stop=self._stop, failed=lambda away: failed(away).inc())

    async def _tidy(self) -> None:
        if self._keeper is not None and await self._begin():
            await self._keeper.tidy(self._clock())

    async def round(self) -> bool:
        """Compute what is marked; returns whether more is waiting. Raises what `Patience.insist` waits out."""
        now = self._clock()
        await self._mark_doubtful()
        if not await self._begin() or await self._stop.pause(self._settle_s):
            return False
        async with self._engine.connect() as connection:
            await connection.execution_options(read_only=True)
            newest = select(*(rollup_mark.c[name] for name in Mark._fields)).order_by(rollup_mark.c.minute.desc()).limit(MARKS)
            marks = [Mark(*row) for row in (await connection.execute(newest)).all()]
        by_hour: defaultdict[tuple[int, Series], list[Mark]] = defaultdict(list)
        for entry in marks:
            by_hour[entry.minute // 60, (entry.site, entry.measurement)].append(entry)
        touched = {series for _, series in by_hour}
        try:
            await self._summaries.begin()
            raw_from = {series: await self._raw_from(series, marks) for series in sorted(touched)}
            for (_, series), own in sorted(by_hour.items(), reverse=True):
                if self._stop.is_set():
                    return False
                await self._hour(series, own, raw_from[series])
            for series in sorted(touched):
                await self._say_complete(series, now)
        except _LostError:
            _log.info("another worker computes the rollups now")
            return False
        return len(marks) == MARKS

    async def _begin(self) -> bool:
        """Begin a round; false where another worker computes."""
        table = rollup_round.c
        now = self._clock()
        gone = or_(table.seen_at < now - int(LAPSE_S * 1e9), table.token.not_in(select(worker_lease.c.token)))
        async with self._engine.begin() as connection:
            first = {"id": 1, "number": 0, "token": "", "seen_at": 0}
            await connection.execute(insert_into(connection, rollup_round).on_conflict_do_nothing(), [first])
            done = await connection.execute(
                update(rollup_round)
                .where(or_(table.token == self._token, gone))
                .values(number=table.number + 1, token=self._token, seen_at=now)
            )
            if done.rowcount == 0:
                return False
            self._number = await connection.scalar(select(table.number)) or 0
        self._renewed_at = time.monotonic()
        return True

    async def _hold(self, connection: AsyncConnection) -> None:
        """Renew the right to compute. Raises `_LostError` where another has it."""
        ours = (rollup_round.c.token == self._token) & (rollup_round.c.number == self._number)
        done = await connection.execute(update(rollup_round).where(ours).values(seen_at=self._clock()))
        if done.rowcount == 0:
            raise _LostError
        self._renewed_at = time.monotonic()

    async def _release(self) -> None:
        """Let another worker compute at once; where that fails it does so when our lease is gone."""
        try:
            await self._mark_doubtful()
            async with self._engine.begin() as connection:
                await connection.execute(update(rollup_round).where(rollup_round.c.token == self._token).values(token=""))
        except DATABASE_AWAY as error:
            _log.debug("right to compute rollups not given back", error=str(error)[:200])

    async def _mark_doubtful(self) -> None:
        """Have computed once more what we may have spoilt, standing still between reading points and writing what they say."""
        if not self._doubtful:
            return
        async with self._engine.begin() as connection:
            await mark(connection, self._doubtful, await connection.scalar(select(rollup_round.c.number)) or 0)
        self._doubtful.clear()

    async def _raw_from(self, series: Series, marks: Iterable[Mark]) -> int:
        """From when on a measurement has raw points (ns); what it had before there were rollups is marked at its first sight."""
        site, measurement = series
        row = (rollup_series.c.site == site) & (rollup_series.c.measurement == measurement)
        async with self._engine.connect() as connection:
            await connection.execution_options(read_only=True)
            known = (await connection.execute(select(rollup_series.c.raw_from).where(row))).one_or_none()
        if known is not None:
            return EARLIEST if known.raw_from is None else known.raw_from
        oldest = await self._store.earliest(site, measurement)
        marked = min(entry.minute for entry in marks if (entry.site, entry.measurement) == series) // 60
        first = marked if oldest is None else max(oldest // HOUR.ns, marked - _MOST_HOURS)
        async with self._engine.begin() as connection:
            await self._hold(connection)
            new = {"site": site, "measurement": measurement, "raw_from": None}
            await connection.execute(insert_into(connection, rollup_series).on_conflict_do_nothing(), [new])
            if first < marked:
                _log.info(
                    "rollups of earlier readings will be computed", site=site, measurement=measurement, hours=marked - first
                )
                await mark(connection, [Mark(site, measurement, hour * 60, 60) for hour in range(first, marked)], self._number)
        return EARLIEST

    async def _hour(self, series: Series, marks: Sequence[Mark], raw_from: int) -> None:
        """Compute the marked minutes of one hour, and what is made of them."""
        minutes = {minute for entry in marks for minute in range(entry.minute, entry.minute + entry.minutes)}
        minutes = {minute for minute in minutes if minute * MINUTE_NS >= raw_from}
        self._doubtful.update(marks)
        try:
            for first, behind in ranges(minutes):
                points = await self._span(series, MINUTE, first, behind)
                await self._summaries.take(*series, points, first=first, behind=behind)
            if minutes:
                first, last = min(minutes), max(minutes)
                await self._span(series, QUARTER, first // 15 * 15, (last // 15 + 1) * 15)
                await self._span(series, HOUR, first // 60 * 60, (first // 60 + 1) * 60)
        except QueryRefusedError as error:
            # It would be refused the next time too, and stand in the way of all others.
            _log.error(
                "rollups not computed",
                site=series[0],
                measurement=series[1],
                hour=marks[0].minute // 60,
                error=str(error)[:300],
            )
        rows = [
            {f"the_{name}": value for name, value in entry._asdict().items()} | {"now": self._number} for entry in sorted(marks)
        ]
        async with self._engine.begin() as connection:
            await self._hold(connection)
            await connection.execute(_UNMARK, rows)
        self._doubtful.difference_update(marks)

    async def _span(self, series: Series, span: Span, first: int, behind: int) -> Sequence[Point]:
        """Compute and write the intervals between two minutes; returns them."""
        points = await self._store.rolled(*series, span, start=first * MINUTE_NS, end=behind * MINUTE_NS)
        for start in range(0, len(points), _POINTS):
            await self._write(points[start : start + _POINTS])
        return points

    async def _write(self, points: Sequence[Point]) -> None:
        if time.monotonic() - self._renewed_at > _RENEW_S:
            async with self._engine.begin() as connection:
                await self._hold(connection)
        if refused := await self._store.write(points):
            _log.error("rollups refused by the series store", points=len(refused), reason=refused[0].reason)

    async def _say_complete(self, series: Series, now: int) -> None:
        """Tell readers of the store before when they may rely on the rollups of a measurement."""
        site, measurement = series
        waiting = select(func.min(rollup_mark.c.minute)).where(
            rollup_mark.c.site == site, rollup_mark.c.measurement == measurement
        )
        async with self._engine.connect() as connection:
            await connection.execution_options(read_only=True)
            first = await connection.scalar(waiting)
        until = MINUTE.floor(now - _FRESH_NS)
        until = until if first is None else min(until, first * MINUTE_NS)
        if self._covered.get(series) != until:
            await self._write([Point(COVER, {"site": site, "of": measurement}, {"until": until / 1e6}, 0)])
            if len(self._covered) > _MOST_SERIES:
                self._covered.clear()
            self._covered[series] = until
