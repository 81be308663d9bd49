"""What ingest needs to know: from a TOML file, from the environment, the environment winning.

| key | environment | meaning |
|---|---|---|
| `broker` | `PLUMBLINE_BROKER` | `mqtt://user:password@host:1883` |
| `database` | `PLUMBLINE_DATABASE` | `sqlite:///FILE` or `postgresql://user:password@host/name` |
| `series` | `PLUMBLINE_SERIES` | `influx:http://user:token@host:8086/db` or `embedded:/path/file.duckdb` |
| `sites` | `PLUMBLINE_SITES` | folder of site files (`*.toml`) |
| `share` | `PLUMBLINE_SHARE` | shared subscription's name, without `/`, `+`, `#`; empty: none, one worker alone |
| `mqtt` | `PLUMBLINE_MQTT` | `5` or `3.1.1` |
| `worker` | `PLUMBLINE_WORKER` | this worker's name; default: the lowest number that is free |
| `metrics_port` | `PLUMBLINE_METRICS_PORT` | `/metrics`, `/healthy`, `/ready`, `/ledger`, `/deadletters` over HTTP; 0: any free port; absent: none |
| `metrics_host` | `PLUMBLINE_METRICS_HOST` | the address for that; default 127.0.0.1: this machine alone |
| `direct` | `PLUMBLINE_DIRECT` | file of the devices that publish straight to the broker (docs/direct.md); absent: there are none |
| `keep_raw_days` | `PLUMBLINE_KEEP_RAW_DAYS` | days that readings, positions and gateways' health are kept one by one; 0: for ever; default 30 |
| `keep_rollup_days` | `PLUMBLINE_KEEP_ROLLUP_DAYS` | days that rollups and heat are kept; 0: for ever; default 730. All else is kept for ever |

A variable that is empty counts as absent, but for `PLUMBLINE_SHARE`.
"""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from plumbline import settings, site
from plumbline.errors import SettingsError
from plumbline.event import Name
from plumbline.mqtt import Version
from plumbline.site import SiteFile

_PREFIX: Final = "PLUMBLINE_"
_NUMBERS: Final = ("metrics_port", "keep_raw_days", "keep_rollup_days")
KEYS: Final = (
    *("broker", "database", "series", "sites", "share", "mqtt", "worker", "metrics_port", "metrics_host", "direct"),
    *("keep_raw_days", "keep_rollup_days"),
)


Days = Annotated[int, Meta(ge=0, le=36_500)]


class IngestSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """See the module."""

    broker: str
    database: str
    series: str
    sites: str
    share: str = "ingest"
    mqtt: Version = "5"
    worker: Name | None = None
    metrics_port: Annotated[int, Meta(ge=0, le=65535)] | None = None
    metrics_host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    direct: Annotated[str, Meta(min_length=1)] | None = None
    keep_raw_days: Days = 30
    keep_rollup_days: Days = 730


def load(path: Path | None, environment: Mapping[str, str]) -> IngestSettings:
    """Read the settings. Raises `SettingsError` with file or variable, key and remedy."""
    table: dict[str, Any] = settings.load(path, dict[str, Any]) if path is not None else {}
    for key in KEYS:
        text = environment.get(f"{_PREFIX}{key.upper()}")
        if text or (text is not None and key == "share"):
            table[key] = int(text) if key in _NUMBERS and text.isdecimal() else text
    where = f"{path} and PLUMBLINE_… in the environment" if path else "PLUMBLINE_… in the environment"
    chosen = settings.convert(table, IngestSettings, where)
    if set("/+#\0") & set(chosen.share):
        raise SettingsError(f"{where}: share: '{chosen.share[:40]}' may not hold '/', '+' or '#'; choose a plain word")
    return chosen


def misspelt(environment: Mapping[str, str]) -> Iterator[str]:
    """Variables that are none of ours, but much like one, in sentences for people."""
    for variable in sorted(environment):
        key = variable.removeprefix(_PREFIX).lower()
        if variable.startswith(_PREFIX) and key not in KEYS and (like := difflib.get_close_matches(key, KEYS, 1, 0.75)):
            yield f"{variable} is no setting; did you mean {_PREFIX}{like[0].upper()}?"


def load_sites(folder: Path) -> dict[str, SiteFile]:
    """Read every site file of a folder. Raises `SettingsError` where it is not there or two files name one site."""
    return site.load_all([_folder(folder)])


def folder_of_sites(chosen: IngestSettings) -> Path:
    """Where the site files lie. Raises `SettingsError` where that is not a folder."""
    return _folder(Path(chosen.sites))


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise SettingsError(f"{path}: is not a folder; name the one that holds the site files")
    return path
