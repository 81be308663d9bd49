"""Which devices publish straight to the site's broker: a TOML file of `[[direct]]` tables, and every mistake in it told at once.

`ingest/direct/sample.toml` shows it. Which broker it is, the settings of ingest say.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from plumbline import profile, settings
from plumbline.dialects import DIALECTS
from plumbline.dialects.topic_filter import overlap
from plumbline.errors import SettingsError
from plumbline.event import Name
from plumbline.listening import Entry, entry_of, same_messages
from plumbline.profile import DeviceProfile
from plumbline.topics import ROOT

#: The profiles that come with this code.
_SHIPPED: Final = Path(__file__).resolve().parents[2] / "firmware_configs"
#: What gateways publish: four levels and more under the root.
_GATEWAYS: Final = f"{ROOT}/+/+/#"


class _Own(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of a table that are not the dialect's."""

    site: Name
    """As in the site file: whose devices these are."""
    name: Name | None = None
    """Stands for a gateway in the ledger; unique within the site. Default `direct-` and the dialect."""
    unknown_devices: Literal["take", "set_aside"] | None = None
    """Events of devices that the site file does not name; absent: as the site file says, and where that says nothing `set_aside`."""
    max_bytes: Annotated[int, Meta(ge=64, le=16 * 1024 * 1024)] = 1024 * 1024
    """A larger message becomes a dead letter unread."""
    session_expiry_s: Annotated[int, Meta(ge=0, le=30 * 86400)] = 86400
    """How long the broker keeps QoS 1 messages for us while no worker listens."""


class _File(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    profiles: str | None = None
    """Folder of device profiles, `<id>/profile.toml`, relative to this file; default: `firmware_configs` beside it. They stand
    beside those of the code, and win over one of the same name."""
    direct: Annotated[tuple[dict[str, Any], ...], Meta(max_length=256)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One `[[direct]]` table without mistakes."""

    site: str
    name: str
    """The gateway of its streams."""
    dialect: str
    unknown_devices: Literal["take", "set_aside"] | None
    max_bytes: int
    session_expiry_s: int
    keys: Mapping[str, Any]
    """What the dialect and `retained` were given."""
    profiles: Mapping[str, DeviceProfile]
    where: str = field(compare=False)
    """For people."""

    def entry(self) -> Entry:
        """A dialect that has heard nothing yet. Each call makes another: they remember."""
        return entry_of(self.keys, self.profiles, self.where)


@dataclass(frozen=True, slots=True)
class DirectFile:
    """What a file declares, and what is doubtful about it."""

    tables: tuple[Table, ...] = ()
    warnings: tuple[str, ...] = ()


def load(path: Path, sites: Collection[str]) -> DirectFile:
    """Read a file; opens no connection. Raises `SettingsError` with every mistake, each with table, key and remedy."""
    file = settings.load(path, _File)
    mistakes: list[str] = []
    profiles = _profiles(path, file.profiles, mistakes)
    tables: list[Table] = []
    entries: list[Entry] = []
    for i, row in enumerate(file.direct):
        try:
            table = _table(row, profiles, f"direct[{i}]", sites)
            entries.append(table.entry())
            tables.append(table)
        except SettingsError as error:
            mistakes.append(str(error))
    for i, j, one, other in same_messages(entries):
        mistakes.append(
            f"{tables[j].where}: '{other}' and '{one}' of {tables[i].where} take the same messages, which would be read by one "
            "of them alone; narrow one of them"
        )
    for (site, name), times in Counter((table.site, table.name) for table in tables).items():
        if times > 1:
            where = ", ".join(table.where for table in tables if (table.site, table.name) == (site, name))
            mistakes.append(f"{where}: name: '{name}' is the name of {times} tables of '{site}'; give each one of its own")
    if mistakes:
        head = f"{path}: " + ("1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes")
        raise SettingsError("\n  - ".join([head, *mistakes]))
    warnings = [
        f"{path}: {table.where}: '{one}' takes what gateways publish too ({ROOT}/…); that is passed over, but the broker sends "
        "it twice: narrow the filter"
        for table, entry in zip(tables, entries, strict=True)
        for one in entry.dialect.filters
        if overlap(one, _GATEWAYS)
    ]
    return DirectFile(tuple(tables), tuple(warnings))


def _profiles(path: Path, given: str | None, mistakes: list[str]) -> dict[str, DeviceProfile]:
    folders = [_SHIPPED] if _SHIPPED.is_dir() else []
    own = path.parent / "firmware_configs" if given is None else path.parent / Path(given).expanduser()
    if given is not None or own.is_dir():
        folders.append(own.resolve())
    found: dict[str, DeviceProfile] = {}
    for folder in dict.fromkeys(folders):
        try:
            found |= profile.load_all(folder)
        except SettingsError as error:
            mistakes.append(f"profiles: {error}")
    return found


def _table(row: Mapping[str, Any], profiles: Mapping[str, DeviceProfile], where: str, sites: Collection[str]) -> Table:
    own = settings.convert({key: row[key] for key in row if key in _Own.__struct_fields__}, _Own, where)
    keys = {key: value for key, value in row.items() if key not in _Own.__struct_fields__}
    dialect = str(keys.get("dialect", "declared"))
    if own.site not in sites:
        known = ", ".join(sorted(sites)) or "none"
        raise SettingsError(
            f"{where}: site: there is no site file for '{own.site}' (known: {known}); correct it, or add the file"
        )
    name = own.name or f"direct-{dialect}"
    if own.name is None and dialect not in DIALECTS:
        name = "direct"  # the dialect itself complains
    return Table(
        site=own.site,
        name=name,
        dialect=dialect,
        unknown_devices=own.unknown_devices,
        max_bytes=own.max_bytes,
        session_expiry_s=own.session_expiry_s,
        keys=keys,
        profiles=profiles,
        where=where,
    )
