"""Scales, counters, weather stations, flow meters: devices that write lines on a serial port or a TCP connection."""

from functools import partial
from typing import Annotated, Literal

from msgspec import Meta, Struct

from edge_agent.link import link_of, profile_of, serial_line
from edge_agent.reader import Context, Reader
from edge_agent.readers.line.device import LineDevice
from edge_agent.readers.line.meaning import Meaning
from edge_agent.readers.line.pattern import PatternError
from edge_agent.readers.line.totals import TotalsFile
from plumbline.errors import SettingsError
from plumbline.event import Name
from plumbline.profile import LineShape, Metric

__all__ = ["Settings", "build"]

#: How long a device that is asked may stay silent before it is reported: so many questions, but not less than seconds.
_UNANSWERED = 4
_PATIENCE_S = 15.0


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the device is and what it writes. What is absent comes from the profile."""

    port: Annotated[str, Meta(min_length=1)] | None = None
    """Serial device; a path in `/dev/serial/by-id/` stays the same when cables are changed."""
    address: str | None = None
    """`host:port` of a TCP server that sends the lines: a terminal server, or the device itself."""
    profile: Name | None = None
    """Device profile: its `serial` table sets the port, its `line` table says what the device writes."""
    baudrate: Annotated[int, Meta(ge=300, le=4_000_000)] | None = None
    """Speed of the serial port, instead of the profile's (9600 without one)."""
    bytesize: Literal[7, 8] | None = None
    """Data bits, instead of the profile's (8)."""
    parity: Literal["none", "even", "odd"] | None = None
    """Parity, instead of the profile's (none)."""
    stopbits: Literal[1, 2] | None = None
    """Stop bits, instead of the profile's (1)."""
    line: LineShape | None = None
    """What the device writes, instead of the profile's `line` table."""
    metrics: dict[Name, Metric] = {}
    """What the numbers in a line are, besides or instead of the profile's metrics of the same name."""
    measurement: Name | None = None
    """Name of the series that the readings belong to, instead of the profile's."""
    silence_s: Annotated[float, Meta(gt=0, le=86_400)] | None = None
    """A device without a line for this long is reported. Default: one that is asked after 4 questions, at least 15 s; one that
    speaks by itself never, because many speak only when they are used."""


def build(name: str, settings: Settings, context: Context) -> Reader:
    """Make the reader of the device `name`. Opens nothing; raises `SettingsError`."""
    given = [key for key in ("port", "address") if getattr(settings, key) is not None]
    if len(given) != 1:
        found = " and ".join(given) if given else "none"
        raise SettingsError(f"port, address: exactly one must be given, found {found}; correct it")
    profile = profile_of(settings.profile, context.profiles)
    shape = settings.line or (None if profile is None else profile.line)
    if shape is None:
        where = "a 'line' table is missing" if profile is None else f"profile '{profile.id}' has no 'line' table"
        raise SettingsError(f"line: {where}; say what the device writes, with patterns")
    metrics = settings.metrics if profile is None else profile.metrics | settings.metrics
    measurement = settings.measurement or (None if profile is None else profile.measurement)
    _refuse_what_is_no_byte(shape)
    meaning = partial(Meaning, shape, metrics, measurement)
    silence_s = settings.silence_s
    if silence_s is None and shape.request:
        silence_s = max(_PATIENCE_S, _UNANSWERED * shape.every_s)
    line = serial_line(
        None if profile is None else profile.serial,
        baudrate=settings.baudrate,
        bytesize=settings.bytesize,
        parity=settings.parity,
        stopbits=settings.stopbits,
    )
    quiet_s = min(0.2, shape.every_s / 4) if shape.request else 0.2
    link = link_of(name, port=settings.port, address=settings.address, line=line, quiet_s=quiet_s, sends="lines")
    try:
        return LineDevice(
            name=name,
            link=link,
            shape=shape,
            meaning=meaning,
            metrics=metrics,
            silence_s=silence_s,
            from_the_middle=settings.port is not None,
            totals=TotalsFile(context.data / f"{name}.totals.json"),
            report=context.report,
        )
    except PatternError as error:
        raise SettingsError(f"line: {error}") from error


def _refuse_what_is_no_byte(shape: LineShape) -> None:
    after = shape.check.after if shape.check else ""
    for key, text in {"start": shape.start, "end": shape.end, "request": shape.request, "check.after": after}.items():
        if not text.isascii():
            raise SettingsError(f"line.{key}: {text!r} is not ASCII; devices send and take single bytes")
