# ruff: noqa: S608 - every name and text in a query is quoted by ingest.series.influxql
"""The time-series store in InfluxDB: 1.x, 2.x and 3 Core, through the API that all three share.

`POST /write?db=&precision=ns` takes line protocol, `POST /query` answers InfluxQL, both with HTTP Basic `user:token`.
Numbers are written as floats: a field keeps its first type for ever, and sensors are not that tidy.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from itertools import chain, compress
from typing import Final, Self
from urllib.parse import urlsplit
from zlib import crc32

from ingest.series.history import Piece, merged, pieces, worth
from ingest.series.influx_lane import Lane
from ingest.series.influx_rollups import InfluxRollups
from ingest.series.influx_server import InfluxServer, QueryRefusedError, on_this_machine
from ingest.series.influxql import Group, condition, identifier, rows_of, string
from ingest.series.limits import EARLIEST, LATEST
from ingest.series.line_protocol import Encoded, LineEncoder
from ingest.series.vouched import vouched
from plumbline.heat import Part, Sheet, cells_of, split
from plumbline.rollup import Span
from plumbline.series import Bucket, FieldValue, HeatCell, LatestRow, Point, RefusedPoint

CONNECTIONS: Final = 2
"""To write over: InfluxDB 1.6.7 on two cores takes nearly twice as much on two connections as on one."""
MOST_CONNECTIONS: Final = 256
_PLACED: Final = 100_000
_ONLY: Final = [bytes(place == lane for place in range(256)) for lane in range(MOST_CONNECTIONS)]
"""Tables for each connection that mark its own places among the others'."""


class InfluxStore:
    """A `SeriesStore` in one InfluxDB database (2.x: the bucket that a DBRP mapping names so).

    All points of a series go over one connection, one request after the other; requests of different connections overlap.
    So the order of the calls holds for each series, not between series. Where a connection fails, what the other has stored
    stays stored, and the call fails as a whole: repeating it changes nothing that is stored already.
    """

    def __init__(
        self,
        url: str,
        database: str,
        *,
        user: str = "",
        token: str = "",
        timeout_s: float = 20.0,
        lines_per_request: int = 5_000,
        connections: int = CONNECTIONS,
        packed: bool | None = None,
    ) -> None:
        """Nothing is sent before the first call. `url` is `http(s)://host:port`, `token` the password on 1.x.

        `packed`: send gzip; by default where the server is not on this machine. Raises `ValueError` for less than one
        connection or more than `MOST_CONNECTIONS`.
        """
        if not 1 <= connections <= MOST_CONNECTIONS:
            raise ValueError(f"connections must be 1 to {MOST_CONNECTIONS}, not {connections}")
        self._server = InfluxServer(url, database, user=user, token=token, timeout_s=timeout_s)
        if packed is None:
            packed = not on_this_machine(urlsplit(url).hostname or "")
        self._rollups = InfluxRollups(self._server)
        self._encoder = LineEncoder(portable=True)
        self._lanes = [Lane(self._server, packed=packed, lines_per_request=lines_per_request) for _ in range(connections)]
        self._places: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        """Ready at once."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let the connections go."""
        await self.aclose()

    async def aclose(self) -> None:
        """Send what was accepted and let the connections go."""
        await asyncio.gather(*(lane.drain() for lane in self._lanes))
        await self._server.aclose()

    async def write(self, points: Sequence[Point]) -> Sequence[RefusedPoint]:
        """See `SeriesWriter.write`."""
        if not points:
            return []
        # Nothing is awaited up to here: each lane gets its lines in the order of the calls.
        parts = self._encoded(points)
        sending = [lane.put(part) for lane, part in zip(self._lanes, parts, strict=True) if len(part)]
        refused = [entry for part in parts for entry in part.refused]
        for outcome in await asyncio.shield(asyncio.gather(*sending, return_exceptions=True)):
            if isinstance(outcome, BaseException):
                raise outcome
            refused += outcome
        return refused

    def _encoded(self, points: Sequence[Point]) -> list[Encoded]:
        """What goes over each connection."""
        count = len(self._lanes)
        if count == 1:
            return [self._encoder.encode(points)]
        measured, others = vouched(points)
        heads = self._encoder.heads(measured)
        if heads is None:
            heads, measured, others = [], (), points
        marks = self._marks(heads)
        parts = [self._encoder.with_heads(list(compress(heads, mine)), list(compress(measured, mine))) for mine in marks]
        if others:
            encoded = self._encoder.one_by_one(others)
            parts = [part.joined(encoded.chosen(mine)) for part, mine in zip(parts, self._marks(encoded.heads), strict=True)]
            parts[0].refused.extend(encoded.refused)
        return parts

    def _marks(self, heads: Sequence[str]) -> list[bytes]:
        """For each connection: which lines go over it."""
        places = self._placed(heads)
        return [places.translate(_ONLY[lane]) for lane in range(len(self._lanes))]

    def _placed(self, heads: Sequence[str]) -> bytes:
        """The connection of each line."""
        try:
            return bytes(map(self._places.__getitem__, heads))
        except KeyError:
            return bytes(map(self._place, heads))

    def _place(self, head: str) -> int:
        """The connection of a series: dealt out in turn while there is room to remember it, by a checksum from then on."""
        place = self._places.get(head)
        if place is None:
            if len(self._places) >= _PLACED:
                return crc32(head.encode()) % len(self._lanes)
            place = self._places[head] = len(self._places) % len(self._lanes)
        return place

    async def heat(self, site: str, start: int, end: int) -> Sequence[HeatCell]:
        """See `SeriesReader.heat`."""
        # One statement a request: InfluxDB 3 takes no more.
        answers = await asyncio.gather(*(self._sheets(site, part) for part in split(start, end)))
        return cells_of(chain.from_iterable(answers))

    async def _sheets(self, site: str, part: Part) -> list[Sheet]:
        within = condition(part.start, part.end)
        if within is None:
            return []
        groups = await self._ask(
            f"SELECT cells, first_column, first_row, lat, lon, cell_m FROM {part.measurement}"
            f" WHERE site = {string(site)} AND {within} GROUP BY source, sheet"
        )
        return [Sheet(tags["source"], *map(row.__getitem__, Sheet._fields[1:])) for tags, rows in groups for row in rows]

    async def latest(self, site: str, measurement: str, since: int) -> Sequence[LatestRow]:
        """See `SeriesReader.latest`."""
        groups = await self._ask(
            f"SELECT *::field FROM {identifier(measurement)} WHERE site = {string(site)} AND time >= {_bounded(since)}"
            " AND device != '' GROUP BY device, zone ORDER BY time DESC LIMIT 1"
        )
        newest: dict[str, LatestRow] = {}
        for tags, rows in groups:
            for row in rows:
                fields = {key: _field(value) for key, value in row.items() if key != "time" and value is not None}
                entry = LatestRow(tags["device"], tags["zone"] or None, row["time"], fields)
                known = newest.get(entry.device)
                # A device that is in two zones at once is in the one whose name comes last: any rule, but the same everywhere.
                if known is None or (known.at, known.zone or "") < (entry.at, entry.zone or ""):
                    newest[entry.device] = entry
        return [newest[device] for device in sorted(newest)]

    async def history(
        self, site: str, measurement: str, field: str, *, start: int, end: int, every_ns: int, device: str | None = None
    ) -> Sequence[Bucket]:
        """See `SeriesReader.history`."""
        if every_ns < 1:
            raise ValueError(f"every_ns must be at least 1, not {every_ns}")
        until = await self._rollups.until(site, measurement) if worth(start, end, every_ns) else None
        parts = [Piece(None, start, end)] if until is None else pieces(start, end, every_ns, until)
        ask = partial(self._piece, site, measurement, field, every_ns=every_ns, device=device)
        return merged(await asyncio.gather(*map(ask, parts)))

    async def _piece(
        self, site: str, measurement: str, field: str, piece: Piece, *, every_ns: int, device: str | None
    ) -> list[Bucket]:
        within = condition(piece.start, piece.end)
        if within is None:
            return []
        if piece.span is not None:
            ask = self._rollups.history
            return await ask(site, measurement, field, piece.span, within=within, every_ns=every_ns, device=device)
        name = identifier(field)
        which = "" if device is None else f" AND device = {string(device)}"
        try:
            groups = await self._ask(
                f"SELECT MEAN({name}) AS mean, MIN({name}) AS minimum, MAX({name}) AS maximum, COUNT({name}) AS samples"
                f" FROM {identifier(measurement)} WHERE site = {string(site)} AND {within} AND device != ''{which}"
                f" GROUP BY device, time({every_ns}ns) fill(none)"
            )
        except QueryRefusedError as refusal:
            if "unsupported" in str(refusal):  # the field is text or a truth value: it has no mean
                return []
            raise
        return [
            Bucket(
                tags["device"], row["time"], float(row["mean"]), float(row["minimum"]), float(row["maximum"]), row["samples"]
            )
            for tags, rows in groups
            for row in rows
            if row["samples"]
        ]

    async def rolled(self, site: str, measurement: str, span: Span, *, start: int, end: int) -> Sequence[Point]:
        """See `SeriesRollups.rolled`."""
        return await self._rollups.rolled(site, measurement, span, start=start, end=end)

    async def earliest(self, site: str, measurement: str) -> int | None:
        """See `SeriesRollups.earliest`."""
        return await self._rollups.earliest(site, measurement)

    async def forget(self, measurement: str, before: int) -> None:
        """See `SeriesRollups.forget`."""
        await self._rollups.forget(measurement, before)

    async def _ask(self, influxql: str) -> list[Group]:
        """The groups that a query answers; a database or measurement that does not exist yet holds nothing."""
        return list(rows_of(await self._server.ask(influxql)))


def _field(value: FieldValue) -> FieldValue:
    """JSON of Go writes 3.0 as `3`; every number that we store is a float."""
    return float(value) if type(value) is int else value


def _bounded(at: int) -> int:
    return min(max(at, EARLIEST), LATEST)
