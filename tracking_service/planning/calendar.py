"""Working days ↔ UTC: on which days of a site work is done, in its own time zone (a day begins and ends by the site's clock)."""

from collections.abc import Collection
from datetime import date, datetime, timedelta, tzinfo
from typing import Final, Literal

_SECOND: Final = 1_000_000_000
#: Days that lie so close to whole ones are whole (a ten-thousandth of a second).
_EXACT: Final = 1e-9
#: What lies further away than this (working days) counts as that far: nanoseconds end in the year 2262.
_FAR: Final = 10_000
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
#: In the order of ISO 8601, Monday first.
WEEKDAYS: Final[tuple[Weekday, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Calendar:
    """Counts working days since `origin`'s day, parts of a day among them.

    A moment on a day without work counts as the start of the next working day. A day is as long as it is on that date (23 or
    25 hours where the clocks change), so that whole days stay whole.

    Args:
        zone: the site's.
        origin: UTC, ns; day 0.0 is the start of its local day, or of the next on which work is done.
        workdays: when work is done; empty: every day.
        holidays: local dates without work.
    """

    def __init__(self, zone: tzinfo, origin: int, workdays: Collection[Weekday] = (), holidays: Collection[date] = ()) -> None:
        self._zone = zone
        self._works = [not workdays or name in workdays for name in WEEKDAYS]
        self._week = sum(self._works)
        self._holidays = sorted({day for day in holidays if self._works[day.weekday()]})
        self._first = self._local(origin).date()

    def day(self, at: int) -> float:
        """A moment (UTC, ns) as working days since the origin; negative before it."""
        local = self._local(at)
        whole = float(self._count(local.date()))
        if not self._is_work(local.date()):
            return whole
        start, end = self._midnight(local.date()), self._midnight(local.date() + timedelta(1))
        return whole + (at - start) / (end - start)

    def at(self, day: float) -> int:
        """The moment (UTC, ns) at which work begins that so many working days lie before."""
        day = max(-_FAR, min(_FAR, day))
        whole = int(day // 1)
        part = day - whole
        local = self._date(whole)
        start, end = self._midnight(local), self._midnight(local + timedelta(1))
        return start + round(part * (end - start))

    def end(self, day: float) -> int:
        """The moment (UTC, ns) at which so many working days are over: whole ones end with their last day, not after a weekend."""
        whole = round(max(-_FAR, min(_FAR, day)))
        if abs(day - whole) > _EXACT:
            return self.at(day)
        return self._midnight(self._date(whole - 1) + timedelta(1))

    def _local(self, at: int) -> datetime:
        return datetime.fromtimestamp(at // _SECOND, self._zone)

    def _midnight(self, day: date) -> int:
        return int(datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp()) * _SECOND

    def _is_work(self, day: date) -> bool:
        return self._works[day.weekday()] and day not in self._holidays

    def _count(self, day: date) -> int:
        """Working days from the origin's day to before this one."""
        if day < self._first:
            return -self._between(day, self._first)
        return self._between(self._first, day)

    def _between(self, first: date, behind: date) -> int:
        weeks, rest = divmod((behind - first).days, 7)
        count = weeks * self._week + sum(self._works[(first.weekday() + n) % 7] for n in range(rest))
        return count - sum(first <= holiday < behind for holiday in self._holidays)

    def _date(self, count: int) -> date:
        """The working day before which so many working days lie."""
        day = self._first + timedelta(count * 7 // self._week)
        while ahead := count - self._count(day):
            day += timedelta(ahead)  # a day counts for one at most, so this never goes too far
        while not self._is_work(day):
            day += timedelta(1)
        return day
