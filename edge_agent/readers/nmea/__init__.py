"""Satellite receivers that speak NMEA 0183: on a serial port, behind a TCP server, or in a recorded log."""

from typing import Annotated

from msgspec import Meta, Struct

from edge_agent.link import link_of, profile_of, serial_line
from edge_agent.reader import Context, Reader
from edge_agent.readers.nmea.receiver import Receiver
from edge_agent.readers.nmea.replay import Replay
from plumbline.errors import SettingsError

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
    confirm_s: Annotated[float, Meta(ge=0, le=60)] = 1.5
    """A fix waits so long for the receiver's next cycle, which may take it back; 0: not at all."""
    estimated: bool = False
    """Send also positions that nobody measured: dead reckoning, typed in by hand, simulated."""
    source: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    """Which receiver to listen to where several share a line and TAG blocks name them (`s:`); else the first one heard."""
    pace: Annotated[float, Meta(ge=0, le=100_000)] = 0.0
    """How fast a log is replayed: 1 as recorded, 10 ten times as fast, 0 at once."""


def build(name: str, settings: Settings, context: Context) -> Reader:
    """Make the reader of the receiver `name`. Opens nothing; raises `SettingsError`."""
    given = [key for key in ("port", "address", "file") if getattr(settings, key) is not None]
    if len(given) != 1:
        found = " and ".join(given) if given else "none"
        raise SettingsError(f"port, address, file: exactly one must be given, found {found}; correct it")
    if settings.file is not None:
        return Replay(
            name=name,
            path=context.base / settings.file,
            report=context.report,
            interval_s=settings.interval_s,
            pace=settings.pace,
            estimated=settings.estimated,
            source=settings.source,
        )
    profile = profile_of(settings.profile, context.profiles)
    line = serial_line(None if profile is None else profile.serial, baudrate=settings.baudrate)
    return Receiver(
        name=name,
        link=link_of(
            name, port=settings.port, address=settings.address, line=line, quiet_s=settings.quiet_s, sends="NMEA 0183"
        ),
        report=context.report,
        interval_s=settings.interval_s,
        silence_s=settings.silence_s,
        no_fix_s=settings.no_fix_s,
        confirm_s=settings.confirm_s,
        estimated=settings.estimated,
        source=settings.source,
    )
