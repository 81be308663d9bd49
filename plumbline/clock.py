"""Time stamps for events: UTC nanoseconds that never repeat or run backwards for a device, and who vouches for them."""

import ctypes
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, NamedTuple

from plumbline.event import ClockReading

Quality = Literal["ntp", "gps", "free"]

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
#: `STA_UNSYNC` of adjtimex(2): the kernel's clock follows no reference.
_UNSYNCHRONISED: Final = 0x0040
_ERROR_STATE: Final = 5
#: How far ahead of a disciplined clock a device's own time may be.
AHEAD_NS: Final = 60_000_000_000
#: Devices whose last time is remembered; a client that invents names makes the longest silent forgotten.
_REMEMBERED: Final = 16_384


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
        self._last: OrderedDict[str, int] = OrderedDict()
        self._told: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def stamp(self, device: str, told_ns: int | None = None, told_by: Literal["gps", "ntp"] = "gps") -> Stamp:
        """Stamp a capture of `device` taken now; `told_ns` is the device's own UTC time, where it gave one.

        By the gateway's clock, `at` is strictly greater than every earlier one of the same device: where the clock stands
        still or jumped back, it is the last one plus a nanosecond, until the clock has passed it again.

        A told time is kept as it is, also one from before the last: a phone sends what it could not send in any order. The
        same one again is a nanosecond later. One that lies more than a minute ahead of a clock that somebody disciplines is
        the device's mistake: then the gateway's clock counts.
        """
        mono = self._mono_ns()
        if self._asked_ns is None or mono - self._asked_ns >= self._ASK_EVERY_NS:
            self._quality, self._asked_ns = self._ask(), mono
        if told_ns is not None and self._quality != "free" and told_ns > self._wall_ns() + AHEAD_NS:
            told_ns = None
        if told_ns is None:
            at = self._next(self._last, device, self._wall_ns())
            quality = self._quality
        else:
            before, given = self._told.get(device, (None, 0))
            at = given + 1 if before == told_ns else max(told_ns, 0)
            self._told[device] = told_ns, at
            self._told.move_to_end(device)
            if len(self._told) > _REMEMBERED:
                self._told.popitem(last=False)
            quality = told_by
        return Stamp(at, ClockReading(quality=quality, boot=self._boot, mono=mono))

    @staticmethod
    def _next(last: OrderedDict[str, int], device: str, wall: int) -> int:
        at = max(wall, last.get(device, -1) + 1, 0)
        last[device] = at
        last.move_to_end(device)
        if len(last) > _REMEMBERED:
            last.popitem(last=False)
        return at
