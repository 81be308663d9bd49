"""A keyboard of the Linux kernel: `/dev/input/event*`, opened, grabbed, read.

Read here by hand because python-evdev has to be compiled on a gateway (no wheels; `evdev-binary` has them for x86_64
alone), and what is needed is small and fixed: `struct input_event` and five ioctls (Linux, Documentation/input/input.rst,
include/uapi/linux/input.h).
"""

import array
import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from edge_agent.scanner.keystrokes import Key, Lost

#: Two longs for the time, type, code, value. On 32-bit machines the longs are unsigned and hold until 2106.
INPUT_EVENT: Final = struct.Struct("@LLHHi")
EV_SYN: Final = 0
EV_KEY: Final = 1
SYN_REPORT: Final = 0
SYN_DROPPED: Final = 3

_KEY_BYTES: Final = 96  # KEY_CNT / 8
_READ: Final = 2 << 30
_EVIOCGRAB: Final = (1 << 30) | (4 << 16) | (ord("E") << 8) | 0x90
_EVIOCSCLOCKID: Final = (1 << 30) | (4 << 16) | (ord("E") << 8) | 0xA0
_EVIOCGNAME: Final = _READ | (256 << 16) | (ord("E") << 8) | 0x06
_EVIOCGKEY: Final = _READ | (_KEY_BYTES << 16) | (ord("E") << 8) | 0x18
_EVIOCGBIT_KEY: Final = _READ | (_KEY_BYTES << 16) | (ord("E") << 8) | (0x20 + EV_KEY)
_CLOCK_MONOTONIC: Final = 1
#: Enter and the row of digits: what every keyboard has and no mouse, button or lid switch.
_A_KEYBOARDS: Final = frozenset({28, *range(2, 12)})
#: Events taken at once.
_BATCH: Final = 256


class InputDevice:
    """An open input device. Raises `OSError` as the kernel does: ENODEV when it is unplugged, EBUSY when grabbed by another."""

    def __init__(self, path: str, *, grab: bool) -> None:
        self.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._rest = b""
        self._skipping = False
        try:
            if grab:
                fcntl.ioctl(self.fd, _EVIOCGRAB, 1)
            with suppress(OSError):  # what is no input device (a pipe) has no clock to choose: pace is relative anyway
                fcntl.ioctl(self.fd, _EVIOCSCLOCKID, struct.pack("i", _CLOCK_MONOTONIC))
        except BaseException:
            os.close(self.fd)
            raise

    def close(self) -> None:
        """Let go of the device; the grab ends with it."""
        with suppress(OSError):
            os.close(self.fd)

    @property
    def name(self) -> str | None:
        """What the device calls itself; `None`: it is no input device."""
        buffer = array.array("B", bytes(256))
        try:
            length = fcntl.ioctl(self.fd, _EVIOCGNAME, buffer)
        except OSError:
            return None
        return buffer.tobytes()[:length].split(b"\0")[0].decode("utf-8", "replace")

    @property
    def is_keyboard(self) -> bool:
        """Whether it has digits and Enter."""
        return self._bits(_EVIOCGBIT_KEY) >= _A_KEYBOARDS

    @property
    def down(self) -> frozenset[int]:
        """The keys that are down now."""
        return self._bits(_EVIOCGKEY)

    def read(self) -> Iterator[Key | Lost]:
        """What has come. Raises `EOFError` where nothing can come any more (a pipe was closed)."""
        try:
            data = os.read(self.fd, INPUT_EVENT.size * _BATCH)
        except BlockingIOError:
            return
        if not data:
            raise EOFError
        data = self._rest + data
        whole = len(data) - len(data) % INPUT_EVENT.size
        self._rest = data[whole:]
        for seconds, microseconds, kind, code, value in INPUT_EVENT.iter_unpack(data[:whole]):
            if kind == EV_SYN and code == SYN_DROPPED:
                self._skipping = True
            elif self._skipping:
                # What is left of the packet is not to be used (Documentation/input/event-codes.rst, SYN_DROPPED).
                if kind == EV_SYN and code == SYN_REPORT:
                    self._skipping = False
                    yield Lost(self.down)
            elif kind == EV_KEY:
                yield Key(seconds * 1_000_000 + microseconds, code, value)

    def _bits(self, request: int) -> frozenset[int]:
        buffer = array.array("B", bytes(_KEY_BYTES))
        try:
            fcntl.ioctl(self.fd, request, buffer)
        except OSError:
            return frozenset()
        return frozenset(8 * i + bit for i, byte in enumerate(buffer) for bit in range(8) if byte >> bit & 1)
