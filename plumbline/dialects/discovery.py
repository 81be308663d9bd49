"""What devices announce for Home Assistant (MQTT discovery): the unit and the sort of the value on a topic.

<discovery prefix>/<component>/[<node>/]<object>/config   retained JSON; keys short (`stat_t`) or long (`state_topic`)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from plumbline.dialects.document import FieldError, Json, decode
from plumbline.dialects.memory import Memory
from plumbline.dialects.topic_filter import matches
from plumbline.dialects.unit_words import ucum

#: `device_class` of Home Assistant → quantity.
CLASSES: Final[Mapping[str, str]] = {
    "temperature": "temperature_c", "humidity": "humidity", "moisture": "soil_moisture", "pressure": "pressure_hpa",
    "atmospheric_pressure": "pressure_hpa", "illuminance": "illuminance_lx", "carbon_dioxide": "co2_ppm",
    "carbon_monoxide": "co_ppm", "pm1": "pm1", "pm25": "pm2_5", "pm10": "pm10",
    "volatile_organic_compounds": "tvoc_ug_m3", "volatile_organic_compounds_parts": "tvoc_ppb", "wind_speed": "wind_mps",
    "wind_direction": "wind_deg", "precipitation": "rain_mm", "precipitation_intensity": "rain_mm_h",
    "sound_pressure": "noise_db", "power": "power_w", "apparent_power": "apparent_power_va",
    "reactive_power": "reactive_power_var", "power_factor": "power_factor", "voltage": "voltage_v", "current": "current_a",
    "frequency": "frequency_hz", "energy": "energy_kwh", "distance": "distance_m", "weight": "weight_kg",
    "water": "water_m3", "gas": "gas_m3", "volume_flow_rate": "flow_m3_h", "speed": "speed_mps", "battery": "battery",
    "signal_strength": "rssi_dbm", "duration": "duration_s",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Announcement:
    """What was announced about the value on one topic."""

    quantity: str | None
    unit: str | None
    """UCUM code."""
    written: str | None
    """The unit as it was written."""


class Discovery:
    """Remembers announcements. `prefix` empty: there are none."""

    def __init__(self, prefix: str) -> None:
        self.filters: tuple[str, ...] = (f"{prefix}/+/+/config", f"{prefix}/+/+/+/config") if prefix else ()
        self._known: Memory[str, Announcement] = Memory()

    def takes(self, topic: str) -> bool:
        """Whether a topic is one of announcements."""
        return any(matches(one, topic) for one in self.filters)

    def learn(self, payload: bytes, wanted: tuple[str, ...]) -> None:
        """Take an announcement whose state topic is one that `wanted` filters take; what is none is passed over."""
        try:
            document = decode(payload)
        except FieldError:
            return  # somebody else's business: an empty message takes an announcement back
        if not isinstance(document, dict):
            return
        topic = _text(document, "state_topic", "stat_t")
        base = _text(document, "~")
        if topic is not None and base is not None:
            topic = base + topic[1:] if topic.startswith("~") else topic.removesuffix("~") + base * topic.endswith("~")
        if topic is None or len(topic) > 512 or not any(matches(one, topic) for one in wanted):
            return
        written = _text(document, "unit_of_measurement", "unit_of_meas")
        kind = _text(document, "device_class", "dev_cla")
        self._known.put(topic, Announcement(CLASSES.get(kind or ""), ucum(written or ""), (written or "")[:32] or None))

    def about(self, topic: str) -> Announcement | None:
        """What was announced about a topic."""
        return self._known.get(topic)


def _text(document: Mapping[str, Json], *keys: str) -> str | None:
    return next((value for key in keys if isinstance(value := document.get(key), str)), None)
