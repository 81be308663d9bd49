"""The site file: what a site is called, where it lies, its zones and its devices.

One TOML file per site (`site.toml`), read by tracking (zones on the wall), by ingest (which zone a fixed device
stands in, what a moving device counts as) and by the demo, whose own is an example: `plumbline/demo/site.toml`.
It may change while they run: all files are read again, and where one has a mistake those of before stay in force.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, Struct

from plumbline import settings
from plumbline.errors import SettingsError
from plumbline.event import Latitude, Longitude, Name
from plumbline.grid import Grid
from plumbline.near import Near

Position = tuple[Longitude, Latitude]
"""Longitude then latitude, as GeoJSON has it (RFC 7946, 3.1.1)."""

Source = Literal["people", "machines", "scans", "noise", "dust"]
"""What a heatmap counts: minutes of presence, or minutes weighed by how near noise and dust are to their limit."""


class Zone(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the site that people have a name for."""

    id: Name
    title_en: str
    title_zh: str
    kind: Literal["gate", "storage", "work", "office", "traffic"]
    polygon: Annotated[tuple[Position, ...], Meta(min_length=3, max_length=1000)]
    """The outer ring as [longitude, latitude] pairs; closing it is optional."""


class Device(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device as people know it."""

    id: Name
    title_en: str
    title_zh: str
    kind: Literal["scanner", "machine", "person", "environment", "camera", "other"]
    zone: Name | None = None
    """Where it stands, if it does not move."""
    profile: Name | None = None
    """The device profile that says what it measures: a folder of firmware_configs/."""
    codes: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...], Meta(max_length=16)] = ()
    """What scanning its tag, or the badge of a person, gives: a gateway then says whose it is, not 'unknown'."""

    @property
    def source(self) -> Source:
        """What its events count as on the heatmap."""
        return "machines" if self.kind == "machine" else "people" if self.kind == "person" else "scans"


class Budgets(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many names a site may give to its time series before new ones are set aside as dead letters `over_budget`.

    Each name makes series of its own, and a database slows down by their number. What is over budget is kept, not lost:
    raise the number, then `plumbline deadletters replay --reason over_budget`.
    """

    devices: Annotated[int, Meta(ge=0)] = 10_000
    """Devices that this file does not name; those that it names are always taken. 10,000 where it is not said."""
    measurements: Annotated[int, Meta(ge=0)] = 200
    """What readings call themselves. 200 where it is not said."""
    fields: Annotated[int, Meta(ge=0)] = 500
    """Metrics of one measurement. 500 where it is not said."""


class SiteFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """One construction site."""

    id: Name
    title_en: str
    title_zh: str
    timezone: str
    """IANA zone: the site's days begin and end by it."""
    lat: Latitude
    lon: Longitude
    """The grid's origin, near the middle of the site."""
    cell_m: Annotated[float, Meta(ge=1, le=100)] = 10.0
    """Length of a heatmap cell's side, metres."""
    plan: str | None = None
    """Picture of the plan (SVG or PNG), relative to this file."""
    plan_corners: tuple[Position, Position, Position, Position] | None = None
    """Where the plan's corners lie: top left, top right, bottom right, bottom left."""
    zones: tuple[Zone, ...] = ()
    devices: tuple[Device, ...] = ()
    unknown_devices: Literal["take", "set_aside"] | None = None
    """Events of devices that this file does not name: `take` them in, or `set_aside` as dead letters `unknown_device` until
    the device is added. Absent: what a gateway sends is taken (its own configuration names its devices), what a device
    publishes straight to the site's broker is set aside."""
    budgets: Budgets = Budgets()

    @cached_property
    def file(self) -> str:
        """Which file this is, for people."""
        return f"the site file of '{self.id}'"

    def takes_unknown_devices(self, *, direct: bool = False) -> bool:
        """Whether events of devices that are not named here come in; `direct`: not through a gateway."""
        return self.unknown_devices == "take" if direct else self.unknown_devices != "set_aside"

    @property
    def grid(self) -> Grid:
        """The site's heatmap grid."""
        return Grid(self.lat, self.lon, self.cell_m)

    @cached_property
    def devices_by_id(self) -> Mapping[str, Device]:
        """Devices by id."""
        return {device.id: device for device in self.devices}

    @cached_property
    def devices_by_code(self) -> Mapping[str, Sequence[Device]]:
        """Whose a code is: of a badge or a tag, or the id itself."""
        found: dict[str, list[Device]] = {}
        for device in self.devices:
            for code in {device.id, *device.codes}:
                found.setdefault(code, []).append(device)
        return found

    @cached_property
    def near_devices(self) -> Near:
        """The devices' ids, for who wrote one wrong."""
        return Near(self.devices_by_id)

    @cached_property
    def zones_by_id(self) -> Mapping[str, Zone]:
        """Zones by id."""
        return {zone.id: zone for zone in self.zones}

    def zone_at(self, lat: float, lon: float) -> Zone | None:
        """The first zone whose polygon holds the position (even-odd rule), in the file's order."""
        return next((zone for zone in self.zones if _inside(zone.polygon, lon, lat)), None)


def load(path: Path) -> SiteFile:
    """Read a site file. Raises `SettingsError` with file, key and remedy."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise SettingsError(f"{path}: is neither a file nor a folder; name a site file")
    site = settings.load(path, SiteFile)
    try:
        ZoneInfo(site.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise SettingsError(
            f"{path}: timezone: '{site.timezone}' is not an IANA zone; write for example 'Asia/Shanghai'"
        ) from None
    for what, ids in (("zones", [zone.id for zone in site.zones]), ("devices", [device.id for device in site.devices])):
        if twice := {one for one, times in Counter(ids).items() if times > 1}:
            raise SettingsError(f"{path}: {what}: {', '.join(sorted(twice))} stands there twice; give each its own id")
    for zone in site.zones:
        if _area(zone.polygon) == 0:
            raise SettingsError(
                f"{path}: zones.{zone.id}.polygon: encloses nothing; give its corners in order, around the zone"
            )
    for device in site.devices:
        if device.zone is not None and device.zone not in site.zones_by_id:
            raise SettingsError(
                f"{path}: devices.{device.id}.zone: there is no zone '{device.zone}'; declare it under [[zones]]"
            )
    vars(site)["file"] = str(path)
    return site


class Zones(Mapping[str, ZoneInfo]):
    """The time zone of each site, by the site files of now: `sites` may change."""

    def __init__(self, sites: Mapping[str, SiteFile]) -> None:
        self._sites = sites

    def __getitem__(self, site: str) -> ZoneInfo:
        """The zone. Raises `KeyError` where the site is not known."""
        return ZoneInfo(self._sites[site].timezone)

    def __iter__(self) -> Iterator[str]:
        """The sites' ids."""
        return iter(self._sites)

    def __len__(self) -> int:
        """How many sites there are."""
        return len(self._sites)


class Plans(Mapping[str, Path]):
    """The picture of the plan of each site that has one, by the site files of now: `sites` may change."""

    def __init__(self, sites: Mapping[str, SiteFile]) -> None:
        self._sites = sites

    def __getitem__(self, site: str) -> Path:
        """The picture's path. Raises `KeyError` where the site has none."""
        found = self._sites[site]
        if found.plan is None:
            raise KeyError(site)
        return Path(found.file).parent / found.plan

    def __iter__(self) -> Iterator[str]:
        """The ids of the sites that have a plan."""
        return iter([name for name, one in self._sites.items() if one.plan is not None])

    def __len__(self) -> int:
        """How many have one."""
        return sum(1 for _ in self)


def files(places: Iterable[Path]) -> list[Path]:
    """The site files among `places`: a file is itself, a folder all of its `*.toml`. Raises `SettingsError` where one is gone."""
    found: list[Path] = []
    for place in places:
        if place.is_dir():
            found += sorted(place.glob("*.toml"))
        elif place.exists():
            found.append(place)
        else:
            raise SettingsError(f"{place}: is not there; name a site file, or the folder that holds the site files")
    return found


def load_all(places: Iterable[Path]) -> dict[str, SiteFile]:
    """Read every site file. Raises `SettingsError`, also where two name one site."""
    sites: dict[str, SiteFile] = {}
    for path in files(places):
        one = load(path)
        if one.id in sites:
            raise SettingsError(f"{path}: id: '{one.id}' is the site of {sites[one.id].file} too; give each its own")
        sites[one.id] = one
    return sites


def _area(ring: tuple[Position, ...]) -> float:
    """Twice the enclosed area in square degrees (shoelace formula), signed by the direction."""
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairwise((*_shifted(ring), _shifted(ring)[0])))


def _shifted(ring: tuple[Position, ...]) -> tuple[Position, ...]:
    """The ring from its first corner, so that small differences are not lost in large coordinates."""
    x0, y0 = ring[0]
    return tuple((x - x0, y - y0) for x, y in ring)


def _inside(ring: tuple[Position, ...], x: float, y: float) -> bool:
    inside = False
    x1, y1 = ring[-1]
    for x2, y2 in ring:
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
        x1, y1 = x2, y2
    return inside
