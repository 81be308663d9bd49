"""Serial ports: whose they are by their USB names, and what comes out of them at the usual speeds."""

import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol, cast

import serial

from edge_agent import nmea
from edge_agent.discovery.seen import Seen, name_from
from edge_agent.link import Listening
from edge_agent.link.line import reason

#: In the order of likelihood: receivers, then what adapters and scales are usually set to.
SPEEDS: Final = (9600, 115200, 38400, 4800, 19200, 57600)
_BUILT_IN: Final = re.compile(r"tty(S|AMA|O|mxc|UL|USB|ACM)\d+")
#: Names that makers of scanners and receivers give their USB devices.
SCANNERS: Final = re.compile(
    r"honeywell|metrologic|hand_held|xenon|voyager|symbol|zebra|datalogic|newland|cognex|opticon|denso|netum|tera|inateck|"
    r"barcode|scanner|code_corp|unitech|sunlux|mindeo",
    re.IGNORECASE,
)
_RECEIVERS: Final = re.compile(r"u-?blox|gnss|gps|sirf|garmin|trimble|mediatek|quectel|septentrio", re.IGNORECASE)
_ADAPTERS: Final = re.compile(r"ftdi|prolific|silicon_labs|cp210|ch34|1a86|rs-?485|rs-?232|uart", re.IGNORECASE)
_PRINTABLE: Final = re.compile(rb"[\x20-\x7e\t]{2,}[\r\n\x03]")
#: What a scanner sends for a label: separators of GS1 may stand in it.
_LABEL: Final = re.compile(rb"[\x02\x1d\x1e\x20-\x7e]{4,}[\r\n\t\x03\x04]+")
_TEACH: Final = "teach it: plumbline scanner card, plumbline scanner learn"
_UBX: Final = b"\xb5\x62"
_ENOUGH: Final = 4096


class _Port(Protocol):
    def read(self, size: int = 1) -> bytes:
        """Up to `size` bytes."""
        ...

    def close(self) -> None:
        """Let go of the device."""
        ...


def find(dev: Path) -> list[tuple[str, str]]:
    """The serial ports: (device file by its most lasting name, what the maker calls it)."""
    named = {link.resolve(): link for link in sorted((dev / "serial" / "by-id").glob("*")) if link.exists()}
    ports = [(str(link), re.sub(r"^usb-|-if\d+.*$", "", link.name)) for link in named.values()]
    ports += [
        (str(path), path.name)
        for path in sorted(dev.glob("tty*"))
        if _BUILT_IN.fullmatch(path.name) and path.resolve() not in named and _is_there(path)
    ]
    return ports


def _is_there(path: Path) -> bool:
    """The kernel lists four built-in ports where there is none; those have no device behind them."""
    if not path.name.startswith("ttyS"):
        return True
    with suppress(OSError):
        return (Path("/sys/class/tty") / path.name / "device" / "driver").resolve().name not in {"serial8250", "driver"}
    return False


def look(port: str, product: str, patience_s: float) -> Seen:
    """Listen to one port at the usual speeds; blocks, and belongs in a thread. Sends nothing."""
    trouble, heard, speeds = "", False, SPEEDS
    for speed in speeds:
        try:
            data = _listen(port, speed, patience_s / len(speeds))
        except (OSError, ValueError) as error:
            trouble = reason(error)
            break
        heard = heard or bool(data)
        if found := _understood(port, product, speed, data):
            return found
    return _by_name(port, product, heard=heard, trouble=trouble)


def _listen(port: str, speed: int, seconds: float) -> bytes:
    opened = cast("_Port", serial.Serial(port, speed, timeout=min(0.1, seconds / 4), exclusive=True))
    data = bytearray()
    try:
        now = Listening(time.monotonic)
        end_s = now() + seconds
        while now() < end_s and len(data) < _ENOUGH:
            data += opened.read(256)
    finally:
        opened.close()
    return bytes(data)


def _understood(port: str, product: str, speed: int, data: bytes) -> Seen | None:
    stream = nmea.NmeaStream()
    epochs = [*stream.feed(data), *stream.close()]
    if stream.counts.sentences:
        fixed = any(epoch.mode > 1 for epoch in epochs)
        said = f"satellite receiver {product}: {stream.counts.sentences} NMEA sentences at {speed} baud, {'a' if fixed else 'no'} fix"
        todo = "" if fixed else "give its antenna a view of the sky"
        reader = _reader("nmea", name_from(product, "receiver"), port=port, baudrate=speed)
        return Seen(port, said, "certain", reader, todo)
    if data.count(_UBX) > 1:
        said = f"u-blox receiver {product} that sends its binary protocol at {speed} baud"
        return Seen(port, said, "certain", todo="switch NMEA on (u-center, ubxtool); then look again")
    if SCANNERS.search(product) and (labels := _LABEL.findall(data)) and sum(map(len, labels)) > 0.8 * len(data):
        said = (
            f"barcode scanner {product}: scans at {speed} baud, such as {labels[0].strip().decode('ascii', 'replace')[:60]!r}"
        )
        reader = _reader("serial_scanner", name_from(product, "scanner"), port=port, profile="serial-scanner", baudrate=speed)
        return Seen(port, said, "certain", reader, _TEACH)
    lines = _PRINTABLE.findall(data)
    if lines and sum(map(len, lines)) > 0.8 * len(data):
        example = lines[0].strip().decode("ascii", "replace")[:60]
        said = f"{product} sends lines at {speed} baud, such as {example!r}: a scale, a counter, a weather station"
        reader = _reader("line", name_from(product, "line-device"), port=port, baudrate=speed)
        return Seen(port, said, "likely", reader, "declare pattern and metrics; see docs/readers/line.md")
    return None


def _by_name(port: str, product: str, *, heard: bool, trouble: str) -> Seen:
    end = f"it cannot be opened: {trouble}" if trouble else "bytes at no usual speed" if heard else "silent"
    todo = "stop what uses it, and let the agent's user into the group dialout" if trouble else ""
    if SCANNERS.search(product):
        reader = _reader("serial_scanner", name_from(product, "scanner"), port=port, profile="serial-scanner")
        return Seen(
            port,
            f"barcode scanner {product} ({end})",
            "likely",
            reader,
            todo or _TEACH,
        )
    if _RECEIVERS.search(product):
        reader = _reader("nmea", name_from(product, "receiver"), port=port)
        return Seen(
            port, f"satellite receiver {product} ({end})", "likely", reader, todo or "check its speed and that it sends NMEA"
        )
    known = "serial adapter" if _ADAPTERS.search(product) else "serial device"
    ask = "a scanner waits for its trigger, a Modbus bus to be asked (--modbus): say what is behind it"
    return Seen(port, f"{known} {product} ({end})", "unknown", todo=todo or ask)


def _reader(kind: str, name: str, **keys: Any) -> dict[str, Any]:
    return {"type": kind, "name": name, **keys}
