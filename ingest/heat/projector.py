"""Presence → heat in the series store: for each marked minute the whole sums, behind the commit and at their own pace.

A round reads the marks, sums up the presence of their hours, writes what differs from what was written last, and takes the
marks away. Sums are absolute, so a round may be cut off anywhere and done again; presence only ever grows, so no point is left
that should not be there. A mark that comes while a round sums up has a number of its own and stays for the next.

One worker writes at a time (PostgreSQL: an advisory lock). Should two do it all the same, the one that finds its marks gone
puts them back: the older sum may have arrived last.

Presence is kept until its hour has not been touched for a while; then the hour is closed, and what still comes for it leaves
its heat as it is.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

import structlog
from sqlalchemy import Delete, delete, func, literal_column, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ingest.heat.points import Sum, points
from ingest.heat.record import mark
from ingest.heat.tables import heat_hour, heat_mark, heat_presence
from ingest.operations.metrics import Metrics
from ingest.patience import Patience, Stop
from ingest.pipeline import Checkpoint, pass_by
from ingest.upsert import insert_into, is_postgresql
from plumbline.series import SeriesWriter
from plumbline.site import SiteFile

_log: Final = structlog.get_logger()

#: The steps after which a test may stop a round.
STEPS: Final = ("heat_summed", "heat_written", "heat_unmarked")
#: Between two rounds at least; and ten times as long as the last one took, so that heat never takes more than a tenth of a core.
EVERY_S: Final = 2.0
_SHARE: Final = 10.0
#: Presence of an hour is kept until nothing has come for it so long.
KEEP_NS: Final = 14 * 86_400 * 10**9
#: How often it is looked for hours to close.
_CLOSE_NS: Final = 600 * 10**9
#: Hours closed in one round, each in a transaction of its own.
_CLOSED_AT_ONCE: Final = 24
_MARKS: Final = 20_000
#: Sums remembered as written.
_MOST: Final = 20_000
_HOUR: Final = 60
_QUARTER: Final = 15
#: PostgreSQL's advisory lock: any number, as long as nobody else uses it.
_ADVISORY: Final = 0x506C756D_68_01


class _Marked(NamedTuple):
    """The marks of one hour."""

    numbers: list[int]
    minutes: set[int]
    anew: bool


class HeatProjector:
    """Writes heat until told to stop."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        store: SeriesWriter,
        sites: Mapping[str, SiteFile],
        stop: Stop,
        metrics: Metrics,
        patience: Patience,
        clock: Callable[[], int] = time.time_ns,
        checkpoint: Checkpoint = pass_by,
        keep_ns: int = KEEP_NS,
    ) -> None:
        self._engine = engine
        self._store = store
        self._sites = sites
        self._stop = stop
        self._metrics = metrics
        self._patience = patience
        self._clock = clock
        self._checkpoint = checkpoint
        self._keep_ns = keep_ns
        self._written: dict[tuple[str, Sum], int] = {}
        self._looked_at = 0

    async def run(self) -> None:
        """Serve until told to stop."""
        while not self._stop.is_set():
            began = time.monotonic()
            more = await self._patience.insist(
                self.project, task="heat", stop=self._stop, failed=lambda away: self._metrics.retries.labels(away).inc()
            )
            took = time.monotonic() - began
            if await self._stop.pause(took if more else max(EVERY_S, _SHARE * took)):
                return

    async def project(self) -> int:
        """One round; returns how many marks it took away. Raises what `Patience.insist` waits out."""
        async with self._engine.connect() as leader:
            if not is_postgresql(leader):
                return await self._round()
            if not await leader.scalar(text("SELECT pg_try_advisory_xact_lock(:number)"), {"number": _ADVISORY}):
                self._written.clear()  # another writes: what we remember may be old when it is our turn again
                return 0
            return await self._round()

    async def _round(self) -> int:
        marked = await self._marked()
        done = 0
        for site, hour in sorted(marked, key=lambda place: -place[1]):  # what people look at before what came late
            done += await self._hour(self._sites[site], hour, marked[site, hour])
        now = self._clock()
        if now - self._looked_at >= _CLOSE_NS and await self._close(now) < _CLOSED_AT_ONCE:
            self._looked_at = now
        return done

    async def _marked(self) -> dict[tuple[str, int], _Marked]:
        """The oldest marks by site and hour; those of sites without a file wait for it."""
        columns = heat_mark.c.id, heat_mark.c.site, heat_mark.c.minute, heat_mark.c.anew
        chosen = select(*columns).where(heat_mark.c.site.in_(sorted(self._sites))).order_by(heat_mark.c.id).limit(_MARKS)
        async with self._engine.connect() as connection:
            await connection.execution_options(read_only=True)
            rows = (await connection.execute(chosen)).all()
        marked: dict[tuple[str, int], _Marked] = {}
        for number, site, minute, anew in rows:
            one = marked.get((site, minute // _HOUR)) or _Marked([], set(), anew=False)
            one.numbers.append(number)
            one.minutes.add(minute)
            marked[site, minute // _HOUR] = one._replace(anew=one.anew or anew)
        return marked

    async def _hour(self, site: SiteFile, hour: int, marked: _Marked) -> int:
        """Write the heat of an hour's marked minutes, of its quarters and of itself."""
        async with self._engine.connect() as connection:
            await connection.execution_options(read_only=True)
            sums = await summed(connection, site.id, hour, marked.minutes)
            closed = await _is_closed(connection, site.id, hour)  # after the sums: they may lack what was taken away meanwhile
        await self._checkpoint("heat_summed")
        if closed:
            _log.info("heat stays as it is", site=site.id, hour=hour, check="data came long after their hour was closed")
            await self._settle(site.id, hour, marked, closed=True)
            return len(marked.numbers)
        new = {one: weight for one, weight in sums.items() if marked.anew or self._written.get((site.id, one)) != weight}
        refused = await self._store.write(points(site.id, site.grid, sums, new)) if new else ()
        if refused:
            point, reason = refused[0]
            _log.error("heat is refused", site=site.id, count=len(refused), measurement=point.measurement, reason=reason)
        await self._checkpoint("heat_written")
        await self._settle(site.id, hour, marked, closed=False)
        await self._checkpoint("heat_unmarked")
        self._remember(site.id, new)
        return len(marked.numbers)

    async def _settle(self, site: str, hour: int, marked: _Marked, *, closed: bool) -> None:
        """Take the marks away; where another did, it wrote at the same time as we: the minutes are marked once more."""
        async with self._engine.begin() as connection:
            gone = await _unmark(connection, marked.numbers)
            if closed:
                await connection.execute(_presence_of(site, hour))
                return
            if gone < len(marked.numbers):
                await mark(connection, [(site, minute) for minute in marked.minutes], anew=True)
            touched = {"touched_at": self._clock()}
            insert = insert_into(connection, heat_hour).values(site=site, hour=hour, **touched)
            await connection.execute(insert.on_conflict_do_update(index_elements=["site", "hour"], set_=touched))

    def _remember(self, site: str, new: Mapping[Sum, int]) -> None:
        if len(self._written) + len(new) > _MOST:
            self._written.clear()
        if len(new) <= _MOST:
            self._written.update({(site, one): weight for one, weight in new.items()})

    async def _close(self, now: int) -> int:
        """Close hours that nothing has come for: returns how many."""
        old = (
            select(heat_hour.c.site, heat_hour.c.hour)
            .where(~heat_hour.c.closed, heat_hour.c.touched_at < now - self._keep_ns)
            .limit(_CLOSED_AT_ONCE)
        )
        async with self._engine.connect() as connection:
            await connection.execution_options(read_only=True)
            rows = (await connection.execute(old)).all()
        for site, hour in rows:
            async with self._engine.begin() as connection:
                await connection.execute(
                    update(heat_hour).where(heat_hour.c.site == site, heat_hour.c.hour == hour).values(closed=True)
                )
                await connection.execute(_presence_of(site, hour))
        return len(rows)


async def summed(connection: AsyncConnection, site: str, hour: int, minutes: Iterable[int]) -> dict[Sum, int]:
    """The sums (in `PARTS`) of some minutes of an hour, of all its quarters and of the hour itself."""
    table = heat_presence.c
    place = table.cell_column, table.cell_row, table.source
    total = func.sum(table.weight)
    single = (
        select(table.minute, *place, total)
        .where(table.site == site, table.minute.in_(sorted(minutes)))
        .group_by(table.minute, *place)
    )
    quarter = table.minute // literal_column(str(_QUARTER))  # PostgreSQL takes two parameters for two expressions
    quarters = (
        select(quarter, *place, total)
        .where(table.site == site, table.minute >= hour * _HOUR, table.minute < (hour + 1) * _HOUR)
        .group_by(quarter, *place)
    )
    sums = {Sum(1, row[0], row[1], row[2], row[3]): int(row[4]) for row in await connection.execute(single)}
    whole: defaultdict[Sum, int] = defaultdict(int)
    for number, column, row, source, weight in await connection.execute(quarters):
        sums[Sum(_QUARTER, int(number) * _QUARTER, column, row, source)] = int(weight)
        whole[Sum(_HOUR, hour * _HOUR, column, row, source)] += int(weight)
    return sums | whole


async def _is_closed(connection: AsyncConnection, site: str, hour: int) -> bool:
    chosen = select(heat_hour.c.closed).where(heat_hour.c.site == site, heat_hour.c.hour == hour)
    return bool(await connection.scalar(chosen))


async def _unmark(connection: AsyncConnection, numbers: list[int]) -> int:
    gone = 0
    for at in range(0, len(numbers), 1000):
        gone += (await connection.execute(delete(heat_mark).where(heat_mark.c.id.in_(numbers[at : at + 1000])))).rowcount
    return gone


def _presence_of(site: str, hour: int) -> Delete:
    table = heat_presence.c
    return delete(heat_presence).where(table.site == site, table.minute >= hour * _HOUR, table.minute < (hour + 1) * _HOUR)
