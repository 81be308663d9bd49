"""What tracking needs of telemetry beside movements: the minutes of the metrics that some policy names.

Written with the one-minute rollups, in rounds, by whoever computes these; as absolute as they are: late readings write a minute
anew, and one whose readings lie elsewhere now (a clock was set right) says that it has none. A row that would not change is not
written, so tracking is told of what is new alone. Metrics that come to be watched have their past filled in from the series
store.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, runtime_checkable

import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ingest.rollups.tables import rollup_series
from ingest.series.influx_server import QueryRefusedError
from ingest.upsert import insert_into
from plumbline.inbox import minute_summary, summary_count, watched
from plumbline.rollup import MINUTE_NS
from plumbline.series import Bucket, Point

_log: Final = structlog.get_logger()
#: So far back is filled in: concrete is judged after 28 days.
FILL_DAYS: Final = 35
_DAY_NS: Final = 24 * 60 * MINUTE_NS
#: Rows of one statement: SQLite takes 32,766 parameters.
_ROWS: Final = 1_000
_VALUES: Final = ("low", "high", "mean", "readings")

Metric = tuple[str, str, str, str]
"""Site, measurement, device, metric."""
Row = dict[str, Any]
Hold = Callable[[AsyncConnection], Any]
"""Renews the right to compute in a transaction, or raises."""


@runtime_checkable
class SeriesHistory(Protocol):
    """A store that can tell the past."""

    async def history(
        self, site: str, measurement: str, field: str, *, start: int, end: int, every_ns: int, device: str | None = None
    ) -> Sequence[Bucket]:
        """See `plumbline.series.SeriesReader`."""
        ...


class Summaries:
    """Writes the minutes of watched metrics. `hold` must be called in each transaction: who computes no more writes nothing.

    Args:
        engine: the SQL database, migrated.
        store: the series store; one that cannot tell the past fills nothing in.
        hold: see `Hold`.
        clock: UTC in ns.
    """

    def __init__(self, *, engine: AsyncEngine, store: object, hold: Hold, clock: Callable[[], int]) -> None:
        self._engine = engine
        self._store = store
        self._hold = hold
        self._clock = clock
        self._watched: Mapping[str, Mapping[str, frozenset[str]]] = {}

    async def begin(self) -> None:
        """Look up what is watched, and fill in the past of one metric that was not before. A round begins with it."""
        async with self._engine.connect() as connection:
            await connection.execution_options(read_only=True)
            rows = (await connection.execute(select(watched))).all()
        by_site: dict[str, dict[str, set[str]]] = {}
        for row in rows:
            by_site.setdefault(row.site, {}).setdefault(row.device, set()).add(row.metric)
        self._watched = {
            site: {device: frozenset(metrics) for device, metrics in devices.items()} for site, devices in by_site.items()
        }
        empty = next((row for row in rows if not row.filled), None)
        if empty is not None:
            await self._fill(empty.site, empty.device, empty.metric)

    async def take(self, site: str, measurement: str, points: Iterable[Point], *, first: int, behind: int) -> None:
        """Write what the rollups of some minutes say of watched metrics; `first` up to `behind`: minutes since 1970."""
        devices = self._watched.get(site)
        if not devices:
            return
        rows = [row for point in points for row in _rows(site, measurement, point, devices)]
        here = minute_summary.c
        window = (here.site == site) & (here.measurement == measurement) & (here.minute >= first) & (here.minute < behind)
        known = (*minute_summary.primary_key, *(here[name] for name in _VALUES))
        async with self._engine.connect() as connection:
            await connection.execution_options(read_only=True)
            stood = (await connection.execute(select(*known).where(window, here.device.in_(devices)))).all()
        told = {(row["device"], row["metric"], row["minute"]) for row in rows}
        gone = [
            {**dict(zip((column.name for column in known), row, strict=True)), "readings": 0}
            for row in stood
            if row.readings and (row.device, row.metric, row.minute) not in told
        ]
        await self._write([*rows, *gone])

    async def _fill(self, site: str, device: str, metric: str) -> None:
        if isinstance(self._store, SeriesHistory):
            async with self._engine.connect() as connection:
                await connection.execution_options(read_only=True)
                known = select(rollup_series.c.measurement).where(rollup_series.c.site == site)
                measurements = sorted((await connection.execute(known)).scalars())
            for measurement in measurements:
                await self._fill_from(self._store, (site, measurement, device, metric))
        names = watched.c
        done = update(watched).where(names.site == site, names.device == device, names.metric == metric).values(filled=True)
        async with self._engine.begin() as connection:
            await self._hold(connection)
            await connection.execute(done)

    async def _fill_from(self, store: SeriesHistory, series: Metric) -> None:
        """The days on which there is something, then their minutes."""
        end = (self._clock() // _DAY_NS + 1) * _DAY_NS
        days = await self._past(store, series, start=end - FILL_DAYS * _DAY_NS, end=end, every_ns=_DAY_NS)
        for day in days:
            minutes = await self._past(store, series, start=day.start, end=day.start + _DAY_NS, every_ns=MINUTE_NS)
            await self._keep(series, minutes)

    async def _past(self, store: SeriesHistory, series: Metric, *, start: int, end: int, every_ns: int) -> Sequence[Bucket]:
        site, measurement, device, metric = series
        try:
            found = await store.history(site, measurement, metric, start=start, end=end, every_ns=every_ns, device=device)
        except QueryRefusedError as error:  # it would be refused the next time too
            _log.error("past of a watched metric not read", site=site, device=device, metric=metric, error=str(error)[:300])
            return ()
        return [bucket for bucket in found if bucket.device == device and bucket.samples]

    async def _keep(self, series: Metric, minutes: Iterable[Bucket]) -> None:
        site, measurement, device, metric = series
        await self._write(
            [
                {
                    "site": site,
                    "device": device,
                    "metric": metric,
                    "minute": bucket.start // MINUTE_NS,
                    "measurement": measurement,
                    "low": bucket.minimum,
                    "high": bucket.maximum,
                    "mean": bucket.mean,
                    "readings": bucket.samples,
                }
                for bucket in minutes
            ]
        )

    async def _write(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        async with self._engine.begin() as connection:
            await self._hold(connection)
            number = await counted(connection)
            statement = insert_into(connection, minute_summary)
            new, old = statement.excluded, minute_summary.c
            statement = statement.on_conflict_do_update(
                index_elements=list(minute_summary.primary_key),
                set_={name: new[name] for name in (*_VALUES, "changed")},
                where=or_(*(old[name] != new[name] for name in _VALUES)),
            )
            for start in range(0, len(rows), _ROWS):
                await connection.execute(statement, [{**row, "changed": number} for row in rows[start : start + _ROWS]])


async def counted(connection: AsyncConnection) -> int:
    """The next number of `summary_count`; until the transaction ends nobody else gets one."""
    written = summary_count.c.name == "written"
    await connection.execute(update(summary_count).where(written).values(number=summary_count.c.number + 1))
    return (await connection.execute(select(summary_count.c.number).where(written))).scalar_one()


def _rows(site: str, measurement: str, point: Point, devices: Mapping[str, frozenset[str]]) -> Iterable[Row]:
    device, fields = point.tags.get("device", ""), point.fields
    for metric in devices.get(device, ()):
        count = fields.get(f"{metric}_count")
        if count:
            yield {
                "site": site,
                "device": device,
                "metric": metric,
                "minute": point.at // MINUTE_NS,
                "measurement": measurement,
                "low": fields[f"{metric}_min"],
                "high": fields[f"{metric}_max"],
                "mean": fields[f"{metric}_mean"],
                "readings": int(count),
            }
