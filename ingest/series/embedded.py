"""The time-series store in one DuckDB file: for a site that runs on one machine.

One thread writes, a few read, none of them the event loop's. A second process cannot open the file: who else wants the
figures asks the tracking service. `write` returns when the rows are in the write-ahead log on disk.
"""
# ruff: noqa: S608 - tables and columns are named by the catalog (m1, n2); everything else is a parameter

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import duckdb
import structlog

from ingest.series import duckdb_rollups
from ingest.series.duckdb_catalog import Catalog, Table
from ingest.series.duckdb_writer import Writer
from ingest.series.history import Piece, merged, pieces, worth
from ingest.series.limits import EARLIEST, LATEST, window
from plumbline.errors import SettingsError
from plumbline.heat import Sheet, cells_of, split
from plumbline.rollup import COVER, Span, finer, rolled
from plumbline.series import Bucket, HeatCell, LatestRow, Point, RefusedPoint, SeriesUnavailableError

T = TypeVar("T")
_log: Final = structlog.get_logger()
#: So long the write-ahead log grows before its rows move into the file. Until then they are in memory, too.
_LOG_MB: Final = 8


class EmbeddedStore:
    """A `SeriesStore` in the DuckDB file `path`, which is made where it is missing."""

    def __init__(
        self,
        path: Path,
        *,
        threads: int = 2,
        memory_mb: int = 48,
        max_measurements: int = 1_000,
        max_fields: int = 1_000,
        max_series: int = 200_000,
        compact_after: int = 200_000,
    ) -> None:
        """The file is opened by the first call, or by `open`. `max_fields` is for each measurement.

        `memory_mb` bounds what DuckDB keeps of the file; sorting more than that goes over the disk beside it.
        `compact_after` is how many replaced rows of a measurement make it worth rewriting (about 2 s for 10 M rows).
        """
        self._path = path
        self._options: dict[str, Any] = {
            "threads": threads,
            "memory_limit": f"{memory_mb}MB",
            "checkpoint_threshold": f"{_LOG_MB}MB",
            "temp_directory": f"{path}.tmp",
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,  # a site has no internet
        }
        self._limits = {"max_measurements": max_measurements, "max_fields": max_fields, "max_series": max_series}
        self._compact_after = compact_after
        self._failures = 0
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._catalog: Catalog | None = None
        self._writer: Writer | None = None
        self._writing = ThreadPoolExecutor(1, "series-write")
        self._reading = ThreadPoolExecutor(2, "series-read")

    async def open(self) -> Self:
        """Open the file now. Raises `SettingsError` where it can never be, `SeriesUnavailableError` where another has it."""
        await self._run(self._writing, self._opened)
        return self

    async def __aenter__(self) -> Self:
        """Open the file."""
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        """Close the file."""
        await self.aclose()

    async def aclose(self) -> None:
        """Finish what was accepted, move the write-ahead log into the file, close it."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._reading.shutdown)
        await loop.run_in_executor(None, self._writing.shutdown)
        await loop.run_in_executor(None, self._close)

    async def write(self, points: Sequence[Point]) -> Sequence[RefusedPoint]:
        """See `SeriesWriter.write`."""
        return await self._run(self._writing, self._write, points, self._failures)

    async def heat(self, site: str, start: int, end: int) -> Sequence[HeatCell]:
        """See `SeriesReader.heat`."""
        return await self._run(self._reading, self._heat, site, start, end)

    async def latest(self, site: str, measurement: str, since: int) -> Sequence[LatestRow]:
        """See `SeriesReader.latest`."""
        return await self._run(self._reading, self._latest, site, measurement, since)

    async def history(
        self, site: str, measurement: str, field: str, *, start: int, end: int, every_ns: int, device: str | None = None
    ) -> Sequence[Bucket]:
        """See `SeriesReader.history`."""
        if every_ns < 1:
            raise ValueError(f"every_ns must be at least 1, not {every_ns}")
        ask = partial(self._history, site, measurement, field, inside=window(start, end), every_ns=every_ns, device=device)
        return await self._run(self._reading, ask)

    async def rolled(self, site: str, measurement: str, span: Span, *, start: int, end: int) -> Sequence[Point]:
        """See `SeriesRollups.rolled`."""
        return await self._run(self._reading, self._rolled, site, measurement, span, window(start, end))

    async def earliest(self, site: str, measurement: str) -> int | None:
        """See `SeriesRollups.earliest`."""
        return await self._run(self._reading, self._earliest, site, measurement)

    async def forget(self, measurement: str, before: int) -> None:
        """See `SeriesRollups.forget`. Goes by days, so that what waits to be written never waits for long."""
        for end in await self._run(self._reading, self._days, measurement, before):
            await self._run(self._writing, self._forget, measurement, end)

    async def _run(self, pool: ThreadPoolExecutor, work: Callable[..., T], *arguments: Any) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, work, *arguments)
        except duckdb.Error as error:
            raise SeriesUnavailableError(
                f"{self._path}: DuckDB failed ({str(error)[:500]}); check the disk's free space and the memory limit"
            ) from error

    # What follows runs in the threads.

    def _opened(self) -> tuple[duckdb.DuckDBPyConnection, Catalog, Writer]:
        with self._lock:
            if self._connection is None or self._catalog is None or self._writer is None:
                self._connection = self._open_file()
                self._catalog = Catalog(self._connection, **self._limits)
                self._catalog.load()
                self._writer = Writer(self._connection, self._catalog, compact_after=self._compact_after)
            return self._connection, self._catalog, self._writer

    def _open_file(self) -> duckdb.DuckDBPyConnection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return duckdb.connect(str(self._path), config=self._options)
        except OSError as error:
            raise SettingsError(f"{self._path}: cannot be made ({error.strerror}); name a file in a folder of ours") from error
        except duckdb.IOException as error:
            if "lock" in str(error).lower():
                raise SeriesUnavailableError(
                    f"{self._path}: another process has this file open; one process holds a DuckDB file, stop the other"
                ) from error
            raise SettingsError(f"{self._path}: is not a DuckDB file of ours ({error}); name another file") from error

    def _close(self) -> None:
        with self._lock:
            connection = self._connection
            self._connection = self._catalog = self._writer = None
        if connection is not None:
            try:
                connection.close()
            except duckdb.Error as error:
                # Closing moves the log into the file where nobody is in the way; else the next opening does.
                _log.info("series log stays beside its file", file=str(self._path), reason=str(error))

    def _write(self, points: Sequence[Point], failures: int) -> list[RefusedPoint]:
        if failures != self._failures:  # it waited while another failed, which it must not overtake
            raise SeriesUnavailableError(f"{self._path}: not written, since the write before failed; see there")
        try:
            _, _, writer = self._opened()
            refused = writer.write(points)
        except BaseException:
            self._failures += 1
            self._close()  # undoes what was begun; the next call opens the file again
            raise
        if writer.worth_compacting:
            with contextlib.suppress(RuntimeError):  # closing: the next run will find the work again
                self._writing.submit(self._compact, writer)
        return refused

    def _compact(self, writer: Writer) -> None:
        if writer is not self._writer:  # closed meanwhile
            return
        try:
            for measurement in writer.compact():
                _log.info("series compacted", file=str(self._path), measurement=measurement)
        except duckdb.Error as error:
            self._close()
            _log.warning("series not compacted", file=str(self._path), error=str(error), remedy="check the disk's free space")

    def _table(self, measurement: str) -> tuple[duckdb.DuckDBPyConnection, Table | None]:
        connection, catalog, _ = self._opened()
        with self._lock:
            return connection.cursor(), catalog.tables.get(measurement)

    def _heat(self, site: str, start: int, end: int) -> list[HeatCell]:
        sheets: list[Sheet] = []
        for part in split(start, end):
            cursor, table = self._table(part.measurement)
            inside = window(part.start, part.end)
            if table is None or inside is None:
                continue
            numbers = ", ".join(map(table.number, ("first_column", "first_row", "lat", "lon", "cell_m")))
            rows = cursor.execute(
                f"""
                SELECT s.source, {table.text("cells")}, {numbers} FROM {table.name} m JOIN series s ON s.id = m.series
                WHERE s.site = ? AND at_ns >= ? AND at_ns < ?
                """,
                [site, *inside],
            )
            sheets += map(Sheet._make, rows.fetchall())
        return cells_of(sheets)

    def _latest(self, site: str, measurement: str, since: int) -> list[LatestRow]:
        cursor, table = self._table(measurement)
        if table is None:
            return []
        fields = list(table.columns.items())
        columns = "".join(f", m.{column}" for _, column in fields)
        # A device that is in two zones at once is in the one whose name comes last: any rule, but the same everywhere.
        rows = cursor.execute(
            f"""
            WITH newest AS (SELECT series, max(at_ns) AS at_ns FROM {table.name} WHERE at_ns >= ? GROUP BY series),
            best AS (
                SELECT n.series, n.at_ns, s.device, s.zone FROM newest n JOIN series s ON s.id = n.series
                WHERE s.site = ? AND s.device IS NOT NULL
                QUALIFY row_number() OVER (PARTITION BY s.device ORDER BY n.at_ns DESC, coalesce(s.zone, '') DESC, n.series) = 1)
            SELECT b.device, b.zone, b.at_ns{columns}
            FROM best b JOIN {table.name} m ON m.series = b.series AND m.at_ns = b.at_ns
            """,
            [min(max(since, EARLIEST), LATEST), site],
        ).fetchall()
        entries = [
            LatestRow(
                device,
                zone,
                at,
                {name: value for ((name, _), _), value in zip(fields, values, strict=True) if value is not None},
            )
            for device, zone, at, *values in rows
        ]
        return sorted(entries, key=lambda entry: entry.device)

    def _history(
        self, site: str, measurement: str, field: str, *, inside: tuple[int, int] | None, every_ns: int, device: str | None
    ) -> list[Bucket]:
        if inside is None:
            return []
        until = self._until(site, measurement) if worth(*inside, every_ns) else None
        parts = [Piece(None, *inside)] if until is None else pieces(*inside, every_ns, until)
        return merged([self._piece(site, measurement, field, piece, every_ns=every_ns, device=device) for piece in parts])

    def _piece(
        self, site: str, measurement: str, field: str, piece: Piece, *, every_ns: int, device: str | None
    ) -> list[Bucket]:
        name = measurement if piece.span is None else rolled(measurement, piece.span)
        cursor, table = self._table(name)
        if table is None:
            return []
        words = ("",) if piece.span is None else ("_min", "_max", "_mean", "_count")
        columns = [table.number(f"{field}{word}") for word in words]
        inside = (piece.start, piece.end)
        return duckdb_rollups.history(cursor, table, site, columns, inside=inside, every_ns=every_ns, device=device)

    def _until(self, site: str, measurement: str) -> int | None:
        cursor, table = self._table(COVER)
        return None if table is None else duckdb_rollups.until(cursor, table, site, measurement)

    def _rolled(self, site: str, measurement: str, span: Span, inside: tuple[int, int] | None) -> list[Point]:
        source = finer(span)
        cursor, table = self._table(measurement if source is None else rolled(measurement, source))
        if table is None or inside is None:
            return []
        return duckdb_rollups.roll(cursor, table, site, measurement, span, start=inside[0], end=inside[1])

    def _earliest(self, site: str, measurement: str) -> int | None:
        cursor, table = self._table(measurement)
        return None if table is None else duckdb_rollups.earliest(cursor, table, site)

    def _days(self, measurement: str, before: int) -> list[int]:
        """Where to stop between the oldest row and a time: at the end of each day that has any."""
        cursor, table = self._table(measurement)
        return [] if table is None else duckdb_rollups.days(cursor, table, before)

    def _forget(self, measurement: str, before: int) -> None:
        try:
            _, _, writer = self._opened()
            writer.forget(measurement, before)
        except BaseException:
            self._close()  # undoes what was begun; the next call opens the file again
            raise
