"""The configuration of a gateway: one TOML file, and every mistake in it told at once.

`edge_agent/sample.toml` shows and explains all of it.
"""

import difflib
import importlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Protocol, TypeVar, cast, runtime_checkable

import msgspec
from msgspec import Meta, Struct, structs

from edge_agent.outbox import Fsync
from edge_agent.page.settings import PageSettings
from edge_agent.reader import Context, Reader
from edge_agent.readers import READERS
from plumbline import profile, settings
from plumbline.address import Address
from plumbline.errors import SettingsError
from plumbline.event import Name
from plumbline.ids import is_name
from plumbline.mqtt import Version
from plumbline.profile import DeviceProfile

T = TypeVar("T", bound=Struct)

_OWN: Final = frozenset({"edge_agent", "plumbline"})
#: The profiles that come with this code.
_SHIPPED: Final = Path(__file__).resolve().parents[1] / "firmware_configs"


class ConfigError(SettingsError):
    """The configuration has mistakes; `mistakes` lists them, each with key and remedy."""

    def __init__(self, path: Path, mistakes: list[str]) -> None:
        head = f"{path}: " + ("1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes")
        super().__init__("\n  - ".join([head, *mistakes]))
        self.path = path
        self.mistakes = tuple(mistakes)


class Server(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the batches go."""

    brokers: Annotated[tuple[str, ...], Meta(min_length=1, max_length=16)]
    """`mqtt://user:password@host:1883`, `mqtts://…`, `ws://…`, `wss://…`; the first that answers, in this order."""
    version: Version = "5"
    keepalive_s: Annotated[int, Meta(ge=5, le=3600)] = 20
    ca_file: str | None = None
    """Certificates (PEM) of who signed the brokers' (`mqtts://`, `wss://`); default: whom the system trusts."""
    cert_file: str | None = None
    """This gateway's own certificate (PEM), for brokers that ask for one."""
    key_file: str | None = None
    """Its key, where that is not in `cert_file`; without a password."""
    home_every_s: Annotated[float, Meta(gt=0, le=86_400)] = 300.0
    """On a lesser broker, how often a better one is tried; we go back to it when it works."""


class Linger(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long an event may wait for company, in milliseconds, per class."""

    business: Annotated[int, Meta(ge=0, le=60_000)] = 5
    telemetry: Annotated[int, Meta(ge=0, le=60_000)] = 100


class UplinkSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How batches are cut and what happens to those that are not committed."""

    batch_events: Annotated[int, Meta(ge=1, le=10_000)] = 500
    batch_bytes: Annotated[int, Meta(ge=1024, le=3_000_000)] = 256 * 1024
    linger_ms: Linger = Linger()
    window: Annotated[int, Meta(ge=1, le=500)] = 16
    """Batches of one class that may be under way without being committed."""
    resend_after_s: Annotated[float, Meta(gt=0, le=3600)] = 15.0
    """What is not committed by then is sent again; while ingest is silent one batch asks for all."""
    drain_bytes_per_s: Annotated[int, Meta(ge=0, le=2**32)] = 250_000
    """What a backlog may take of the link, compressed; 0: all that live data leaves. Live data always goes first."""
    compression: Literal["auto", "off"] = "auto"
    """`auto`: batches from half a kilobyte on are compressed, about 6 times smaller."""
    canary_every_s: Annotated[float, Meta(ge=0, le=3600)] = 30.0
    """How often a message to ourselves proves that what is published comes back; 0: never."""
    canary_patience_s: Annotated[float, Meta(gt=0, le=600)] = 15.0
    """How long it may take before the connection is made anew."""


class FsyncSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether a device hears 'accepted' when the disk has the event (`full`) or the operating system (`normal`)."""

    business: Fsync = "full"
    telemetry: Fsync = "normal"


class OutboxSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How events are kept."""

    fsync: FsyncSettings = FsyncSettings()
    history_bytes: Annotated[int, Meta(ge=0, le=2**40)] = 256 * 1024 * 1024
    """Committed events that stay, per class, to refill a server that lost them."""
    max_bytes: Annotated[int, Meta(ge=1024 * 1024, le=2**44)] = 2 * 1024 * 1024 * 1024
    """What all events may take. Above it history goes first, then old telemetry is thinned; business events stay always."""


class HealthSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often the gateway says how it is."""

    every_s: Annotated[float, Meta(gt=0, le=3600)] = 30.0


class RemoteSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether the server may change this file."""

    enabled: bool = True
    probation_s: Annotated[float, Meta(ge=1, le=3600)] = 60.0
    """How long a new configuration has to reach the server, with every reader well that was so before; else it is undone."""


class LogSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Log files, beside the standard error."""

    file: str = "log/agent.jsonl"
    """Relative to the data folder; one JSON object a line. Empty: none."""
    bytes: Annotated[int, Meta(ge=10_000, le=2**30)] = 1_000_000
    """When a file is so long, the next one begins."""
    count: Annotated[int, Meta(ge=1, le=100)] = 5
    """How many files there are at most."""
    repeats_s: Annotated[float, Meta(ge=0, le=86_400)] = 300.0
    """A line that comes again within this time is counted, and the count written once at its end; 0: every line is written."""


class SupervisorSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens to a reader that fails."""

    trip_after: Annotated[int, Meta(ge=1, le=1000)] = 5
    """Failures in a row after which its breaker opens."""
    open_s: Annotated[float, Meta(gt=0, le=86_400)] = 60.0
    """How long an open breaker waits between two tries."""


class GatewayFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The gateway's TOML file."""

    site: Name
    """As in the site file of the server."""
    gateway: Name
    """Unique within the site."""
    server: Server
    data: str = "data"
    """The outbox and what readers keep; relative to this file. One agent per folder."""
    profiles: str | None = None
    """Folder of device profiles, `<id>/profile.toml`; default: `firmware_configs` beside this file, else those of the code."""
    expected: str | None = None
    """File of what is to arrive: chooses between readings of a damaged scan."""
    uplink: UplinkSettings = UplinkSettings()
    outbox: OutboxSettings = OutboxSettings()
    health: HealthSettings = HealthSettings()
    supervisor: SupervisorSettings = SupervisorSettings()
    page: PageSettings = PageSettings()
    remote: RemoteSettings = RemoteSettings()
    log: LogSettings = LogSettings()
    reader: tuple[dict[str, Any], ...] = ()
    """One table for each device, or family of devices: `type`, `name`, and the reader's own keys."""


@runtime_checkable
class _ReaderModule(Protocol):
    Settings: type[Struct]
    build: Callable[[str, Any, Context], Reader]


@dataclass(frozen=True, slots=True)
class ReaderEntry:
    """One `[[reader]]` table, checked."""

    type: str
    name: str
    settings: Struct
    build: Callable[[str, Any, Context], Reader]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A gateway's configuration without mistakes; paths are absolute."""

    path: Path
    site: str
    gateway: str
    data: Path
    profiles_folder: Path | None
    profiles: Mapping[str, DeviceProfile]
    expected: Path | None
    """The file of what the site expects; it may be missing or broken, and is read when the agent starts."""
    server: Server
    uplink: UplinkSettings
    outbox: OutboxSettings
    health: HealthSettings
    supervisor: SupervisorSettings
    page: PageSettings
    remote: RemoteSettings
    log: LogSettings
    readers: tuple[ReaderEntry, ...]


def load(path: Path) -> Config:
    """Read and check a configuration. Raises `ConfigError` with every mistake found; opens no device and no connection."""
    path = path.absolute()
    table = settings.load(path, dict[str, Any])
    mistakes: list[str] = []
    file = _checked(table, GatewayFile, "", mistakes)
    base = path.parent
    for i, url in enumerate(_brokers(table)):
        try:
            Address.parse(url)
        except SettingsError as error:
            mistakes.append(f"server.brokers[{i}]: {error}")
    folder = _profiles_folder(base, table.get("profiles"))
    profiles: dict[str, DeviceProfile] = {}
    for each in dict.fromkeys((_SHIPPED if _SHIPPED.is_dir() else None, folder)):
        if each is not None:
            try:  # the site's own stand beside those of the code, and win over one of the same name
                profiles |= profile.load_all(each)
            except SettingsError as error:
                mistakes.append(f"profiles: {error}")
    readers = _readers(table.get("reader"), mistakes)
    trial = Context(profiles=profiles, base=base)
    for entry in readers:
        try:  # building opens nothing; it checks what the settings alone cannot, such as a profile's name
            entry.build(entry.name, entry.settings, trial)
        except SettingsError as error:
            mistakes.append(f"reader '{entry.name}': {error}")
    if mistakes or file is None:
        raise ConfigError(path, mistakes)
    return Config(
        path=path,
        site=file.site,
        gateway=file.gateway,
        data=(base / Path(file.data).expanduser()).resolve(),
        profiles_folder=folder,
        profiles=profiles,
        expected=None if file.expected is None else (base / Path(file.expected).expanduser()).resolve(),
        server=_placed_files(file.server, base),
        uplink=file.uplink,
        outbox=file.outbox,
        health=file.health,
        supervisor=file.supervisor,
        page=file.page,
        remote=file.remote,
        log=file.log,
        readers=tuple(readers),
    )


def _placed_files(server: Server, base: Path) -> Server:
    """With absolute paths. Whether the files are there is seen at each connection: without them scans are still kept."""
    names = ("ca_file", "cert_file", "key_file")
    given = {name: getattr(server, name) for name in names if getattr(server, name) is not None}
    return structs.replace(server, **{name: str((base / Path(path).expanduser()).resolve()) for name, path in given.items()})


def _brokers(table: dict[str, Any]) -> list[str]:
    server = table.get("server")
    urls = cast("dict[str, Any]", server).get("brokers") if isinstance(server, dict) else None
    return [url for url in cast("list[Any]", urls) if isinstance(url, str)] if isinstance(urls, list) else []


def _profiles_folder(base: Path, given: object) -> Path | None:
    """The folder that is named, else `firmware_configs` beside the configuration, else the one that came with this code."""
    if isinstance(given, str):
        return (base / Path(given).expanduser()).resolve()
    return next((folder for folder in (base / "firmware_configs", _SHIPPED) if folder.is_dir()), None)


def _readers(tables: object, mistakes: list[str]) -> list[ReaderEntry]:
    entries: list[ReaderEntry] = []
    rows = (
        [cast("dict[str, Any]", row) for row in cast("list[Any]", tables) if isinstance(row, dict)]
        if isinstance(tables, list)
        else []
    )
    for i, table in enumerate(rows):
        rest = dict(table)
        kind, name = rest.pop("type", None), rest.pop("name", None)
        where = f"reader[{i}]" if not isinstance(name, str) else f"reader '{name}'"
        if not isinstance(name, str) or not is_name(name):
            mistakes.append(f"{where}: name: must be 1 to 64 letters, digits, '.', '_', '-', and begin with a letter or digit")
            continue
        module = _module(kind, where, mistakes)
        if module is None:
            continue
        own = _checked(rest, module.Settings, f"{where}: ", mistakes)
        if own is not None:
            entries.append(ReaderEntry(str(kind), name, own, module.build))
    names = Counter(str(row.get("name")) for row in rows if row.get("name") is not None)
    mistakes.extend(
        f"reader '{name}': name: is given {n} times; each reader needs one of its own" for name, n in names.items() if n > 1
    )
    return entries


def _module(kind: object, where: str, mistakes: list[str]) -> _ReaderModule | None:
    if not isinstance(kind, str) or kind not in READERS:
        near = difflib.get_close_matches(kind, READERS, n=1) if isinstance(kind, str) else []
        hint = f"did you mean '{near[0]}'? " if near else ""
        said = "is missing" if kind is None else f"there is no reader {kind!r}"
        mistakes.append(f"{where}: type: {said}; {hint}known are {', '.join(READERS)}")
        return None
    try:
        module = importlib.import_module(READERS[kind])
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in _OWN:
            raise
        extra = "camera" if kind == "camera" else "edge"
        mistakes.append(f"{where}: type: '{kind}' needs the package {package}; install plumbline-site[{extra}]")
        return None
    assert isinstance(module, _ReaderModule), f"{READERS[kind]} lacks Settings or build"
    return module


def _checked(table: dict[str, Any], kind: type[T], where: str, mistakes: list[str]) -> T | None:
    """Convert field by field, so that one mistake does not hide the next; `None` where there was one."""
    fields = {field.encode_name: field for field in structs.fields(kind)}
    before = len(mistakes)
    for key in table:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            hint = f"did you mean '{near[0]}'?" if near else "check the spelling or delete it"
            mistakes.append(f"{where}{key}: is not a setting here; {hint}")
    for key, field in fields.items():
        if key not in table:
            if field.required:
                mistakes.append(f"{where}{key}: is missing; add it")
            continue
        value = table[key]
        inner: object = field.type
        if isinstance(inner, type) and issubclass(inner, Struct) and isinstance(value, dict):
            _checked(cast("dict[str, Any]", value), inner, f"{where}{key}.", mistakes)
            continue
        try:
            msgspec.convert(value, cast("Any", inner))
        except msgspec.ValidationError as error:
            mistakes.append(where + _placed(key, str(error)))
    if len(mistakes) > before:
        return None
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:  # what the struct itself demands beyond its fields
        whole = settings.explain(str(error)).removeprefix("the file: ")
        mistakes.append(f"{where.rstrip('.: ')}: {whole}" if where else whole)
        return None


def _placed(key: str, detail: str) -> str:
    """Put `key` in front of the path that msgspec counted from the value."""
    if " - at `$" in detail:
        what, _, rest = detail.partition(" - at `$")
        return settings.explain(f"{what} - at `$.{key}{rest}")
    return settings.explain(f"{detail} - at `$.{key}`")
