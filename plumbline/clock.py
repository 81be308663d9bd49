"""Time stamps for events: UTC nanoseconds that never repeat or run backwards for a device, and who vouches for them."""

import ctypes
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, NamedTuple

from plumbline.event import ClockReading

Quality = Literal["ntp", "gps", "free"]

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
#: `STA_UNSYNC` of adjtimex(2): the kernel's clock follows no reference.
_UNSYNCHRONISED: Final = 0x0040
_ERROR_STATE: Final = 5


class Stamp(NamedTuple):
    """When something was captured, and how that time came about."""

    at: int
    clock: ClockReading


def boot_id() -> str:
    """The kernel's id of this boot; where there is none (not Linux), a constant that never claims two boots are one."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return f"unknown-{time.time_ns() - time.monotonic_ns()}"


def system_quality() -> Quality:
    """Ask the kernel whether a time daemon disciplines its clock (adjtimex(2)); `free` where it cannot tell."""
    buffer = ctypes.create_string_buffer(512)  # struct timex, all zero: modes 0 only reads
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    except (OSError, AttributeError):
        return "free"
    status = int.from_bytes(buffer.raw[40:44], "little")  # `int status` behind `modes` and four longs
    return "ntp" if 0 <= state < _ERROR_STATE and not status & _UNSYNCHRONISED else "free"


class EventClock:
    """Stamps captures of one gateway.

    Args:
        wall_ns: UTC in nanoseconds since 1970.
        mono_ns: the monotonic clock in nanoseconds.
        quality: who disciplines the wall clock now; asked at most once in ten seconds of monotonic time.
        boot: the id of this boot.
    """

    _ASK_EVERY_NS: Final = 10_000_000_000

    def __init__(
        self,
        *,
        wall_ns: Callable[[], int] = time.time_ns,
        mono_ns: Callable[[], int] = time.monotonic_ns,
        quality: Callable[[], Quality] = system_quality,
        boot: str | None = None,
    ) -> None:
        self._wall_ns = wall_ns
        self._mono_ns = mono_ns
        self._ask = quality
        self._boot = boot if boot is not None else boot_id()
        self._quality: Quality = "free"
        self._asked_ns: int | None = None
        self._last: dict[str, int] = {}

    def stamp(self, device: str, told_ns: int | None = None, told_by: Literal["gps", "ntp"] = "gps") -> Stamp:
        """Stamp a capture of `device` taken now; `told_ns` is the device's own UTC time, where it gave one.

        `at` is strictly greater than every earlier `at` of the same device: where the clock stands still or jumped back, it
        is the last one plus a nanosecond, until the clock has passed it again.
        """
        mono = self._mono_ns()
        if self._asked_ns is None or mono - self._asked_ns >= self._ASK_EVERY_NS:
            self._quality, self._asked_ns = self._ask(), mono
        wall, quality = (self._wall_ns(), self._quality) if told_ns is None else (told_ns, told_by)
        at = max(wall, self._last.get(device, -1) + 1, 0)
        self._last[device] = at
        return Stamp(at, ClockReading(quality=quality, boot=self._boot, mono=mono))
