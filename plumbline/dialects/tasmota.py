"""Devices with Tasmota: sockets, energy meters, sensor nodes.

    tele/<topic>/SENSOR   what the sensors measure     tele/<topic>/LWT      Online, Offline
    tele/<topic>/STATE    switches, radio, supply      stat/<topic>/RESULT   a switch that was just turned

`Time` in the messages is local time without a zone, to the second: the listener's clock is better.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from plumbline.dialects.document import FieldError, Json, decode, shown
from plumbline.dialects.family import Family, FamilySettings, Value, flat
from plumbline.dialects.said import Said, Trouble
from plumbline.dialects.topic_filter import is_filter, matches
from plumbline.errors import SettingsError
from plumbline.profile import DeviceProfile

__all__ = ["Settings", "Tasmota", "build"]

#: The last key of a path → quantity, and the unit where it is not ours. Names as Tasmota's language files give them.
_KEYS: Final[Mapping[str, tuple[str, str | None]]] = {
    "Temperature": ("temperature_c", "TempUnit"), "DewPoint": ("dew_point_c", "TempUnit"), "Humidity": ("humidity", None),
    "Pressure": ("pressure_hpa", "PressureUnit"), "SeaPressure": ("sea_pressure_hpa", "PressureUnit"),
    "ProbeTemperature": ("probe_temperature_c", "TempUnit"), "ReferenceTemperature": ("device_temperature_c", "TempUnit"),
    "OBJTMP": ("probe_temperature_c", "TempUnit"), "AMBTMP": ("temperature_c", "TempUnit"),
    "Illuminance": ("illuminance_lx", None), "Ambient": ("illuminance_lx", None), "UvIndex": ("uv_index", None),
    "CarbonDioxide": ("co2_ppm", None), "eCO2": ("co2_ppm", None), "CO2": ("co2_ppm", None), "TVOC": ("tvoc_ppb", None),
    "Gas": ("gas_resistance_kohm", None), "PM1": ("pm1", None), "PM2.5": ("pm2_5", None), "PM4": ("pm4", None),
    "PM10": ("pm10", None), "Formaldehyde": ("formaldehyde_mg_m3", None), "Noise": ("noise_db", None),
    "SoundPressure": ("noise_db", None), "AirSpeed": ("wind_mps", "SpeedUnit"),
    "Power": ("power_w", None), "ApparentPower": ("apparent_power_va", None), "ReactivePower": ("reactive_power_var", None),
    "Factor": ("power_factor", None), "Voltage": ("voltage_v", None), "Current": ("current_a", None),
    "Frequency": ("frequency_hz", None), "Total": ("energy_kwh", None), "Today": ("energy_today_kwh", None),
    "ExportActive": ("energy_exported_kwh", None), "BusVoltage": ("voltage_v", None),
    "Weight": ("weight_kg", None), "Distance": ("distance_m", "cm"), "FlowRate": ("flow_m3_h", "L/min"),
    "Yaw": ("angle_deg", None), "Pitch": ("angle_deg", None), "Roll": ("angle_deg", None),
    "BatteryPercentage": ("battery", None), "BatteryVoltage": ("battery_v", None), "Battery": ("battery", None),
    "Vcc": ("supply_v", None), "Signal": ("rssi_dbm", None),
}  # fmt: skip
#: Keys with a number behind them: counters, analog and digital inputs, switches, axes.
_NUMBERED: Final = (
    (re.compile(r"^POWER(\d*)$"), "on"),
    (re.compile(r"^Switch(\d*)$"), "input"),
    (re.compile(r"^C(\d+)$"), "count"),
    (re.compile(r"^A(\d+)$"), "raw"),
    (re.compile(r"^Range(\d*)$"), "raw"),
    (re.compile(r"^Temperature(\d+)$"), "temperature_c"),
    (re.compile(r"^Illuminance(\d+)$"), "illuminance_lx"),
    (re.compile(r"^((?:Accel|Gyro)[XYZ])Axis$"), "raw"),
)
#: What is said beside the measurements and means nothing to us.
_WORDS: Final = """
    Time Epoch Id Model Type Name TempUnit PressureUnit SpeedUnit DistanceUnit TotalStartTime Yesterday Period Uptime
    UptimeSec Heap SleepMode Sleep LoadAvg MqttCount AP SSId BSSId Channel Mode RSSI LinkCount Downtime Address Status
    CF1 CF2.5 CF10 PB0.3 PB0.5 PB1 PB2.5 PB5 PB10 Berry Dimmer Color HSBColor White CT Scheme Fade Speed LedTable
    ButtonSwitch ABC FirmwareVersion WeightRaw AbsWeight Hostname IPAddress Objects HeapUsed Red Green Blue CCT
"""
_BESIDE: Final = frozenset(_WORDS.split())
_BRIDGED: Final = _BESIDE | {"Device", "Endpoint", "LinkQuality", "Group", "Cluster", "IEEEAddr", "ModelId", "Manufacturer"}
_SILENT: Final = frozenset({"Berry", "Lwip"})
#: Bluetooth sensors have the end of their address in their name, and come one in a message.
_ADDRESSED: Final = re.compile(r"^.+-[0-9A-Fa-f]{6}$")
#: Sensors that measure a distance in millimetres; the others say centimetres.
_MILLIMETRES: Final = ("VL53L", "VL6180", "TOF10120")


class Settings(FamilySettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Devices with Tasmota."""

    full_topic: str = "%prefix%/%topic%/"
    """As the devices have it (`FullTopic`); `%topic%` names the device."""


class Tasmota:
    """Reads what Tasmota publishes (see `plumbline.dialects.Dialect`). Raises `SettingsError` for a wrong `full_topic`."""

    def __init__(self, settings: Settings) -> None:
        template = settings.full_topic.strip("/").split("/")
        if sorted(level for level in template if level in {"%prefix%", "%topic%"}) != ["%prefix%", "%topic%"]:
            raise SettingsError("full_topic: must hold the levels %prefix% and %topic% once; write '%prefix%/%topic%/'")
        self._level = template.index("%topic%")

        def under(prefix: str, suffix: str) -> str:
            levels = [{"%prefix%": prefix, "%topic%": "+"}.get(level, level) for level in template]
            return "/".join([*levels, suffix])

        self.filters = (*(under("tele", word) for word in ("SENSOR", "STATE", "LWT")), under("stat", "RESULT"))
        if wrong := next((one for one in self.filters if not is_filter(one)), None):
            raise SettingsError(f"full_topic: makes '{wrong}', which is not an MQTT filter; write '%prefix%/%topic%/'")
        self._family = Family(settings, "environment")

    def read(self, topic: str, payload: bytes) -> Iterator[Said | Trouble]:
        """What a message says."""
        if not any(matches(one, topic) for one in self.filters):
            return
        levels = topic.split("/")
        told, kind = levels[self._level], levels[-1]
        device = self._family.namer.name(told)
        yield from self._family.named(told)
        if kind == "LWT":
            yield from _availability(device, payload)
            return
        try:
            document = decode(payload)
        except FieldError as error:
            yield Trouble(device, str(error))
            return
        if not isinstance(document, dict):
            yield Trouble(device, f"is not an object but {shown(document)}")
            return
        received = document.pop("ZbReceived", None)
        values = list(_values(document))
        if kind == "RESULT":  # an answer to any command; only what a switch does is news
            values = [value for value in values if value.quantity == "on"]
        yield from self._family.read(device, values)
        if kind != "RESULT" and isinstance(received, dict):
            yield from self._bridged(told, received)

    def _bridged(self, told: str, received: Mapping[str, Json]) -> Iterator[Said | Trouble]:
        """Zigbee devices behind a bridge are devices of their own."""
        for address, document in received.items():
            if not isinstance(document, dict):
                continue
            own_name = document.pop("Name", None)
            other = f"{told}/{own_name if isinstance(own_name, str) else address}"
            yield from self._family.named(other, address)
            yield from self._family.read(self._family.namer.name(other, address), list(_values(document, _BRIDGED)))


def build(settings: Settings, profiles: Mapping[str, DeviceProfile]) -> Tasmota:  # noqa: ARG001 - the words are built in
    """Make the dialect. Raises `SettingsError`."""
    return Tasmota(settings)


def _availability(device: str, payload: bytes) -> Iterator[Trouble]:
    word = payload.strip().lower()
    if word == b"offline":
        yield Trouble(device, "is offline; check its power and Wi-Fi", lost=False)
    elif word not in {b"online", b""}:
        yield Trouble(device, f"says {shown(payload[:60].decode(errors='replace'))} where Online or Offline belongs")


def _values(document: Mapping[str, Json], beside: frozenset[str] = _BESIDE) -> Iterator[Value]:
    """The values with what the table knows of them; lists (phases, channels) one by one."""
    units = {
        "TempUnit": "[degF]" if document.get("TempUnit") == "F" else "Cel",
        "PressureUnit": {"mmHg": "mm[Hg]", "inHg": "[in_i'Hg]"}.get(str(document.get("PressureUnit")), "hPa"),
        "SpeedUnit": {"m/s": "m/s", "kn": "[kn_i]", "mph": "[mi_i]/h"}.get(str(document.get("SpeedUnit")), "km/h"),
    }
    for sensor, key, raw in flat(document):
        path = f"{sensor}.{key}" if sensor else key
        if key in beside or sensor in _SILENT:
            yield Value(path, raw, beside=True)
        else:
            # What such a sensor calls equivalent is the measured value, smoothed; elsewhere it is all there is.
            measures_co2 = isinstance(one := document.get(sensor), dict) and "CarbonDioxide" in one
            yield from _listed(path, raw, _value(path, sensor, key, units, measures_co2=measures_co2))


def _value(path: str, sensor: str, key: str, units: Mapping[str, str], *, measures_co2: bool) -> Value:
    if sensor == "ESP32" and key == "Temperature":
        return Value(path, None, "device_temperature_c", units["TempUnit"])
    channel, sensor = (sensor, "") if _ADDRESSED.match(sensor) else ("", sensor)
    if key in _KEYS:
        quantity, unit = _KEYS[key]
        unit = units.get(unit, unit) if unit else None
        if key == "Distance" and sensor.startswith(_MILLIMETRES):
            unit = "mm"
        if quantity == "angle_deg" or (key == "eCO2" and measures_co2):
            channel = f"{channel}_{key.lower()}".strip("_")
        return Value(path, None, quantity, unit, channel, sensor)
    for pattern, quantity in _NUMBERED:
        if match := pattern.match(key):
            unit = units["TempUnit"] if quantity == "temperature_c" else None
            return Value(path, None, quantity, unit, f"{channel}_{match[1]}".strip("_"), sensor)
    return Value(path, None, sensor=sensor)


def _listed(path: str, raw: Json, value: Value) -> Iterator[Value]:
    if not isinstance(raw, list):
        yield _with(value, path, raw, value.channel)
        return
    for i, one in enumerate(raw[:16]):
        yield _with(value, f"{path}.{i}", one, f"{value.channel}_{i + 1}".strip("_"))


def _with(value: Value, key: str, raw: Json, channel: str) -> Value:
    return Value(key, raw, value.quantity, value.unit, channel, value.sensor, value.scale)
