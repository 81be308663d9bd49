"""Time stamps for events: UTC nanoseconds that never repeat or run backwards for a device, and who vouches for them.

The gateway's clock follows, in this order: a time server (the kernel says so), satellite receivers on its lines
(`plumbline.discipline`), either of the two as it was last heard, carried on by the monotonic clock, and, before any of them
has spoken, the wall clock that nobody vouches for. The first reference of a boot settles what was stamped before it: the
offset that `EventClock.first` then holds turns the monotonic time of those events into UTC (`corrected`).
"""

import ctypes
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Literal, NamedTuple

from msgspec import structs

from plumbline.discipline import AHEAD_OF_KNOWN_NS, EARLIEST_NS, ROLLOVER_NS, Discipline, Told
from plumbline.event import ClockReading, Event

Quality = Literal["ntp", "gps", "free"]
Source = Literal["ntp", "gps"]

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
#: `STA_UNSYNC` of adjtimex(2): the kernel's clock follows no reference.
_UNSYNCHRONISED: Final = 0x0040
_ERROR_STATE: Final = 5
#: How far ahead of a disciplined clock a device's own time may be.
AHEAD_NS: Final = 60_000_000_000
#: A reference that is silent is carried on so long; a gateway's crystal goes wrong by less than half a second meanwhile.
HOLDOVER_NS: Final = 3_600_000_000_000
#: A wall clock that lies so far behind a time that has certainly passed was not set.
UNSET_NS: Final = 600_000_000_000
#: A wall clock that moves so much against the monotonic one was set.
_STEP_NS: Final = 1_000_000_000
#: Devices whose last time is remembered; a client that invents names makes the longest silent forgotten.
_REMEMBERED: Final = 16_384


class Stamp(NamedTuple):
    """When something was captured, and how that time came about."""

    at: int
    clock: ClockReading


class Reference(NamedTuple):
    """UTC by somebody who knows it."""

    quality: Source
    offset_ns: int
    """UTC minus the monotonic clock of this boot."""
    mono_ns: int
    """When it was last heard; of the first reference of a boot: what was stamped before it is to be corrected."""


class Given(NamedTuple):
    """The last time that a device was given."""

    at: int
    mono: int
    quality: Quality


class _Now(NamedTuple):
    at: int
    quality: Quality
    unset: bool


def boot_id() -> str:
    """The kernel's id of this boot; where there is none (not Linux), a constant that never claims two boots are one."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return f"unknown-{time.time_ns() - time.monotonic_ns()}"


def monotonic_ns() -> int:
    """Nanoseconds since the boot, also those in which the gateway slept (CLOCK_BOOTTIME, where there is one)."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic_ns() if clock is None else time.clock_gettime_ns(clock)


def system_quality() -> Quality:
    """Ask the kernel whether a time daemon disciplines its clock (adjtimex(2)); `free` where it cannot tell."""
    buffer = ctypes.create_string_buffer(512)  # struct timex, all zero: modes 0 only reads
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    except (OSError, AttributeError):
        return "free"
    status = int.from_bytes(buffer.raw[40:44], "little")  # `int status` behind `modes` and four longs
    return "ntp" if 0 <= state < _ERROR_STATE and not status & _UNSYNCHRONISED else "free"


def corrected(event: Event, boot: str, reference: Reference) -> Event | None:
    """The event with the time that its monotonic time means by the first `reference` of `boot`; `None`: nothing to correct.

    Only what nobody vouched for is corrected, and only before the reference. Of one boot and device the monotonic times
    strictly increase, so the corrected times do, whoever corrects them and in whatever order.
    """
    clock = event.clock
    if clock.quality != "free" or clock.boot != boot or clock.mono >= reference.mono_ns:
        return None
    reading = ClockReading(
        quality=reference.quality,
        boot=boot,
        mono=clock.mono,
        original=event.at if clock.original is None else clock.original,
    )
    return structs.replace(event, at=max(clock.mono + reference.offset_ns, 0), clock=reading)


class EventClock:
    """Stamps captures of one gateway.

    Args:
        wall_ns: UTC in nanoseconds since 1970.
        mono_ns: the monotonic clock in nanoseconds.
        quality: who disciplines the wall clock now; asked at most once in ten seconds of monotonic time, and when it is set.
        boot: the id of this boot.
    """

    _ASK_EVERY_NS: Final = 10_000_000_000

    def __init__(
        self,
        *,
        wall_ns: Callable[[], int] = time.time_ns,
        mono_ns: Callable[[], int] = monotonic_ns,
        quality: Callable[[], Quality] = system_quality,
        boot: str | None = None,
    ) -> None:
        self._wall_ns = wall_ns
        self._mono_ns = mono_ns
        self._ask = quality
        self.boot = boot if boot is not None else boot_id()
        self.first: Reference | None = None
        """The first reference of this boot."""
        self.reference: Reference | None = None
        """The newest one."""
        self.gave_free = False
        """Somebody was given a time that nobody vouches for, before the first reference."""
        self._discipline = Discipline()
        self._floor: tuple[int, int] | None = None
        self._earliest = 0
        self._ahead = ROLLOVER_NS
        self._quality: Quality = "free"
        self._asked: tuple[int, int] | None = None
        self._last: OrderedDict[str, Given] = OrderedDict()
        self._told: OrderedDict[str, tuple[int, int]] = OrderedDict()

    # What is known before the first stamp.

    def passed(self, utc_ns: int, *, known: bool = False) -> None:
        """It is certainly later than `utc_ns` now, and than `EARLIEST_NS`: no earlier time is believed, whoever tells it.

        `known`: somebody who knew the time said so once, so it cannot be very much later either.
        """
        self._floor, self._earliest = (max(utc_ns, EARLIEST_NS), self._mono_ns()), EARLIEST_NS
        self._ahead = AHEAD_OF_KNOWN_NS if known else ROLLOVER_NS

    def resume(self, first: Reference) -> None:
        """An earlier process of this boot had this first reference."""
        if self.first is None:
            self.first = self.reference = first
            self._settle(first)

    def remember(self, events: Iterable[Event]) -> None:
        """What earlier processes and boots gave: the next time of each device is later.

        A time that a device told may be any, and so may one that nobody vouched for in another boot: those do not count,
        unless they are times that had certainly passed.
        """
        floor = self.floor()
        for event in events:
            clock, ours = event.clock, event.clock.boot == self.boot
            if clock.quality != "free":
                usual = None if not ours else self.first and clock.mono + self.first.offset_ns
                counts = event.at <= floor + UNSET_NS if not ours else usual is not None and abs(event.at - usual) <= AHEAD_NS
            else:
                counts = ours or clock.unset
            last = self._last.get(event.device)
            if counts and (last is None or event.at > last.at):
                mono = max(clock.mono if ours else -1, -1 if last is None else last.mono)
                self._keep(event.device, Given(event.at, mono, clock.quality))

    # References.

    def observe(self, receiver: str, told_ns: int, heard_ns: int) -> None:
        """A live satellite receiver told the UTC time `told_ns`; it was heard at `heard_ns` of the monotonic clock."""
        self._discipline.observe(receiver, told_ns, heard_ns)

    def look(self) -> Reference | None:
        """Look who knows the time now, and return the newest reference; called by every stamp, and by whoever waits for one."""
        self._look(self._mono_ns(), self._wall_ns())
        return self.reference

    def _look(self, mono: int, wall: int) -> None:
        asked = self._asked
        if (
            asked is None
            or mono - asked[0] >= self._ASK_EVERY_NS
            or abs(wall - mono - asked[1]) > _STEP_NS  # somebody set it: perhaps it is right now, or wrong
        ):
            self._quality, self._asked = self._ask(), (mono, wall - mono)
        if self._quality == "ntp" and wall >= self._earliest:
            self._adopt(Reference("ntp", wall - mono, mono))
            return
        told = self._told_now(mono, wall)
        if told is not None and (self.reference is None or told.mono_ns >= self.reference.mono_ns):
            self._adopt(Reference("gps", told.offset_ns, told.mono_ns))

    def _adopt(self, reference: Reference) -> None:
        self.reference = reference
        if self.first is None:
            free = [given.mono for given in self._last.values() if given.quality == "free"]
            self.first = reference._replace(mono_ns=max([self._mono_ns(), *(mono + 1 for mono in free)]))
            self._settle(self.first)

    def _settle(self, first: Reference) -> None:
        """What was given before the first reference is corrected wherever it lies; what comes next is later than that."""
        for device, given in self._last.items():
            if given.quality == "free" and given.mono < first.mono_ns:
                self._last[device] = Given(given.mono + first.offset_ns, given.mono, first.quality)

    # What time it is.

    def floor(self, mono: int | None = None) -> int:
        """A time that has certainly passed."""
        if self._floor is None:
            return 0
        since = (self._mono_ns() if mono is None else mono) - self._floor[1]
        return self._floor[0] + max(since, 0)

    @property
    def gps_offset_ns(self) -> int | None:
        """How far the wall clock is ahead of what satellites say; `None` where none say anything that can be believed."""
        mono, wall = self._mono_ns(), self._wall_ns()
        told = self._told_now(mono, wall)
        return None if told is None else wall - mono - told.offset_ns

    def _told_now(self, mono: int, wall: int) -> Told | None:
        before = None if self.reference is None else self.reference.offset_ns
        return self._discipline.told(mono, wall_ns=wall, floor_ns=self.floor(mono), ahead_ns=self._ahead, before=before)

    def mono(self) -> int:
        """The monotonic clock, ns."""
        return self._mono_ns()

    def now(self) -> _Now:
        """UTC as well as it is known, who vouches for it, and whether the clock is evidently not set."""
        mono, wall = self._mono_ns(), self._wall_ns()
        self._look(mono, wall)
        return self._now(mono, wall)

    def _now(self, mono: int, wall: int) -> _Now:
        reference = self.reference
        if reference is not None:
            held = mono - reference.mono_ns
            return _Now(mono + reference.offset_ns, reference.quality if held <= HOLDOVER_NS else "free", unset=False)
        floor = self.floor(mono)
        return _Now(wall, "free", unset=False) if wall >= floor - UNSET_NS else _Now(floor, "free", unset=True)

    def stamp(self, device: str, told_ns: int | None = None, told_by: Source = "gps") -> Stamp:
        """Stamp a capture of `device` taken now; `told_ns` is the device's own UTC time, where it gave one.

        By the gateway's clock, `at` is strictly greater than every earlier one of the same device, and so is its monotonic
        time: where the clock stands still or jumped back, `at` is the last one plus a nanosecond until the clock has passed
        it again, and nobody vouches for it while it is more than a second wrong.

        A told time is kept as it is, also one from before the last: a phone sends what it could not send in any order. The
        same one again is a nanosecond later. One that lies more than a minute ahead of a clock that somebody disciplines is
        the device's mistake: then the gateway's clock counts.
        """
        mono, wall = self._mono_ns(), self._wall_ns()
        self._look(mono, wall)
        now = self._now(mono, wall)
        if told_ns is not None and now.quality != "free" and told_ns > now.at + AHEAD_NS:
            told_ns = None
        if told_ns is not None:
            return Stamp(self._told_at(device, told_ns), ClockReading(quality=told_by, boot=self.boot, mono=mono))
        last = self._last.get(device)
        at = max(now.at, 0) if last is None else max(now.at, last.at + 1, 0)
        mono = mono if last is None else max(mono, last.mono + 1)
        quality: Quality = now.quality if at - now.at <= _STEP_NS else "free"
        self._keep(device, Given(at, mono, quality))
        self.gave_free = self.gave_free or self.first is None
        return Stamp(at, ClockReading(quality=quality, boot=self.boot, mono=mono, unset=now.unset))

    def _told_at(self, device: str, told_ns: int) -> int:
        before, given = self._told.get(device, (None, 0))
        at = given + 1 if before == told_ns else max(told_ns, 0)
        self._told[device] = told_ns, at
        self._told.move_to_end(device)
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        return at

    def _keep(self, device: str, given: Given) -> None:
        self._last[device] = given
        self._last.move_to_end(device)
        if len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)
