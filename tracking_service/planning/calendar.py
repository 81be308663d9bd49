"""Working days ↔ UTC: on which days of a site work is done, in its own time zone (a day begins and ends by the site's clock)."""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import Final, Literal

_SECOND: Final = 1_000_000_000
#: Days that lie so close to whole ones are whole (a ten-thousandth of a second).
_EXACT: Final = 1e-9
#: What lies further away than this (working days) counts as that far: nanoseconds end in the year 2262.
_FAR: Final = 10_000
#: Minutes.
_DAY: Final = 1_440
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
#: In the order of ISO 8601, Monday first.
WEEKDAYS: Final[tuple[Weekday, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Calendar:
    """Counts working days since `origin`'s day, parts of a day among them.

    A moment without work counts as the next at which work is done. A day is as long as its hours; without these as it is on that
    date (23 or 25 hours where the clocks change), so that whole days stay whole.

    Args:
        zone: the site's.
        origin: UTC, ns; day 0.0 is the start of its local day, or of the next on which work is done.
        workdays: when work is done; empty: every day.
        holidays: local dates without work.
        extra: local dates with work, whatever their weekday.
        hours: from when until when, in order of time, for example `08:00-12:00`; empty: the whole day.
    """

    def __init__(
        self,
        zone: tzinfo,
        origin: int,
        workdays: Collection[Weekday] = (),
        holidays: Collection[date] = (),
        *,
        extra: Collection[date] = (),
        hours: Sequence[str] = (),
    ) -> None:
        self._zone = zone
        self._works = [not workdays or name in workdays for name in WEEKDAYS]
        self._week = sum(self._works)
        self._free = frozenset(day for day in holidays if self._works[day.weekday()])
        self._more = frozenset(day for day in extra if not self._works[day.weekday()])
        self._holidays, self._extra = sorted(self._free), sorted(self._more)
        self._shifts = [_minutes(each) for each in hours]
        self._length = sum(end - begin for begin, end in self._shifts)
        self._first = self._local(origin).date()

    def day(self, at: int) -> float:
        """A moment (UTC, ns) as working days since the origin; negative before it."""
        local = self._local(at)
        whole = float(self._count(local.date()))
        if not self._is_work(local.date()):
            return whole
        if self._shifts:
            seconds = local.hour * 3600 + local.minute * 60 + local.second + at % _SECOND / _SECOND
            return whole + self._worked(seconds / 60) / self._length
        start, end = self._midnight(local.date()), self._midnight(local.date() + timedelta(1))
        return whole + (at - start) / (end - start)

    def at(self, day: float) -> int:
        """The moment (UTC, ns) at which work begins that so many working days lie before."""
        day = max(-_FAR, min(_FAR, day))
        whole = int(day // 1)
        part = day - whole
        local = self._date(whole)
        if self._shifts:
            return self._clock(local, self._minute(part * self._length))
        start, end = self._midnight(local), self._midnight(local + timedelta(1))
        return start + round(part * (end - start))

    def end(self, day: float) -> int:
        """The moment (UTC, ns) at which so many working days are over: whole ones end with their last day, not after a weekend."""
        whole = round(max(-_FAR, min(_FAR, day)))
        if abs(day - whole) > _EXACT:
            return self._end_of_part(day)
        last = self._date(whole - 1)
        return self._clock(last, self._shifts[-1][1]) if self._shifts else self._midnight(last + timedelta(1))

    def _end_of_part(self, day: float) -> int:
        """A part that ends with a shift ends there, not after the pause."""
        if not self._shifts:
            return self.at(day)
        whole = int(day // 1)
        return self._clock(self._date(whole), self._minute((day - whole) * self._length, ends=True))

    def _worked(self, minute: float) -> float:
        """Minutes of work up to a minute of the day."""
        return sum(min(max(minute, begin), end) - begin for begin, end in self._shifts)

    def _minute(self, worked: float, *, ends: bool = False) -> float:
        """The minute of the day before which so many minutes of work lie."""
        for begin, end in self._shifts:
            length = end - begin
            if worked < length - _EXACT * 60 or (ends and worked <= length + _EXACT * 60):
                return begin + worked
            worked = max(0.0, worked - length)
        return self._shifts[-1][1]

    def _clock(self, day: date, minute: float) -> int:
        """A minute of a day by the clock on the wall (UTC, ns)."""
        if minute >= _DAY:
            return self._midnight(day + timedelta(1))
        whole = int(minute)
        at = datetime(day.year, day.month, day.day, whole // 60, whole % 60, tzinfo=self._zone)
        return int(at.timestamp()) * _SECOND + round((minute - whole) * 60 * _SECOND)

    def _local(self, at: int) -> datetime:
        return datetime.fromtimestamp(at // _SECOND, self._zone)

    def _midnight(self, day: date) -> int:
        return int(datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp()) * _SECOND

    def _is_work(self, day: date) -> bool:
        return day not in self._free if self._works[day.weekday()] else day in self._more

    def _count(self, day: date) -> int:
        """Working days from the origin's day to before this one."""
        if day < self._first:
            return -self._between(day, self._first)
        return self._between(self._first, day)

    def _between(self, first: date, behind: date) -> int:
        weeks, rest = divmod((behind - first).days, 7)
        count = weeks * self._week + sum(self._works[(first.weekday() + n) % 7] for n in range(rest))
        return count - _within(self._holidays, first, behind) + _within(self._extra, first, behind)

    def _date(self, count: int) -> date:
        """The working day before which so many working days lie."""
        day = self._first + timedelta(count * 7 // self._week)
        while ahead := count - self._count(day):
            day += timedelta(ahead)  # a day counts for one at most, so this never goes too far
        while not self._is_work(day):
            day += timedelta(1)
        return day


def _minutes(hours: str) -> tuple[int, int]:
    begin, _, end = hours.partition("-")
    return _minute_of(begin), _minute_of(end)


def _minute_of(clock: str) -> int:
    hour, _, minute = clock.partition(":")
    return int(hour) * 60 + int(minute)


def _within(days: Sequence[date], first: date, behind: date) -> int:
    return bisect_left(days, behind) - bisect_left(days, first)
