"""What is wanted of an InfluxDB, what came of it, and which InfluxDB it is."""

import re
from dataclasses import dataclass, field
from typing import Final

import httpx

from plumbline.errors import PlumblineError

INGEST: Final = "ingest"
GRAFANA: Final = "grafana"
_VERSION: Final = re.compile(r"v?(\d+)\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A database (1.x) or a bucket of that name (2.x), and two who may use it."""

    url: str
    database: str
    keep_days: int | None = None
    """The database's own limit, which holds for everything in it; 0: for ever; `None`: as it is."""
    new_secrets: bool = False
    """Make the tokens or passwords anew."""


@dataclass(slots=True)
class Done:
    """What was found and done."""

    lines: list[str] = field(default_factory=list[str])
    """For people."""
    secrets: dict[str, str] = field(default_factory=dict[str, str])
    """New tokens or passwords: of `ingest` (reads and writes) and of `grafana` (reads)."""
    users: dict[str, str] = field(default_factory=dict[str, str])
    """The names that go with them."""


def major_version(url: str, *, timeout_s: float = 10.0) -> int:
    """Which InfluxDB answers at a URL: 1, 2 or 3. Raises `PlumblineError` where none does."""
    try:
        answer = httpx.get(f"{url}/ping", timeout=timeout_s, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise PlumblineError(
            f"{url}: InfluxDB cannot be reached ({error or type(error).__name__}); check address and port"
        ) from error
    said = answer.headers.get("X-Influxdb-Version", "")
    found = _VERSION.match(said)
    if found is None:
        raise PlumblineError(
            f"{url}: /ping answered {answer.status_code} without a version of InfluxDB; check the address, or say --version"
        )
    return int(found[1])
