"""Time-series stores: points in, heat and histories out. The contract is `plumbline.series`."""

from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from plumbline.errors import SettingsError
from plumbline.series import SeriesStore

__all__ = ["described", "open_store"]

_FORMS: Final = "write influx:http://USER:TOKEN@HOST:8086/DATABASE, if need be with ?connections=2&gzip=yes, or embedded:/FOLDER/FILE.duckdb"
_MOST_CONNECTIONS: Final = 16


async def open_store(url: str) -> SeriesStore:
    """Open the store that a URL names: `influx:http://user:token@host:8086/database` or `embedded:/path/file.duckdb`.

    User, token and database may be percent-encoded. `?connections=N` says over how many connections InfluxDB is written to
    (1 to 16, default 2), `?gzip=yes` or `no` whether what is sent is packed (default: where the server is not on this
    machine). The file is opened at once, a server is not asked before the first call. Raises `SettingsError` where the URL
    is not one of these, `SeriesUnavailableError` where the file is in use.
    """
    kind, rest = _parts(url)
    if kind == "influx":
        return _open_influx(rest)
    # Only who uses a store needs what it is made of.
    from ingest.series.embedded import EmbeddedStore  # noqa: PLC0415

    return await EmbeddedStore(_file(rest)).open()


async def described(url: str) -> str:
    """The store that a URL names, for people and without its token; no file and no connection is opened. Raises `SettingsError`."""
    kind, rest = _parts(url)
    if kind == "embedded":
        return f"the file {_file(rest)}"
    await _open_influx(rest).aclose()
    parts = urlsplit(rest)
    user = f" as {unquote(parts.username)}" if parts.username else ""
    return f"InfluxDB at {parts.scheme}://{parts.netloc.rpartition('@')[2]}, database {unquote(parts.path.strip('/'))}{user}"


def _parts(url: str) -> tuple[str, str]:
    kind, _, rest = url.partition(":")
    if kind not in {"embedded", "influx"}:
        raise SettingsError(f"series: '{kind[:40]}' is not a time-series store; {_FORMS}")
    return kind, rest


def _file(path: str) -> Path:
    if not path or path.endswith("/"):
        raise SettingsError(f"series: 'embedded:{path}' names no file; {_FORMS}")
    return Path(path.removeprefix("//"))


def _open_influx(address: str) -> SeriesStore:
    from ingest.series.influx import InfluxStore  # noqa: PLC0415 - see above

    parts = urlsplit(address)
    database = unquote(parts.path.strip("/"))
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise SettingsError(f"series: the port in the URL is no number from 0 to 65535; {_FORMS}") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not database:
        raise SettingsError(f"series: the URL lacks http(s), the host or the database; {_FORMS}")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    connections, packed = _connections(options.pop("connections", None)), _packed(options.pop("gzip", None))
    if options:
        raise SettingsError(f"series: '{next(iter(options))[:40]}' is no option of the URL; {_FORMS}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return InfluxStore(
        f"{parts.scheme}://{host}{port}",
        database,
        user=unquote(parts.username or ""),
        token=unquote(parts.password or ""),
        connections=connections,
        packed=packed,
    )


def _connections(said: str | None) -> int:
    from ingest.series.influx import CONNECTIONS  # noqa: PLC0415 - see above

    if said is None:
        return CONNECTIONS
    if not (said.isascii() and said.isdigit() and 1 <= int(said[:9]) <= _MOST_CONNECTIONS):
        raise SettingsError(f"series: connections={said[:40]} is no number from 1 to {_MOST_CONNECTIONS}; {_FORMS}")
    return int(said)


def _packed(said: str | None) -> bool | None:
    if said is None:
        return None
    if said not in {"yes", "no"}:
        raise SettingsError(f"series: gzip={said[:40]} is neither yes nor no; {_FORMS}")
    return said == "yes"
