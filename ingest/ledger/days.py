"""A site's days: midnight to midnight in its IANA zone, also where daylight saving time makes them 23 or 25 hours long.

The day of a time is the date that the site's wall clock shows then. Where clocks go back across midnight (Newfoundland, until
2011, one minute past it) a date is shown, left, and shown again: each time has the date that it is shown with.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_NS: Final = 1_000_000_000
_DAY_S: Final = 86_400
_EPOCH: Final = date(1970, 1, 1).toordinal()
_HOURS: Final = tuple(range(0, _DAY_S, 3600))
#: UTC days whose offset is remembered; times are told by gateways and may lie anywhere.
_REMEMBERED: Final = 1000


class SiteDays:
    """Tells the site-local day of a time; remembers the last span without a change of date, since most events fall into it."""

    def __init__(self, timezone: str = "UTC") -> None:
        self._zone = UTC if timezone == "UTC" else ZoneInfo(timezone)
        self._start, self._end, self._day = 0, 0, ""
        self._offsets: dict[int, int | None] = {}

    def day(self, at_ns: int) -> str:
        """The ISO date of a time (UTC, ns since 1970) on the site's calendar."""
        if self._start <= at_ns < self._end:
            return self._day
        second = at_ns // _NS
        utc_day = second // _DAY_S
        offset = self._offset(utc_day)
        if offset is None:
            return datetime.fromtimestamp(second, self._zone).date().isoformat()
        local_day = (second + offset) // _DAY_S
        midnight = local_day * _DAY_S - offset
        self._start = max(midnight, utc_day * _DAY_S) * _NS
        self._end = min(midnight + _DAY_S, (utc_day + 1) * _DAY_S) * _NS
        self._day = date.fromordinal(_EPOCH + local_day).isoformat()
        return self._day

    def shared(self, first_ns: int, last_ns: int) -> str | None:
        """The day of all times from the first to the last; `None`: they have no one day, or clocks are changed in between."""
        if last_ns < self._end and first_ns >= self._start:
            return self._day
        day = self.day(first_ns)
        if day != self.day(last_ns):
            return None
        offset = self._offset(first_ns // _NS // _DAY_S)
        return day if offset is not None and offset == self._offset(last_ns // _NS // _DAY_S) else None

    def _offset(self, utc_day: int) -> int | None:
        """Seconds that the site is ahead of UTC all through that day of UTC; `None` where clocks are changed in it."""
        if utc_day in self._offsets:
            return self._offsets[utc_day]
        if len(self._offsets) > _REMEMBERED:
            self._offsets.clear()
        start = utc_day * _DAY_S
        seen = {self._ahead(start + second) for second in (*_HOURS, _DAY_S - 1)}
        self._offsets[utc_day] = offset = seen.pop() if len(seen) == 1 else None
        return offset

    def _ahead(self, second: int) -> int:
        ahead = datetime.fromtimestamp(second, self._zone).utcoffset() or timedelta()
        return ahead.days * _DAY_S + ahead.seconds
