"""One InfluxDB over HTTP: requests that are answered, and what the answers mean that are not about points."""

import math
import re
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import quote, urlencode

import httpx
import msgspec
import structlog

from ingest.series.http_wire import Answer
from ingest.series.influxql import identifier
from ingest.series.posting import Poster
from plumbline.series import SeriesUnavailableError

_log: Final = structlog.get_logger()

LONGEST_WAIT_S: Final = 600.0
"""A `Retry-After` is believed up to here: who repairs a server early should not wait for us."""
_ASKING: Final = 8
"""Connections for queries."""
_ABOUT_POINTS: Final = frozenset({400, 413, 422})
"""Statuses that speak of the points themselves; every other refusal is about us, the way or the server."""
_NO_DATABASE: Final = re.compile(r"database not found", re.IGNORECASE)
_BAD_DATABASE: Final = re.compile(
    r"\b(database is required|db name|database name|invalid (database|namespace))\b", re.IGNORECASE
)
"""What is said with status 400 about our setting, not about the points."""


def on_this_machine(host: str) -> bool:
    """Whether a host of a URL is this machine for sure, so that packing what is sent saves nothing."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


class QueryRefusedError(SeriesUnavailableError):
    """The server understood us and said no to a query."""


class NotANumberError(QueryRefusedError):
    """The answer would hold a number that is none: a sum went beyond what a float holds."""


class InfluxServer:
    """The part of the API that 1.x, 2.x and 3 Core share, on kept-alive connections."""

    def __init__(
        self,
        url: str,
        database: str,
        *,
        user: str = "",
        token: str = "",
        timeout_s: float = 20.0,
        now: Callable[[], float] | None = None,
    ) -> None:
        """Nothing is sent before the first call."""
        self.url = url.rstrip("/")
        self._database = database
        self._now = now or (lambda: datetime.now(UTC).timestamp())
        whole = httpx.URL(self.url)
        # SSL_CERT_FILE may name who signed for the server; without it those whom browsers trust.
        tls = httpx.create_ssl_context() if whole.scheme == "https" else None
        headers = [("User-Agent", "plumbline-ingest"), ("Accept", "*/*")]
        if token:
            headers.append(("Authorization", f"Basic {b64encode(f'{user}:{token}'.encode()).decode()}"))
        asked = urlencode({"db": database, "precision": "ns"}, quote_via=quote)
        self._target = f"{whole.raw_path.decode('ascii').rstrip('/')}/write?{asked}"
        self._poster = Poster(whole, tls=tls, headers=headers, timeout_s=timeout_s)
        self._client = httpx.AsyncClient(
            base_url=self.url,
            auth=httpx.BasicAuth(user, token) if token else None,
            timeout=httpx.Timeout(timeout_s),
            limits=httpx.Limits(max_connections=_ASKING, max_keepalive_connections=2, keepalive_expiry=60),
            trust_env=False,
            verify=tls or False,  # False: nothing to verify, the URL says http
        )

    async def aclose(self) -> None:
        """Let the connections go."""
        await self._poster.aclose()
        await self._client.aclose()

    async def write(self, body: bytes, *, packed: bool) -> Answer:
        """Post lines: the answer is a success, or minds the points. Raises `SeriesUnavailableError` for every other."""
        answer = await self._post_lines(body, packed=packed)
        if answer.status == 404 and _NO_DATABASE.search(answer.text):
            await self._create_database()
            answer = await self._post_lines(body, packed=packed)
        if answer.is_success or (answer.status in _ABOUT_POINTS and not _BAD_DATABASE.search(_error_text(answer))):
            return answer
        raise self._unavailable(answer)

    async def _post_lines(self, body: bytes, *, packed: bool) -> Answer:
        headers = [("Content-Type", "text/plain; charset=utf-8")]
        if packed:
            headers.append(("Content-Encoding", "gzip"))
        try:
            return await self._poster.post(self._target, headers, body)
        except TimeoutError as error:
            raise self._late(str(error)) from error
        except OSError as error:
            raise self._out_of_reach(error) from error

    async def _create_database(self) -> None:
        """Make the database: InfluxDB 1.x alone knows this statement; 2.x answers an error that says what to do."""
        await self.ask(f"CREATE DATABASE {identifier(self._database)}")
        _log.info("series database created", url=self.url, database=self._database)

    async def ask(self, influxql: str) -> dict[str, Any]:
        """The result of one statement; `{}` where the database does not exist yet, for then it holds nothing."""
        answer = await self._query(influxql)
        if not answer.is_success and answer.status not in {400, 404}:
            raise self._unavailable(answer)
        try:
            body = msgspec.json.decode(answer.content, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            if b"unsupported value" in answer.content[:1000]:  # Go's JSON has no infinities
                raise NotANumberError(
                    f"{self.url}: a query's answer holds an infinite number; look for absurd values in the series"
                ) from None
            raise SeriesUnavailableError(
                f"{self.url}: answered a query with something that is not JSON; check that an InfluxDB listens there"
            ) from None
        results: list[dict[str, Any]] = body.get("results") or [{}]
        error = body.get("error") or body.get("message") or results[0].get("error")
        if not error:
            return results[0]
        if _NO_DATABASE.search(str(error)):
            return {}
        raise QueryRefusedError(f"{self.url}: InfluxDB refused a query: {error}; check its version and the rights of the user")

    async def _query(self, influxql: str) -> Answer:
        try:
            said = await self._client.post("/query", params={"db": self._database, "epoch": "ns"}, data={"q": influxql})
        except httpx.TimeoutException as error:
            raise self._late(type(error).__name__) from error
        except httpx.HTTPError as error:
            raise self._out_of_reach(error) from error
        return Answer(said.status_code, said.reason_phrase, said.headers, said.content)

    def _late(self, what: str) -> SeriesUnavailableError:
        return SeriesUnavailableError(f"{self.url}: InfluxDB did not answer in time ({what}); check its load and disk")

    def _out_of_reach(self, error: Exception) -> SeriesUnavailableError:
        return SeriesUnavailableError(
            f"{self.url}: InfluxDB cannot be reached ({error or type(error).__name__}); check that it runs and the address"
        )

    def _unavailable(self, answer: Answer) -> SeriesUnavailableError:
        status, detail = answer.status, _error_text(answer)
        remedy = {
            400: "correct the database in the series URL",
            401: "check user and token in the series URL",
            403: "give the token or user the right to read and write the database",
            404: "check the database's name; on InfluxDB 2 map it to a bucket with a DBRP mapping",
            408: "check the server's load, log and disk",
            429: "it is over its limits; points wait and are sent again",
        }.get(status, "check the server's log, memory and disk" if status >= 500 else "check the address: is it an InfluxDB?")
        wait_s = self._asked_to_wait(answer.headers.get("retry-after", ""))
        pause = f" (asks to wait {wait_s:g} s)" if wait_s else ""
        return SeriesUnavailableError(
            f"{self.url}: InfluxDB answered {status}{pause}: {detail}; {remedy}",
            wait_s=wait_s,
            ours=400 <= status < 500 and status not in {408, 429},
        )

    def _asked_to_wait(self, said: str) -> float:
        """Seconds of a `Retry-After`, which names seconds or a date (RFC 9110, section 10.2.3); nonsense is no wish."""
        try:
            wait_s = float(said) if said.strip().isdecimal() else parsedate_to_datetime(said).timestamp() - self._now()
        except (ValueError, OverflowError):
            return 0.0
        return min(max(wait_s, 0.0), LONGEST_WAIT_S) if math.isfinite(wait_s) else 0.0


def _error_text(answer: Answer) -> str:
    try:
        body = msgspec.json.decode(answer.content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return answer.text[:500].strip() or answer.reason
    return str(body.get("error") or body.get("message") or answer.text)[:500]
