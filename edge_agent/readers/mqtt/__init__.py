"""Reader for devices that publish JSON on the gateway's own broker."""

from itertools import combinations
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from edge_agent.reader import Context, Reader
from edge_agent.readers.mqtt.subscriber import MqttReader
from plumbline.address import Address
from plumbline.dialects.declaration import Declaration
from plumbline.dialects.topic_filter import is_filter, overlap
from plumbline.errors import SettingsError
from plumbline.event import Name
from plumbline.ids import is_name
from plumbline.mqtt import Version
from plumbline.profile import CheckInFields, FixFields, Metric, MqttShape, StateFields

__all__ = ["DeviceSettings", "Settings", "build"]

#: What one `Reading` holds at most (see `plumbline.event.Reading`).
_MAX_METRICS: Final = 64


class DeviceSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One device or one family of devices: by a profile, by what is declared here, or by both (what stands here wins)."""

    profile: Name | None = None
    topic: str | None = None
    """Filter; `+` and `#` as in MQTT."""
    device_level: Annotated[int, Meta(ge=0)] | None = None
    """Which level of the topic (from 0) names the device."""
    device: Name | None = None
    """The device's name where no level of the topic gives it."""
    measurement: Name | None = None
    metrics: dict[Name, Metric] = {}
    state: StateFields | None = None
    check_in: CheckInFields | None = None
    fix: FixFields | None = None
    retained: Literal["ignore", "accept"] = "ignore"
    """What the broker kept from before we listened is old, and comes again on each connection."""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A broker and what is published there."""

    broker: str = "mqtt://127.0.0.1:1883"
    """`mqtt://user:password@host:port`, `mqtts://…`, `ws://…`, `wss://…`."""
    version: Version = "5"
    client_id: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    """Unique on the broker and never changed: the broker keeps messages under it. Default `plumbline-<name>`."""
    session_expiry_s: Annotated[int, Meta(ge=0, le=30 * 86400)] = 86400
    """How long the broker keeps messages for us while the agent is down."""
    max_bytes: Annotated[int, Meta(ge=64, le=1024 * 1024)] = 64 * 1024
    """A larger message is reported and passed over."""
    devices: Annotated[tuple[DeviceSettings, ...], Meta(min_length=1, max_length=256)]


def build(name: str, settings: Settings, context: Context) -> Reader:
    """Make the reader `name`; connects to nothing. Raises `SettingsError` naming the device's number and key."""
    declarations = [_declaration(f"devices[{i}]", one, context) for i, one in enumerate(settings.devices)]
    for (i, one), (j, other) in combinations(enumerate(declarations), 2):
        if overlap(one.topic, other.topic):
            raise SettingsError(
                f"devices[{j}].topic: '{other.topic}' and '{one.topic}' of devices[{i}] take the same messages, "
                "which would count twice; narrow one of them"
            )
    return MqttReader(
        name=name,
        address=Address.parse(settings.broker),
        version=settings.version,
        client_id=settings.client_id or f"plumbline-{name}",
        session_expiry_s=settings.session_expiry_s,
        max_bytes=settings.max_bytes,
        declarations=declarations,
        report=context.report,
    )


def _declaration(where: str, settings: DeviceSettings, context: Context) -> Declaration:
    shape, measurement, metrics = None, settings.measurement, settings.metrics
    if settings.profile is not None:
        profile = context.profiles.get(settings.profile)
        if profile is None:
            known = ", ".join(sorted(context.profiles)) or "none"
            raise SettingsError(f"{where}.profile: there is no profile '{settings.profile}'; known are: {known}")
        shape, measurement = profile.mqtt, measurement or profile.measurement
        metrics = {**profile.metrics, **metrics}
    topic = settings.topic or (shape.topic if shape else None)
    if topic is None:
        raise SettingsError(f"{where}.topic: is missing, and the profile has none; write for example 'devices/+/environment'")
    if not is_filter(topic):
        raise SettingsError(f"{where}.topic: '{topic}' is not an MQTT filter; '+' fills one level, '#' the last ones")
    declaration = Declaration(
        topic=topic,
        device=settings.device,
        device_level=_level(where, topic, settings, shape),
        measurement=measurement,
        metrics=metrics,
        state=settings.state or (shape.state if shape else None),
        check_in=settings.check_in or (shape.check_in if shape else None),
        fix=settings.fix or (shape.fix if shape else None),
        accept_retained=settings.retained == "accept",
    )
    if not (metrics or declaration.state or declaration.check_in or declaration.fix):
        raise SettingsError(f"{where}: says nothing to read; name a profile, or declare metrics, state, check_in or fix")
    if metrics and measurement is None:
        raise SettingsError(f"{where}.measurement: is missing although metrics are declared; name the series they belong to")
    if len(metrics) > _MAX_METRICS:
        raise SettingsError(f"{where}.metrics: {len(metrics)} are too many for one reading; leave out all but {_MAX_METRICS}")
    return declaration


def _level(where: str, topic: str, settings: DeviceSettings, shape: MqttShape | None) -> int:
    """The level that names the device, which must exist in every topic that the filter takes."""
    level = settings.device_level
    if level is None:
        level = shape.device_level if shape else 1
    levels = topic.split("/")
    if settings.device is None:
        if level >= len(levels) or levels[level] == "#":
            raise SettingsError(f"{where}.device_level: '{topic}' has no level {level}; count from 0, or set 'device'")
        if levels[level] != "+" and not is_name(levels[level]):
            raise SettingsError(f"{where}.device_level: level {level} of '{topic}' is no device name; set 'device'")
    return level
