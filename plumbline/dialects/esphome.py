"""Nodes with ESPHome.

<prefix>/<component>/<object id>/state   one value as text; which unit it has stands elsewhere
<prefix>/status                          online, offline
homeassistant/…/config                   unit and sort of each value, where the node announces them (retained)
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Annotated, Final

from msgspec import Meta

from plumbline.dialects.discovery import Announcement, Discovery
from plumbline.dialects.document import Json, shown
from plumbline.dialects.family import Family, FamilySettings, Value
from plumbline.dialects.naming import metric_name
from plumbline.dialects.quantities import QUANTITIES
from plumbline.dialects.said import Said, Trouble
from plumbline.dialects.topic_filter import is_filter, matches
from plumbline.errors import SettingsError
from plumbline.profile import DeviceProfile, Metric

__all__ = ["EspHome", "Settings", "build"]

#: Components whose state is a number, a truth value or a word. Others (lights, climate) hold what is set, not measured.
_COMPONENTS: Final = ("sensor", "binary_sensor", "switch", "number", "text_sensor")
_UNKNOWN: Final = frozenset({"", "nan", "unknown", "unavailable", "none", "inf", "-inf"})
#: Object ids that are a quantity by themselves, whatever a second sensor of the node is called.
_PLAIN: Final[Mapping[str, str]] = {
    "temperature": "temperature_c", "humidity": "humidity", "pressure": "pressure_hpa", "co2": "co2_ppm", "pm1_0": "pm1",
    "pm2_5": "pm2_5", "pm_2_5": "pm2_5", "pm10": "pm10", "pm_10": "pm10", "noise": "noise_db", "illuminance": "illuminance_lx",
    "power": "power_w", "energy": "energy_kwh", "voltage": "voltage_v", "current": "current_a", "battery": "battery",
    "wifi_signal": "rssi_dbm", "uptime": "uptime_s",
}  # fmt: skip


class Settings(FamilySettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nodes with ESPHome."""

    prefixes: Annotated[tuple[str, ...], Meta(min_length=1, max_length=64)] = ("+",)
    """Filters of the nodes' `topic_prefix`: `["+"]` as ESPHome has it, `["site/+"]`, or single ones."""
    discovery: str = "homeassistant"
    """Where the nodes announce their units (`discovery_prefix`); empty: they do not."""


class EspHome:
    """Reads what ESPHome publishes (see `plumbline.dialects.Dialect`). Raises `SettingsError` for a wrong prefix."""

    def __init__(self, settings: Settings) -> None:
        for prefix in settings.prefixes:
            if not is_filter(prefix) or "#" in prefix or prefix.endswith("/"):
                raise SettingsError(f"prefixes: '{prefix}' is not a topic prefix; write for example '+' or 'site/+'")
        if settings.discovery and (set(settings.discovery) & {"+", "#"} or not is_filter(settings.discovery)):
            raise SettingsError(f"discovery: '{settings.discovery}' is not a topic; write 'homeassistant', or '' for none")
        self._prefixes = settings.prefixes
        self._discovery = Discovery(settings.discovery.strip("/"))
        self._states = tuple(f"{prefix}/{component}/+/state" for prefix in settings.prefixes for component in _COMPONENTS)
        self._statuses = tuple(f"{prefix}/status" for prefix in settings.prefixes)
        self.announcements = self._discovery.filters
        self.filters = tuple(chain(self.announcements, self._states, self._statuses))
        self._family = Family(settings, "environment")

    def read(self, topic: str, payload: bytes) -> Iterator[Said | Trouble]:
        """What a message says."""
        if self._discovery.takes(topic):
            self._discovery.learn(payload, self._states)
            return
        for prefix in self._prefixes:
            if matches(f"{prefix}/status", topic):
                yield from self._status(self._told(prefix, topic), payload)
                return
            if any(matches(f"{prefix}/{component}/+/state", topic) for component in _COMPONENTS):
                yield from self._value(self._told(prefix, topic), topic, payload)
                return

    def _told(self, prefix: str, topic: str) -> str:
        """What of a topic names the node: the levels that the prefix leaves open, else all of it."""
        pairs = list(zip(prefix.split("/"), topic.split("/"), strict=False))
        return "/".join([level for wanted, level in pairs if wanted == "+"] or [level for _, level in pairs])

    def _status(self, told: str, payload: bytes) -> Iterator[Trouble]:
        word = payload[:60].decode(errors="replace").strip().lower()
        if word == "offline":
            yield Trouble(self._family.namer.name(told), "is offline; check its power and Wi-Fi", lost=False)

    def _value(self, told: str, topic: str, payload: bytes) -> Iterator[Said | Trouble]:
        component, object_id = topic.split("/")[-3:-1]
        text = payload[:512].decode(errors="replace").strip()
        if text.lower() in _UNKNOWN:
            return
        device = self._family.namer.name(told)
        yield from self._family.named(told)
        value = _understood(component, object_id, text, self._discovery.about(topic))
        yield from self._family.read(device, [value])


def build(settings: Settings, profiles: Mapping[str, DeviceProfile]) -> EspHome:  # noqa: ARG001 - the words are built in
    """Make the dialect. Raises `SettingsError`."""
    return EspHome(settings)


def _understood(component: str, object_id: str, text: str, announced: Announcement | None) -> Value:
    if component == "text_sensor":
        return Value(object_id, text, beside=True)
    name = metric_name(object_id)
    if component in {"binary_sensor", "switch"}:
        return Value(object_id, text, "input" if component == "binary_sensor" else "on", name=name)
    raw: Json = _number(text)
    if announced is None or (announced.unit is None and (announced.quantity is None or announced.written is not None)):
        return Value(object_id, raw)
    quantity, unit = announced.quantity, announced.unit
    if quantity == "noise_db":
        unit = None  # dB of a sound sensor are dB(A)
    if quantity is not None:
        return Value(object_id, raw, quantity, unit, name=quantity if _PLAIN.get(object_id) == quantity else name)
    plain = _PLAIN.get(object_id)
    if plain is not None and unit == QUANTITIES[plain].metric.unit:
        return Value(object_id, raw, plain)
    shown_name = shown(object_id).strip("'")
    return Value(object_id, raw, name=name, metric=Metric(unit=unit or "1", title_en=shown_name, title_zh=shown_name))


def _number(text: str) -> Json:
    """A number as ESPHome writes it, else the text."""
    try:
        return float(text) if len(text) <= 32 and "_" not in text else text
    except ValueError:
        return text
