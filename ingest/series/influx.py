# ruff: noqa: S608 - every name and text in a query is quoted by ingest.series.influxql
"""The time-series store in InfluxDB: 1.x, 2.x and 3 Core, through the API that all three share.

`POST /write?db=&precision=ns` takes line protocol, `POST /query` answers InfluxQL, both with HTTP Basic `user:token`.
Numbers are written as floats: a field keeps its first type for ever, and sensors are not that tidy.
"""

import asyncio
import gzip
import re
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Self, cast

import httpx
import msgspec
import structlog

from ingest.series.influxql import identifier, string
from ingest.series.limits import EARLIEST, LATEST, window
from ingest.series.line_protocol import Encoded, LineEncoder
from plumbline.series import Bucket, FieldValue, HeatCell, LatestRow, Point, RefusedPoint, SeriesUnavailableError
from plumbline.site import Source

_log: Final = structlog.get_logger()

_ABOUT_POINTS: Final = frozenset({400, 413, 422})
"""Statuses that speak of the points themselves; every other refusal is about us, the way or the server."""
_DROPPED: Final = re.compile(r"partial write: (?P<reason>.*) dropped=(?P<dropped>\d+)$", re.DOTALL)
_NO_DATABASE: Final = re.compile(r"database not found", re.IGNORECASE)

Row = dict[str, Any]
Group = tuple[Mapping[str, str], list[Row]]
"""The tags of a series in an answer, and its rows."""


class InfluxStore:
    """A `SeriesStore` in one InfluxDB database (2.x: the bucket that a DBRP mapping names so)."""

    def __init__(
        self,
        url: str,
        database: str,
        *,
        user: str = "",
        token: str = "",
        timeout_s: float = 20.0,
        lines_per_request: int = 5_000,
        connections: int = 2,
    ) -> None:
        """Nothing is sent before the first call. `url` is `http(s)://host:port`, `token` the password on 1.x."""
        self._url = url.rstrip("/")
        self._database = database
        self._lines_per_request = lines_per_request
        self._encoder = LineEncoder(portable=True)
        self._client = httpx.AsyncClient(
            base_url=self._url,
            auth=httpx.BasicAuth(user, token) if token else None,
            timeout=httpx.Timeout(timeout_s),
            limits=httpx.Limits(max_connections=connections + 2, max_keepalive_connections=connections + 2),
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        """Ready at once."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let the connections go."""
        await self.aclose()

    async def aclose(self) -> None:
        """Let the connections go; what was written is stored already."""
        await self._client.aclose()

    async def write(self, points: Sequence[Point]) -> Sequence[RefusedPoint]:
        """See `SeriesWriter.write`."""
        refused: list[RefusedPoint] = []
        size = self._lines_per_request
        chunks = [points[start : start + size] for start in range(0, len(points), size)]
        posting: Coroutine[Any, Any, None] = asyncio.sleep(0)
        for chunk in chunks:
            # One request at a time, so that the last write wins; the next one is made ready meanwhile, off the loop.
            _, ready = await asyncio.gather(posting, asyncio.to_thread(self._prepare, chunk))
            refused += ready.encoded.refused
            posting = self._post(ready, refused)
        await posting
        return refused

    def _prepare(self, points: Sequence[Point]) -> "_Request":
        encoded = self._encoder.encode(points)
        return _Request(encoded, _packed(encoded.lines))

    async def _post(self, ready: "_Request", refused: list[RefusedPoint]) -> None:
        """Post lines; where the server minds some of them, halve until each refused one stands alone."""
        (lines, points, _), body = ready
        if not lines:
            return
        answer = await self._post_body(body)
        if answer.status_code not in _ABOUT_POINTS:
            return
        reason, dropped = _refusal(answer)
        if len(lines) == 1 or dropped == len(lines):
            refused += (RefusedPoint(point, reason) for point in points)
            return
        middle = len(lines) // 2
        for half in (slice(middle), slice(middle, None)):
            part = Encoded(lines[half], points[half], [])
            await self._post(_Request(part, _packed(part.lines)), refused)

    async def _post_body(self, body: bytes, *, may_create: bool = True) -> httpx.Response:
        answer = await self._send(
            "/write",
            params={"db": self._database, "precision": "ns"},
            content=body,
            headers={"Content-Encoding": "gzip", "Content-Type": "text/plain; charset=utf-8"},
        )
        if answer.is_success or answer.status_code in _ABOUT_POINTS:
            return answer
        if answer.status_code == 404 and may_create and _NO_DATABASE.search(answer.text):
            await self._create_database()
            return await self._post_body(body, may_create=False)
        raise self._unavailable(answer)

    async def _create_database(self) -> None:
        """Make the database: InfluxDB 1.x alone knows this statement; 2.x answers an error that says what to do."""
        await self._statement(f"CREATE DATABASE {identifier(self._database)}")
        _log.info("series database created", url=self._url, database=self._database)

    async def heat(self, site: str, start: int, end: int) -> Sequence[HeatCell]:
        """See `SeriesReader.heat`."""
        within = _condition(start, end)
        if within is None:
            return []
        groups = await self._ask(
            "SELECT SUM(weight) AS weight, MAX(lat) AS lat, MAX(lon) AS lon FROM heat"
            f" WHERE site = {string(site)} AND {within} GROUP BY cell, source"
        )
        return [
            HeatCell(tags["cell"], cast("Source", tags["source"]), float(row["lat"]), float(row["lon"]), float(row["weight"]))
            for tags, rows in groups
            for row in rows
            if None not in (row["lat"], row["lon"], row["weight"]) and tags["cell"]
        ]

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
        within = _condition(start, end)
        if every_ns < 1:
            raise ValueError(f"every_ns must be at least 1, not {every_ns}")
        if within is None:
            return []
        name = identifier(field)
        which = "" if device is None else f" AND device = {string(device)}"
        try:
            groups = await self._ask(
                f"SELECT MEAN({name}) AS mean, MIN({name}) AS minimum, MAX({name}) AS maximum, COUNT({name}) AS samples"
                f" FROM {identifier(measurement)} WHERE site = {string(site)} AND {within} AND device != ''{which}"
                f" GROUP BY device, time({every_ns}ns) fill(none)"
            )
        except _QueryRefusedError as refusal:
            if "unsupported" in str(refusal):  # the field is text or a truth value: it has no mean
                return []
            raise
        return [
            Bucket(
                tags["device"], row["time"], float(row["mean"]), float(row["minimum"]), float(row["maximum"]), row["samples"]
            )
            for tags, rows in sorted(groups, key=lambda group: group[0]["device"])
            for row in rows
            if row["samples"]
        ]

    async def _ask(self, influxql: str) -> list[Group]:
        """The groups that a query answers; a database or measurement that does not exist yet holds nothing."""
        try:
            return list(_groups(await self._statement(influxql)))
        except _QueryRefusedError as refusal:
            if _NO_DATABASE.search(str(refusal)):
                return []
            raise

    async def _statement(self, influxql: str) -> dict[str, Any]:
        answer = await self._send("/query", params={"db": self._database, "epoch": "ns"}, data={"q": influxql})
        if not answer.is_success and answer.status_code not in {400, 404}:
            raise self._unavailable(answer)
        try:
            body = msgspec.json.decode(answer.content, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise SeriesUnavailableError(
                f"{self._url}: answered a query with something that is not JSON; check that an InfluxDB listens there"
            ) from None
        results: list[dict[str, Any]] = body.get("results") or [{}]
        error = body.get("error") or body.get("message") or results[0].get("error")
        if error:
            raise _QueryRefusedError(
                f"{self._url}: InfluxDB refused a query: {error}; check its version and the rights of the user"
            )
        return results[0]

    async def _send(self, path: str, **request: Any) -> httpx.Response:
        try:
            return await self._client.post(path, **request)
        except httpx.TimeoutException as error:
            raise SeriesUnavailableError(
                f"{self._url}: InfluxDB did not answer in time ({type(error).__name__}); check its load and disk"
            ) from error
        except httpx.HTTPError as error:
            raise SeriesUnavailableError(
                f"{self._url}: InfluxDB cannot be reached ({error or type(error).__name__}); check that it runs and the address"
            ) from error

    def _unavailable(self, answer: httpx.Response) -> SeriesUnavailableError:
        status, detail = answer.status_code, _error_text(answer)
        remedy = {
            401: "check user and token in the series URL",
            403: "give the token or user the right to read and write the database",
            404: "check the database's name; on InfluxDB 2 map it to a bucket with a DBRP mapping",
            429: "it is over its limits; points wait and are sent again",
        }.get(status, "check the server's log, memory and disk")
        wait = answer.headers.get("Retry-After")
        pause = f" (asks to wait {wait} s)" if wait else ""
        return SeriesUnavailableError(f"{self._url}: InfluxDB answered {status}{pause}: {detail}; {remedy}")


class _Request(NamedTuple):
    """Points that were encoded, and the body that says them."""

    encoded: Encoded
    body: bytes


class _QueryRefusedError(SeriesUnavailableError):
    """The server understood us and said no to a query."""


def _packed(lines: Sequence[str]) -> bytes:
    return gzip.compress("\n".join(lines).encode(), compresslevel=1)


def _refusal(answer: httpx.Response) -> tuple[str, int | None]:
    """The server's reason, and how many points it says that it dropped (`None`: it does not say)."""
    text = _error_text(answer)
    match = _DROPPED.search(text)
    return (match["reason"], int(match["dropped"])) if match else (text, None)


def _error_text(answer: httpx.Response) -> str:
    try:
        body = msgspec.json.decode(answer.content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return answer.text[:500].strip() or answer.reason_phrase
    return str(body.get("error") or body.get("message") or answer.text[:500])


def _groups(result: Mapping[str, Any]) -> Iterator[Group]:
    for series in result.get("series", ()):
        columns: list[str] = series["columns"]
        yield series.get("tags", {}), [dict(zip(columns, values, strict=True)) for values in series.get("values", ())]


def _field(value: FieldValue) -> FieldValue:
    """JSON of Go writes 3.0 as `3`; every number that we store is a float."""
    return float(value) if type(value) is int else value


def _condition(start: int, end: int) -> str | None:
    """The half-open window as a condition; `None` where nothing can lie in it."""
    inside = window(start, end)
    # The end is asked as the last included nanosecond: the end of the last window is no time to InfluxDB.
    return inside and f"time >= {inside[0]} AND time <= {inside[1] - 1}"


def _bounded(at: int) -> int:
    return min(max(at, EARLIEST), LATEST)
