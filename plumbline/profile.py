"""Device profiles: what a kind of device measures, in which units, and how its bytes are framed.

A profile is `firmware_configs/<id>/profile.toml`, beside what is flashed or set on the device. The configuration of a
gateway names profiles by id; ingest and the boards take units and titles from them.
"""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from plumbline import settings
from plumbline.errors import SettingsError
from plumbline.event import Name


class Metric(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One quantity that a device reports."""

    unit: str
    """UCUM code of the unit after `scale` and `offset`, for example `ug/m3`, `Cel`, `dB[A]`."""
    title_en: str
    title_zh: str
    path: str | None = None
    """Where it stands in the device's JSON, dots between levels; default: the metric's own name."""
    scale: float = 1.0
    offset: float = 0.0
    minimum: float | None = None
    """Below this, after scaling, the value is not plausible and the reading is reported instead of sent."""
    maximum: float | None = None
    limit: float | None = None
    """What the law or the contract allows; above it the wall says so. Name the source in the profile's README."""


class SerialLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the device's serial port is set."""

    baudrate: Annotated[int, Meta(ge=300, le=4_000_000)] = 9600
    bytesize: Literal[7, 8] = 8
    parity: Literal["none", "even", "odd"] = "none"
    stopbits: Literal[1, 2] = 1


class Framing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one message is told from the next. Control characters are written as TOML escapes."""

    prefix: str = ""
    suffix: str = "\r\n"
    max_bytes: Annotated[int, Meta(ge=16, le=8192)] = 4096
    """A frame that grows past this without a suffix is reported and dropped up to the next suffix."""
    symbology_identifier: bool = False
    """The device puts the AIM identifier (`]C1`) in front."""
    group_separator: str = "\u001d"
    """What the device sends for FNC1 between GS1 elements."""


class StateFields(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a machine's state stands in its JSON. Paths have dots between levels."""

    state: str = "state"
    words: dict[str, Literal["off", "idle", "working", "fault"]] = {}
    """The machine's own words or numbers (as text) → ours; ours need no entry."""
    code: str = "code"
    """Its fault code, if it gives one."""


class CheckInFields(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a check-in stands in a badge reader's JSON. Paths have dots between levels."""

    person: str = "person"
    place: str = "place"
    fixed_place: str | None = None
    """The place of a reader that does not say where it hangs; then `place` is not looked at."""
    direction: str = "direction"
    words: dict[str, Literal["in", "out"]] = {}
    """The reader's own words or numbers (as text) → ours; ours need no entry."""
    fixed_direction: Literal["in", "out"] | None = None
    """The direction of a reader at a one-way gate; then `direction` is not looked at."""
    role: str = "role"
    method: Literal["badge", "qr", "gps", "manual"] = "badge"


class FixFields(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a position stands in a tracker's JSON. Paths have dots between levels; all but the first two may be absent."""

    lat: str = "lat"
    lon: str = "lon"
    accuracy_m: str = "accuracy_m"
    alt_m: str = "alt_m"
    speed_mps: str = "speed_mps"
    course_deg: str = "course_deg"


class MqttShape(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where on the gateway's broker the device publishes its JSON."""

    topic: str
    """Filter, for example `devices/+/environment`."""
    device_level: Annotated[int, Meta(ge=0)] = 1
    """Which level of the topic (from 0) names the device."""
    state: StateFields | None = None
    check_in: CheckInFields | None = None
    fix: FixFields | None = None


class DeviceProfile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What there is to know about one kind of device."""

    id: Name
    kind: Literal["sensor", "scanner", "receiver"]
    title_en: str
    title_zh: str
    measurement: Name | None = None
    """Name of the series that its readings belong to."""
    metrics: dict[Name, Metric] = {}
    serial: SerialLine | None = None
    framing: Framing | None = None
    mqtt: MqttShape | None = None


def load(path: Path) -> DeviceProfile:
    """Read one profile. Raises `SettingsError`, also where the folder is not named after the profile's id."""
    profile = settings.load(path, DeviceProfile)
    if profile.id != path.parent.name:
        raise SettingsError(f"{path}: id: is '{profile.id}' but the folder is '{path.parent.name}'; give both one name")
    if profile.metrics and profile.measurement is None:
        raise SettingsError(f"{path}: measurement: is missing although metrics are declared; name the series they belong to")
    return profile


def load_all(folder: Path) -> dict[str, DeviceProfile]:
    """Read every `<id>/profile.toml` below `folder`. Raises `SettingsError`."""
    if not folder.is_dir():
        raise SettingsError(f"{folder}: is not a folder of device profiles; name one that holds <id>/profile.toml")
    return {profile.id: profile for profile in map(load, sorted(folder.glob("*/profile.toml")))}
