"""Devices of any make: which topic they publish on and what stands where in their messages is declared."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, Struct

from plumbline.dialects.declaration import Declaration, TimePlace
from plumbline.dialects.document import FieldError, Json, at, bare, decode, shown, text
from plumbline.dialects.mapping import events
from plumbline.dialects.naming import Namer
from plumbline.dialects.said import Said, Trouble
from plumbline.dialects.told_time import Format, told_ns
from plumbline.dialects.topic_filter import is_filter
from plumbline.errors import SettingsError
from plumbline.event import Name, Reading
from plumbline.ids import is_name
from plumbline.profile import CheckInFields, DeviceProfile, FixFields, Metric, MqttShape, StateFields

__all__ = ["Declared", "Settings", "build"]

#: What one `Reading` holds at most (see `plumbline.event.Reading`).
_MAX_METRICS: Final = 64
#: Records of one message, or values side by side, that are read.
_MOST_RECORDS: Final = 1000


class TimeField(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the device's own time stands, and how it is written."""

    path: str
    format: Format = "auto"
    """`auto` tells ISO 8601 and Unix times in s, ms, us and ns apart by themselves."""
    zone: str | None = None
    """IANA zone of times that are written without one, such as `Asia/Shanghai`; without it they are reported."""


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
    device_path: str | None = None
    """Where in the message the device's name stands, where many share a topic."""
    names: dict[str, Name] = {}
    """What a device calls itself → its name."""
    payload: Literal["json", "text", "csv"] = "json"
    """`text`: the message is one value (`path = ""`); `csv`: values side by side (`path = "0"`, `"1"` …)."""
    separator: Annotated[str, Meta(min_length=1, max_length=8)] = ","
    """Between the values of a `csv` message."""
    each: str | None = None
    """Path of a list of which each element is a message of its own (with its own time and device); `""`: the whole message."""
    at: TimeField | None = None
    """Where the device's own time stands; nowhere: the time of arrival counts."""
    numbers_as_text: bool = False
    """Take `"21.5"` for the number; `text` and `csv` messages always do."""
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

    def __init__(self, declaration: Declaration, names: Mapping[str, str]) -> None:
        self._declaration = declaration
        self._namer = Namer(names)
        self.filters = (declaration.topic,)

    def read(self, topic: str, payload: bytes) -> Iterator[Said | Trouble]:
        """What a message says."""
        try:
            document = self._document(payload)
        except FieldError as error:
            yield Trouble(self._fallback(topic), str(error))
            return
        each = self._declaration.each
        records = document if each is None else at(document, each)
        if each is None:
            yield from self._record(topic, document)
        elif not isinstance(records, list):
            yield Trouble(self._fallback(topic), f"each: {shown(records)} stands at '{each}' where a list belongs")
        else:
            for record in records[:_MOST_RECORDS]:
                yield from self._record(topic, record)
            if len(records) > _MOST_RECORDS:
                yield Trouble(
                    self._fallback(topic), f"each: {len(records)} records, only {_MOST_RECORDS} of a message are read"
                )

    def _document(self, payload: bytes) -> Json:
        """The message as its form is declared."""
        if self._declaration.payload == "json":
            return decode(payload)
        try:
            written = bare(payload).decode().strip()
        except UnicodeDecodeError:
            raise FieldError("is not text in UTF-8") from None
        if self._declaration.payload == "text":
            return written
        return [_unquoted(value.strip()) for value in written.split(self._declaration.separator, _MOST_RECORDS)]

    def _fallback(self, topic: str) -> str:
        told = self._declaration.told_by(topic)
        return self._namer.name(told) if told else ""

    def _record(self, topic: str, document: Json) -> Iterator[Said | Trouble]:
        declaration = self._declaration
        try:
            told = declaration.told_by(topic)
            if declaration.device_path is not None:
                told = text(document, declaration.device_path) or ""
        except FieldError as error:
            yield Trouble("", str(error))
            return
        if not told:
            where = f"level {declaration.device_level}" if declaration.device_path is None else declaration.device_path
            yield Trouble("", f"{where} does not name a device")
            return
        device = told if told == declaration.device else self._namer.name(told)
        if device != told and (remark := self._namer.remark(told, device)):
            yield Trouble(device, remark, lost=False)
        at_ns: int | None = None
        if declaration.time is not None:
            try:
                at_ns = told_ns(at(document, declaration.time.path), declaration.time.form, declaration.time.zone)
            except FieldError as error:
                what = f"{declaration.time.path}: {error}; the time of arrival is taken; see 'at'"
                yield Trouble(device, what, lost=False)
        nothing = True
        for found in events(declaration, document):
            nothing = False
            if isinstance(found, FieldError):
                yield Trouble(device, str(found))
            else:
                yield Said(device, found, at_ns, declaration.metrics if found.func is Reading else None)
        if nothing:
            yield Trouble(device, "holds none of the declared values")


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


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
        device_path=settings.device_path,
        payload=settings.payload,
        separator=settings.separator,
        each=settings.each,
        time=_time(settings.at),
        texts=settings.numbers_as_text or settings.payload != "json",
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
    return Declared(declaration, settings.names)


def _time(settings: TimeField | None) -> TimePlace | None:
    if settings is None:
        return None
    try:
        zone = ZoneInfo(settings.zone) if settings.zone else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(f"at.zone: there is no zone '{settings.zone}'; write for example 'Asia/Shanghai'") from None
    return TimePlace(settings.path, settings.format, zone)


def _level(topic: str, settings: Settings, shape: MqttShape | None) -> int:
    """The level that names the device, which must exist in every topic that the filter takes."""
    level = settings.device_level
    if level is None:
        level = shape.device_level if shape else 1
    levels = topic.split("/")
    if settings.device is None and settings.device_path is None:
        if level >= len(levels) or levels[level] == "#":
            raise SettingsError(f"device_level: '{topic}' has no level {level}; count from 0, or set 'device'")
        if levels[level] != "+" and not is_name(levels[level]):
            raise SettingsError(f"device_level: level {level} of '{topic}' is no device name; set 'device'")
    return level
