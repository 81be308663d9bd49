"""Satellite receivers that speak NMEA 0183: on a serial port, behind a TCP server, or in a recorded log."""

import difflib
from typing import Annotated

import serial
from msgspec import Meta, Struct

from edge_agent.reader import Context, Reader
from edge_agent.readers.nmea.link import Link, SerialLink, TcpLink
from edge_agent.readers.nmea.receiver import Receiver
from edge_agent.readers.nmea.replay import Replay
from plumbline.errors import SettingsError
from plumbline.profile import SerialLine

__all__ = ["Settings", "build"]


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the receiver is and how often it speaks. Exactly one of `port`, `address` and `file` is given."""

    port: str | None = None
    """Serial device; a path in `/dev/serial/by-id/` stays the same when cables are changed."""
    address: str | None = None
    """`host:port` of a TCP server that sends the sentences."""
    file: str | None = None
    """A recorded log, replayed once; relative to the configuration file."""
    profile: str | None = None
    """Device profile whose `serial` table sets the port."""
    baudrate: Annotated[int, Meta(ge=300, le=4_000_000)] | None = None
    """Speed of the serial port, instead of the profile's (9600 without one)."""
    interval_s: Annotated[float, Meta(ge=0, le=86_400)] = 1.0
    """At most one fix in this time; 0: every one."""
    quiet_s: Annotated[float, Meta(gt=0, le=5)] = 0.2
    """A line that is quiet for this long has finished its cycle, so the fix need not wait for the next one."""
    silence_s: Annotated[float, Meta(gt=0, le=86_400)] = 15.0
    """A receiver that sends no sentence for this long is reported."""
    no_fix_s: Annotated[float, Meta(gt=0, le=86_400)] = 120.0
    """A receiver without a fix for this long is reported; a cold start takes less than a minute."""
    pace: Annotated[float, Meta(ge=0, le=100_000)] = 0.0
    """How fast a log is replayed: 1 as recorded, 10 ten times as fast, 0 at once."""


def build(name: str, settings: Settings, context: Context) -> Reader:
    """Make the reader of the receiver `name`. Opens nothing; raises `SettingsError`."""
    given = [key for key in ("port", "address", "file") if getattr(settings, key) is not None]
    if len(given) != 1:
        found = " and ".join(given) if given else "none"
        raise SettingsError(f"reader '{name}': port, address, file: exactly one must be given, found {found}; correct it")
    if settings.file is not None:
        return Replay(
            name=name,
            path=context.base / settings.file,
            report=context.report,
            interval_s=settings.interval_s,
            pace=settings.pace,
        )
    return Receiver(
        name=name,
        link=_link(name, settings, context),
        report=context.report,
        interval_s=settings.interval_s,
        silence_s=settings.silence_s,
        no_fix_s=settings.no_fix_s,
    )


def _link(name: str, settings: Settings, context: Context) -> Link:
    if settings.port is not None:
        line = _line(name, settings, context)
        return SerialLink(device=name, port=settings.port, line=line, quiet_s=settings.quiet_s)
    host, port = _address(name, settings.address or "")
    return TcpLink(device=name, host=host, port=port, quiet_s=settings.quiet_s)


def _line(name: str, settings: Settings, context: Context) -> SerialLine:
    line = SerialLine()
    if settings.profile is not None:
        profile = context.profiles.get(settings.profile)
        if profile is None:
            near = difflib.get_close_matches(settings.profile, context.profiles, n=1)
            hint = f"did you mean '{near[0]}'?" if near else "see firmware_configs/ for those there are"
            raise SettingsError(f"reader '{name}': profile: there is no device profile '{settings.profile}'; {hint}")
        line = profile.serial or line
    baudrate = settings.baudrate or line.baudrate
    if baudrate not in serial.Serial.BAUDRATES:
        usual = ", ".join(map(str, (4800, 9600, 38400, 115200)))
        raise SettingsError(f"reader '{name}': baudrate: {baudrate} is not a serial speed; usual ones are {usual}")
    return SerialLine(baudrate=baudrate, bytesize=line.bytesize, parity=line.parity, stopbits=line.stopbits)


def _address(name: str, address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise SettingsError(f"reader '{name}': address: must be host:port, found '{address}'; for example 10.0.0.7:2947")
    return host.removeprefix("[").removesuffix("]"), int(port)
