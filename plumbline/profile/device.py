"""What there is to know about one kind of device."""

from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from plumbline import settings
from plumbline.errors import SettingsError
from plumbline.event import Name
from plumbline.profile.line import LineShape
from plumbline.profile.lorawan import LorawanCodec, with_script
from plumbline.profile.metric import Metric
from plumbline.profile.modbus import ModbusShape
from plumbline.profile.mqtt import MqttShape
from plumbline.profile.serial import Framing, Keyboard, SerialLine


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
    keyboard: Keyboard | None = None
    mqtt: MqttShape | None = None
    lorawan: LorawanCodec | None = None
    modbus: ModbusShape | None = None
    line: LineShape | None = None


def load(path: Path) -> DeviceProfile:
    """Read one profile. Raises `SettingsError`, also where the folder is not named after the profile's id."""
    profile = settings.load(path, DeviceProfile)
    if profile.id != path.parent.name:
        raise SettingsError(f"{path}: id: is '{profile.id}' but the folder is '{path.parent.name}'; give both one name")
    if profile.metrics and profile.measurement is None:
        raise SettingsError(f"{path}: measurement: is missing although metrics are declared; name the series they belong to")
    if profile.lorawan is not None:
        profile = replace(profile, lorawan=with_script(profile.lorawan, path.parent))
    return profile


def load_all(folder: Path) -> dict[str, DeviceProfile]:
    """Read every `<id>/profile.toml` below `folder`. Raises `SettingsError`."""
    if not folder.is_dir():
        raise SettingsError(f"{folder}: is not a folder of device profiles; name one that holds <id>/profile.toml")
    return {profile.id: profile for profile in map(load, sorted(folder.glob("*/profile.toml")))}
