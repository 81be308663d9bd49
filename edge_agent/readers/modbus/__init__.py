"""Reader for Modbus devices: RTU on a serial bus, Modbus TCP, and RTU frames through a TCP terminal server."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from edge_agent.link import host_and_port, serial_line
from edge_agent.reader import Context, Reader
from edge_agent.readers.modbus.bus import Bus
from edge_agent.readers.modbus.declaration import SlaveSettings, declaration_of
from edge_agent.readers.modbus.frame import FramingName
from edge_agent.readers.modbus.line import SerialWay, TcpWay
from edge_agent.readers.modbus.link import Link
from plumbline.errors import SettingsError
from plumbline.profile import SerialLine

__all__ = ["Settings", "build"]

_CONNECT_S: Final = 5.0
_DEFAULT_PORT: Final = 502
_LINE: Final = ("baudrate", "parity", "stopbits")


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bus and its slaves. Either `port` or `address` is given."""

    port: str | None = None
    """Serial device of the RS-485 adapter; a path in `/dev/serial/by-id/` stays the same when cables are changed."""
    address: str | None = None
    """`host:port` of a Modbus TCP device or gateway; port 502 where none is given."""
    framing: Literal["rtu", "tcp"] | None = None
    """`rtu` at an `address` for a terminal server that passes bytes on; default: `tcp` at an `address`, `rtu` at a `port`."""
    baudrate: Annotated[int, Meta(ge=300, le=4_000_000)] | None = None
    """Speed of the serial bus, instead of the profiles'; a bus has one for all its slaves."""
    parity: Literal["none", "even", "odd"] | None = None
    """Parity of the serial bus, instead of the profiles'."""
    stopbits: Literal[1, 2] | None = None
    """Stop bits of the serial bus, instead of the profiles'."""
    timeout_s: Annotated[float, Meta(ge=0.05, le=60)] = 1.0
    """How long a slave may take to answer."""
    retries: Annotated[int, Meta(ge=0, le=5)] = 1
    """How often a request without an answer is repeated at once; a slave that was silent before is not asked twice."""
    retry_s: Annotated[float, Meta(ge=0.1, le=3600)] = 60.0
    """A slave that stays silent is tried ever more rarely, but at least this often."""
    pause_ms: Annotated[float, Meta(ge=0, le=1000)] = 5.0
    """Silence on the serial bus before each request, for slaves that need longer than the standard's 3.5 characters."""
    slaves: Annotated[tuple[SlaveSettings, ...], Meta(min_length=1, max_length=247)]
    """The slaves on the bus, each with a unit number and a name of its own."""


def build(name: str, settings: Settings, context: Context) -> Reader:
    """Make the reader of the bus `name`; opens nothing. Raises `SettingsError` naming the slave's number and key."""
    framing = _framing(settings)
    seen: dict[str, int] = {}
    for i, slave in enumerate(settings.slaves):
        if slave.device in seen:
            other = seen[slave.device]
            raise SettingsError(f"slaves[{i}].device: '{slave.device}' is the name of slaves[{other}] too; give each its own")
        seen[slave.device] = i
        if framing == "rtu" and not 1 <= slave.unit <= 247:
            raise SettingsError(f"slaves[{i}].unit: {slave.unit} is no slave on a serial bus; their numbers are 1 to 247")
    declarations = [declaration_of(f"slaves[{i}]", one, context.profiles) for i, one in enumerate(settings.slaves)]
    if settings.port is not None:
        way = SerialWay(settings.port, _line(settings, context), settings.pause_ms / 1000)
    else:
        address = settings.address or ""
        if ":" not in address.rpartition("]")[2]:
            address = f"{address}:{_DEFAULT_PORT}"
        way = TcpWay(*host_and_port("address", address), _CONNECT_S)
    return Bus(
        name=name,
        link=Link(name=name, way=way, framing=framing, timeout_s=settings.timeout_s),
        declarations=declarations,
        report=context.report,
        timeout_s=settings.timeout_s,
        retries=settings.retries,
        retry_s=settings.retry_s,
    )


def _framing(settings: Settings) -> FramingName:
    if (settings.port is None) == (settings.address is None):
        found = "none" if settings.port is None else "both"
        raise SettingsError(f"port, address: exactly one must be given, found {found}; correct it")
    if settings.port is None:
        for key in _LINE:
            if getattr(settings, key) is not None:
                raise SettingsError(
                    f"{key}: is for a serial port, but an address is given; set it on the terminal server instead"
                )
        return settings.framing or "tcp"
    if settings.framing == "tcp":
        raise SettingsError("framing: a serial port carries RTU frames; leave framing out")
    return "rtu"


def _line(settings: Settings, context: Context) -> SerialLine:
    """How the bus is set: by the settings, else by its slaves' profiles, which must agree."""
    line: SerialLine | None = None
    given = {key: value for key in _LINE if (value := getattr(settings, key)) is not None}
    first = 0
    for i, slave in enumerate(settings.slaves):
        profile = None if slave.profile is None else context.profiles.get(slave.profile)
        if profile is None or profile.serial is None:
            continue
        own = profile.serial
        if line is None:
            line, first = own, i
            continue
        for key in _LINE:
            if getattr(own, key) != getattr(line, key) and key not in given:
                raise SettingsError(
                    f"{key}: slaves[{first}] is set to {getattr(line, key)} by its profile, slaves[{i}] to {getattr(own, key)}; "
                    f"set all slaves of the bus alike and give {key} here"
                )
    return serial_line(line, bytesize=8, **given)  # RTU is binary: 8 bits whatever a profile says
