"""A site's days: midnight to midnight in its IANA zone, also where daylight saving time makes them 23 or 25 hours long."""

from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_NS: Final = 1_000_000_000


class SiteDays:
    """Tells the site-local day of a time; remembers the last day's bounds, since most events fall into it."""

    def __init__(self, timezone: str = "UTC") -> None:
        self._zone = UTC if timezone == "UTC" else ZoneInfo(timezone)
        self._start, self._end, self._day = 0, 0, ""

    def day(self, at_ns: int) -> str:
        """The ISO date of a time (UTC, ns since 1970) on the site's calendar."""
        if not self._start <= at_ns < self._end:
            date = datetime.fromtimestamp(at_ns // _NS, self._zone).date()
            self._start = self._midnight(datetime.combine(date, time.min, self._zone))
            self._end = self._midnight(datetime.combine(date + timedelta(days=1), time.min, self._zone))
            self._day = date.isoformat()
        return self._day

    @staticmethod
    def _midnight(at: datetime) -> int:
        return int(at.timestamp()) * _NS
