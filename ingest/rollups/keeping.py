"""How long what is kept: raw points of telemetry, their rollups, for ever the rest.

Raw points are deleted by whole days (UTC), once a day. Before that the SQL database is told from when on there are raw points:
a minute before it is never computed anew, for its rollups know more than what is left.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import structlog
from sqlalchemy import case, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest.rollups.tables import rollup_series
from ingest.series.influx_server import QueryRefusedError
from plumbline.heat import LEVELS, MAPS
from plumbline.rollup import HOUR, SPANS, rolled
from plumbline.series import SeriesRollups

_log: Final = structlog.get_logger()
DAY_NS: Final = 24 * HOUR.ns
#: Telemetry that has no rollups, and goes with the raw points.
PLAIN: Final = ("position", "gateway_health")
#: Sums over devices: they go with the rollups.
SUMS: Final = (*LEVELS, *MAPS.values())


class Keep(NamedTuple):
    """How many days back points are kept; 0: for ever."""

    raw_days: int = 30
    rollup_days: int = 730


class Due(NamedTuple):
    """A measurement of which something is too old."""

    measurement: str
    before: int
    raw: bool


class Keeper:
    """Deletes what is too old, of all sites at once."""

    def __init__(self, engine: AsyncEngine, store: SeriesRollups, keep: Keep) -> None:
        self._engine = engine
        self._store = store
        self._keep = keep
        self._done: dict[str, int] = {}

    async def tidy(self, now: int) -> int:
        """Delete what is too old and was not deleted yet; returns of how many measurements. `now`: ns."""
        async with self._engine.connect() as connection:
            await connection.execution_options(read_only=True)
            measurements = list(await connection.scalars(select(rollup_series.c.measurement).distinct()))
        due = [
            entry for entry in _due(self._keep, sorted(measurements), now) if self._done.get(entry.measurement) != entry.before
        ]
        for entry in due:
            if entry.raw:
                await self._told(entry)
            try:
                await self._store.forget(entry.measurement, entry.before)
            except QueryRefusedError as error:  # InfluxDB 3 Core deletes nothing
                _log.warning(
                    "old points not deleted",
                    measurement=entry.measurement,
                    error=str(error)[:300],
                    check="limit the database itself",
                )
            self._done[entry.measurement] = entry.before
            _log.debug("old points deleted", measurement=entry.measurement, before_ns=entry.before)
        return len(due)

    async def _told(self, entry: Due) -> None:
        column = rollup_series.c.raw_from
        later = case((column > entry.before, column), else_=entry.before)
        async with self._engine.begin() as connection:
            await connection.execute(
                update(rollup_series).where(rollup_series.c.measurement == entry.measurement).values(raw_from=later)
            )


def _due(keep: Keep, measurements: Sequence[str], now: int) -> Iterator[Due]:
    if keep.raw_days:
        yield from _each((*measurements, *PLAIN), _before(now, keep.raw_days), raw=True)
    if keep.rollup_days:
        names = (rolled(measurement, span) for measurement in measurements for span in SPANS)
        yield from _each((*names, *SUMS), _before(now, keep.rollup_days), raw=False)


def _each(names: Iterable[str], before: int, *, raw: bool) -> Iterator[Due]:
    return (Due(name, before, raw) for name in names)


def _before(now: int, days: int) -> int:
    return (now - days * DAY_NS) // DAY_NS * DAY_NS
