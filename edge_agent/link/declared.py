"""From what a site engineer wrote to a link. Raises `SettingsError`, which names the key; who reads the configuration adds the reader."""

import difflib
from collections.abc import Mapping
from typing import Final, Literal

import msgspec
import serial

from edge_agent.link.line import Link
from edge_agent.link.serial_port import SerialLink
from edge_agent.link.tcp import TcpLink
from plumbline.errors import SettingsError
from plumbline.profile import DeviceProfile, SerialLine

_USUAL: Final = (4800, 9600, 38400, 115200)


def link_of(
    name: str, *, port: str | None, address: str | None, line: SerialLine, quiet_s: float, sends: str = "anything"
) -> Link:
    """The link of reader `name`: a serial `port`, or else the TCP `address`."""
    if port is not None:
        if not port.strip():
            raise SettingsError("port: is empty; name a path, best one in /dev/serial/by-id")
        return SerialLink(device=name, port=port, line=line, quiet_s=quiet_s)
    host, number = host_and_port("address", address or "")
    return TcpLink(device=name, host=host, port=number, quiet_s=quiet_s, sends=sends)


def profile_of(profile: str | None, profiles: Mapping[str, DeviceProfile]) -> DeviceProfile | None:
    """The device profile that a reader names, if it names one."""
    if profile is None:
        return None
    found = profiles.get(profile)
    if found is None:
        near = difflib.get_close_matches(profile, profiles, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "see firmware_configs/ for those there are"
        raise SettingsError(f"profile: there is no device profile '{profile}'; {hint}")
    return found


def serial_line(
    declared: SerialLine | None,
    *,
    baudrate: int | None = None,
    bytesize: Literal[7, 8] | None = None,
    parity: Literal["none", "even", "odd"] | None = None,
    stopbits: Literal[1, 2] | None = None,
) -> SerialLine:
    """How the port is set: what the reader's settings say, else the profile, else 9600 baud 8N1."""
    own = {"baudrate": baudrate, "bytesize": bytesize, "parity": parity, "stopbits": stopbits}
    line = msgspec.structs.replace(declared or SerialLine(), **{key: value for key, value in own.items() if value is not None})
    if line.baudrate not in serial.Serial.BAUDRATES:
        usual = ", ".join(map(str, _USUAL))
        raise SettingsError(f"baudrate: {line.baudrate} is not a serial speed; usual ones are {usual}")
    return line


def host_and_port(key: str, address: str) -> tuple[str, int]:
    """Host and port of `host:port`; an IPv6 host stands in brackets."""
    host, _, port = address.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not bare or not (port.isascii() and port.isdigit()) or len(port) > 5 or not 0 < int(port) < 65536:
        raise SettingsError(f"{key}: must be host:port, found '{address}'; for example 10.0.0.7:2947")
    return bare, int(port)
