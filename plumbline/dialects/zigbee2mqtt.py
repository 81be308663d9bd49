"""Zigbee devices behind Zigbee2MQTT.

<base>/<friendly name>                what a device says; the name may hold '/' and any letters
<base>/<friendly name>/availability   online, offline: as JSON or, in old versions, as a word
<base>/bridge/devices                 which devices there are, and in which units they speak (retained)
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from plumbline.dialects.document import FieldError, Json, decode, shown
from plumbline.dialects.family import Family, FamilySettings, Value, is_truth
from plumbline.dialects.memory import Memory
from plumbline.dialects.said import Said, Trouble
from plumbline.dialects.told_time import told_ns
from plumbline.dialects.topic_filter import is_filter
from plumbline.dialects.unit_words import ucum
from plumbline.dialects.zigbee_devices import Announced, announced, group_names
from plumbline.errors import SettingsError
from plumbline.profile import DeviceProfile

__all__ = ["Settings", "Zigbee2Mqtt", "build"]

#: Property → quantity. Units are those that the bridge announces, else ours.
_PROPERTIES: Final[Mapping[str, str]] = {
    "temperature": "temperature_c", "local_temperature": "temperature_c", "soil_temperature": "temperature_c",
    "humidity": "humidity", "pressure": "pressure_hpa", "illuminance": "illuminance_lx", "illuminance_lux": "illuminance_lx",
    "co2": "co2_ppm", "co": "co_ppm", "pm1": "pm1", "pm25": "pm2_5", "pm10": "pm10", "formaldehyd": "formaldehyde_mg_m3",
    "hcho": "formaldehyde_mg_m3", "voc": "tvoc_ppb", "noise": "noise_db", "soil_moisture": "soil_moisture",
    "wind_speed": "wind_mps", "wind_direction": "wind_deg", "uv_index": "uv_index", "dew_point": "dew_point_c",
    "power": "power_w", "energy": "energy_kwh", "produced_energy": "energy_exported_kwh", "current": "current_a",
    "voltage": "voltage_v", "ac_frequency": "frequency_hz", "power_factor": "power_factor",
    "power_reactive": "reactive_power_var", "power_apparent": "apparent_power_va", "battery": "battery",
    "battery_voltage": "battery_v", "battery_low": "battery_low", "charging": "charging", "linkquality": "link_quality",
    "device_temperature": "device_temperature_c", "contact": "contact", "occupancy": "occupancy", "presence": "occupancy",
    "vibration": "vibration", "tamper": "tamper", "water_leak": "leak", "smoke": "smoke", "gas": "gas",
    "carbon_monoxide": "co_alarm", "state": "on", "angle": "angle_deg", "angle_x": "angle_deg", "angle_y": "angle_deg",
    "angle_z": "angle_deg", "position": "position", "target_distance": "distance_m", "water_consumed": "water_m3",
    "flow": "flow_m3_h", "liquid_level_percent": "level",
}  # fmt: skip
#: Endpoints of one device: the last part of a property.
_CHANNEL: Final = re.compile(r"^(.+?)_(l\d{1,2}|\d{1,2}|left|right|center|top|bottom|in|out|phase_[abc]|ch\d|channel_\d)$")
_WORDS: Final = """
    last_seen elapsed device update update_available action action_group action_side click effect brightness color color_mode
    color_temp color_temp_startup color_options identify power_on_behavior linkage_alarm group_list ota
"""
_BESIDE: Final = frozenset(_WORDS.split())
_AVAILABILITY: Final = "/availability"
#: More than any supply, less than any battery that still sends: volts below, millivolts above.
_MILLIVOLTS_FROM: Final = 1000


class Settings(FamilySettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Zigbee devices behind Zigbee2MQTT. `names` takes friendly names and IEEE addresses."""

    base_topic: str = "zigbee2mqtt"
    """As in Zigbee2MQTT's configuration (`mqtt.base_topic`)."""


class Zigbee2Mqtt:
    """Reads what Zigbee2MQTT publishes (see `plumbline.dialects.Dialect`). Raises `SettingsError` for a wrong `base_topic`."""

    def __init__(self, settings: Settings) -> None:
        base = settings.base_topic.strip("/")
        self.filters = (f"{base}/#",)
        if not base or set(base) & {"+", "#"} or not is_filter(self.filters[0]):
            raise SettingsError(f"base_topic: '{settings.base_topic}' is not a topic; write for example 'zigbee2mqtt'")
        self.announcements = (f"{base}/bridge/devices", f"{base}/bridge/groups")
        self._prefix = f"{base}/"
        self._family = Family(settings, "environment")
        self._devices: Mapping[str, Announced] = {}
        self._groups: frozenset[str] = frozenset()
        self._remarked: Memory[str, bool] = Memory()

    def read(self, topic: str, payload: bytes) -> Iterator[Said | Trouble]:
        """What a message says."""
        if not topic.startswith(self._prefix) or not payload:
            return
        rest = topic.removeprefix(self._prefix)
        if rest.startswith("bridge/"):
            yield from self._bridge(rest.removeprefix("bridge/"), payload)
        elif rest in self._groups:
            return  # what a group is told, its devices say themselves
        elif rest not in self._devices and rest.endswith(_AVAILABILITY):
            yield from self._availability(rest.removesuffix(_AVAILABILITY), payload)
        elif rest in self._devices or not _is_command(rest):
            yield from self._device(rest, payload)

    def _bridge(self, what: str, payload: bytes) -> Iterator[Trouble]:
        try:
            if what == "devices":
                self._devices = announced(payload)
            elif what == "groups":
                self._groups = group_names(payload)
        except FieldError as error:
            yield Trouble("", str(error))
        if what == "state" and _word(payload) == "offline":
            what = "Zigbee2MQTT itself is offline: none of its devices is heard; check the program and its adapter"
            yield Trouble("", what, lost=False)

    def _names(self, told: str) -> tuple[str, ...]:
        known = self._devices.get(told)
        return (told, known.address) if known else (told,)

    def _availability(self, told: str, payload: bytes) -> Iterator[Trouble]:
        if told in self._groups:
            return
        device, word = self._family.namer.name(*self._names(told)), _word(payload)
        if word == "offline":
            yield Trouble(device, "is offline; check its battery or power, and its way to the coordinator", lost=False)
        elif word != "online":
            yield Trouble(device, f"says {shown(payload[:60].decode(errors='replace'))} where online or offline belongs")

    def _device(self, told: str, payload: bytes) -> Iterator[Said | Trouble]:
        try:
            document = decode(payload)
        except FieldError as error:
            document, problem = payload[:256].decode(errors="replace"), str(error)
        else:
            problem = f"is not an object but {shown(document)}"
        if not isinstance(document, dict):  # with 'output: attribute' each value has a topic of its own
            parent, _, key = told.rpartition("/")
            if parent not in self._devices:
                yield Trouble(self._family.namer.name(*self._names(told)), problem)
                return
            told, document = parent, {key: document}
        names = self._names(told)
        device = self._family.namer.name(*names)
        yield from self._family.named(*names)
        at_ns: int | None = None
        try:
            at_ns = told_ns(document.get("last_seen"))
        except FieldError as error:
            if self._remarked.first(device, True):
                what = f"last_seen: {error}; the time of arrival is taken, set last_seen to ISO_8601 or epoch"
                yield Trouble(device, what, lost=False)
        known = self._devices.get(told)
        yield from self._family.read(device, list(_values(document, known)), at_ns)


def build(settings: Settings, profiles: Mapping[str, DeviceProfile]) -> Zigbee2Mqtt:  # noqa: ARG001 - the words are built in
    """Make the dialect. Raises `SettingsError`."""
    return Zigbee2Mqtt(settings)


def _is_command(rest: str) -> bool:
    """Whether this is a topic on which devices are told something."""
    levels = rest.split("/")
    return any(level in {"set", "get"} for level in levels[1:][-2:])


def _word(payload: bytes) -> str:
    """`online` or `offline`, from JSON or from the bare word."""
    try:
        document = decode(payload)
    except FieldError:
        document = payload[:60].decode(errors="replace")
    word = document.get("state") if isinstance(document, dict) else document
    return word.strip().lower() if isinstance(word, str) else ""


def _values(document: Mapping[str, Json], known: Announced | None) -> Iterator[Value]:
    units: Mapping[str, str] = known.units if known else {}
    for key, raw in document.items():
        raw_light = key == "illuminance" and "illuminance_lux" in document
        if key in _BESIDE or raw_light or (known and key in known.settings):
            yield Value(key, raw, beside=True)
            continue
        found = _property(key)
        if found is None or (isinstance(raw, str) and not is_truth(raw)):
            yield Value(key, raw)
            continue
        quantity, channel, sensor = found
        unit = ucum(units.get(key) or "")
        if quantity == "noise_db":
            unit = None  # dB of a sound sensor are dB(A)
        if quantity == "voltage_v":
            large = isinstance(raw, int | float) and raw >= _MILLIVOLTS_FROM
            unit = unit or ("mV" if large else None)
            quantity = "battery_v" if unit == "mV" else quantity
        elif quantity == "tvoc_ppb" and unit == "ug/m3":
            quantity = "tvoc_ug_m3"
        yield Value(key, raw, quantity, unit, channel, sensor)


def _property(key: str) -> tuple[str, str, str] | None:
    """The quantity of a property, which endpoint it is of, and what tells it from another property of the same quantity."""
    if key in _PROPERTIES:
        quantity = _PROPERTIES[key]
        return quantity, key.removeprefix("angle_") if quantity == "angle_deg" and key != "angle" else "", key
    match = _CHANNEL.match(key)
    return (_PROPERTIES[match[1]], match[2], match[1]) if match and match[1] in _PROPERTIES else None
