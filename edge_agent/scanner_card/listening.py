"""Listen to a scanner while a clerk scans the card: cut what comes into shots at the silences between two pulls."""

import select
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Final, TypeVar

from edge_agent.link import Listening
from edge_agent.reader import ReaderError
from edge_agent.readers.serial_scanner.port import Port, PortError, open_port, read_available
from edge_agent.readers.wedge_scanner.input_device import InputDevice
from edge_agent.scanner.keystrokes import Key
from edge_agent.scanner_card.learning import Strokes
from plumbline.profile import SerialLine

T = TypeVar("T", bytes, tuple[int, int])

#: Longer than any pause within a label, shorter than a clerk needs for the next one.
SILENCE_S: Final = 0.6
_POLL_S: Final = 0.1
#: What comes without a pause for longer than this is no scanner.
_MOST_BYTES: Final = 65536


@dataclass(frozen=True, slots=True)
class Shot:
    """What came between two silences."""

    data: bytes = b""
    strokes: Strokes = ()
    pause_s: float = 0.0
    """The longest pause in it."""


def serial_shots(port: str, line: SerialLine) -> Iterator[Shot | None]:
    """Shots of a serial scanner; `None` about every `SILENCE_S` without one. Raises `ReaderError`."""
    try:
        opened = open_port(port, line, _POLL_S)
    except PortError as error:
        check = "that it is plugged in, that your user is in group dialout, and that no agent reads it meanwhile"
        raise ReaderError("scanner", f"{port} cannot be opened ({error})", check) from error
    with closing(opened):
        pieces: list[bytes] = []
        yield from _cut(lambda: _read_serial(opened), pieces, lambda pause_s: Shot(data=b"".join(pieces), pause_s=pause_s))


def wedge_shots(path: str) -> Iterator[Shot | None]:
    """Shots of a wedge scanner, grabbed meanwhile; `None` about every `SILENCE_S` without one. Raises `ReaderError`."""
    check = "that it is plugged in, that your user is in group input, and that no agent reads it meanwhile"
    try:
        device = InputDevice(path, grab=True)
    except OSError as error:
        raise ReaderError("scanner", f"{path} cannot be opened ({error.strerror})", check) from error
    with closing(device):
        pieces: list[tuple[int, int]] = []
        yield from _cut(lambda: _read_keys(device), pieces, lambda pause_s: Shot(strokes=tuple(pieces), pause_s=pause_s))


def _cut(read: Callable[[], list[T]], pieces: list[T], shot: Callable[[float], Shot]) -> Iterator[Shot | None]:
    """Gather what `read` brings; it waits for at most `_POLL_S`."""
    now = Listening(time.monotonic, step_s=2 * _POLL_S)  # a standstill of ours is no pause of the scanner's
    last_s, pause_s, size = now(), 0.0, 0
    while True:
        found = read()
        now_s = now()
        if found:
            pause_s = max(pause_s, now_s - last_s) if pieces else 0.0
            last_s = now_s
            pieces += found
            size += sum(len(each) if isinstance(each, bytes) else 1 for each in found)
        if now_s - last_s >= SILENCE_S or size > _MOST_BYTES:
            yield shot(pause_s) if pieces else None
            pieces.clear()
            last_s, size = now_s, 0


def _read_serial(port: Port) -> list[bytes]:
    try:
        data = read_available(port)
    except PortError as error:
        raise ReaderError("scanner", f"went away ({error})", "its plug and cable") from error
    return [data] if data else []


def _read_keys(device: InputDevice) -> list[tuple[int, int]]:
    ready, _, _ = select.select([device.fd], [], [], _POLL_S)
    if not ready:
        return []
    try:
        return [(event.code, event.value) for event in device.read() if isinstance(event, Key)]
    except (OSError, EOFError) as error:
        raise ReaderError("scanner", "went away", "its plug and cable") from error
