"""Devices of any make: which topic they publish on and what stands where in their messages is declared."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Final

from msgspec import Meta, Struct

from plumbline.dialects.declaration import Declaration
from plumbline.dialects.document import FieldError, decode
from plumbline.dialects.mapping import events
from plumbline.dialects.said import Said, Trouble
from plumbline.dialects.topic_filter import is_filter
from plumbline.errors import SettingsError
from plumbline.event import Name, Reading
from plumbline.ids import is_name
from plumbline.profile import CheckInFields, DeviceProfile, FixFields, Metric, MqttShape, StateFields

__all__ = ["Declared", "Settings", "build"]

#: What one `Reading` holds at most (see `plumbline.event.Reading`).
_MAX_METRICS: Final = 64


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One device or one family of devices: by a profile, by what is declared here, or by both (what stands here wins)."""

    profile: Name | None = None
    """Device profile that says what the messages hold."""
    topic: str | None = None
    """Filter; `+` and `#` as in MQTT."""
    device_level: Annotated[int, Meta(ge=0)] | None = None
    """Which level of the topic (from 0) names the device."""
    device: Name | None = None
    """The device's name where no level of the topic gives it."""
    measurement: Name | None = None
    """The series that the readings belong to."""
    metrics: dict[Name, Metric] = {}
    """Name → unit, titles, `path` in the document, and what is plausible."""
    state: StateFields | None = None
    """Where a machine's state stands."""
    check_in: CheckInFields | None = None
    """Where a badge reader's check-in stands."""
    fix: FixFields | None = None
    """Where a tracker's position stands."""


class Declared:
    """Reads what a declaration says (see `plumbline.dialects.Dialect`)."""

    def __init__(self, declaration: Declaration) -> None:
        self._declaration = declaration
        self.filters = (declaration.topic,)

    def read(self, topic: str, payload: bytes) -> Iterator[Said | Trouble]:
        """What a message says."""
        declaration = self._declaration
        device = declaration.device_of(topic)
        if not is_name(device):
            yield Trouble("", f"level {declaration.device_level} does not name a device")
            return
        try:
            document = decode(payload)
        except FieldError as error:
            yield Trouble(device, str(error))
            return
        nothing = True
        for found in events(declaration, document):
            nothing = False
            if isinstance(found, FieldError):
                yield Trouble(device, str(found))
            else:
                yield Said(device, found, metrics=declaration.metrics if found.func is Reading else None)
        if nothing:
            yield Trouble(device, "holds none of the declared values")


def build(settings: Settings, profiles: Mapping[str, DeviceProfile]) -> Declared:
    """Make the dialect of one declaration. Raises `SettingsError`."""
    shape, measurement, metrics = None, settings.measurement, settings.metrics
    if settings.profile is not None:
        profile = profiles.get(settings.profile)
        if profile is None:
            known = ", ".join(sorted(profiles)) or "none"
            raise SettingsError(f"profile: there is no profile '{settings.profile}'; known are: {known}")
        shape, measurement = profile.mqtt, measurement or profile.measurement
        metrics = {**profile.metrics, **metrics}
    topic = settings.topic or (shape.topic if shape else None)
    if topic is None:
        raise SettingsError("topic: is missing, and the profile has none; write for example 'devices/+/environment'")
    if not is_filter(topic):
        raise SettingsError(f"topic: '{topic}' is not an MQTT filter; '+' fills one level, '#' the last ones")
    declaration = Declaration(
        topic=topic,
        device=settings.device,
        device_level=_level(topic, settings, shape),
        measurement=measurement,
        metrics=metrics,
        state=settings.state or (shape.state if shape else None),
        check_in=settings.check_in or (shape.check_in if shape else None),
        fix=settings.fix or (shape.fix if shape else None),
    )
    if not (metrics or declaration.state or declaration.check_in or declaration.fix):
        raise SettingsError("says nothing to read; name a profile, or declare metrics, state, check_in or fix")
    if metrics and measurement is None:
        raise SettingsError("measurement: is missing although metrics are declared; name the series they belong to")
    if len(metrics) > _MAX_METRICS:
        raise SettingsError(f"metrics: {len(metrics)} are too many for one reading; leave out all but {_MAX_METRICS}")
    return Declared(declaration)


def _level(topic: str, settings: Settings, shape: MqttShape | None) -> int:
    """The level that names the device, which must exist in every topic that the filter takes."""
    level = settings.device_level
    if level is None:
        level = shape.device_level if shape else 1
    levels = topic.split("/")
    if settings.device is None:
        if level >= len(levels) or levels[level] == "#":
            raise SettingsError(f"device_level: '{topic}' has no level {level}; count from 0, or set 'device'")
        if levels[level] != "+" and not is_name(levels[level]):
            raise SettingsError(f"device_level: level {level} of '{topic}' is no device name; set 'device'")
    return level
