"""When a notice may go out: quiet hours, the hour of a digest, the weekly report's; all by a person's own clock.

Times are UTC nanoseconds, hours of the day are minutes since midnight as the clock on the wall shows them. On a day on which
that clock is put forward over an hour, what falls into the gap happens an hour later by the new time; where an hour comes
twice, its first turn counts.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, NamedTuple

_SECOND: Final = 1_000_000_000
_DAY: Final = timedelta(days=1)


class Quiet(NamedTuple):
    """From when until when a person is left in peace; `start` after `end` spans midnight."""

    start: int
    end: int

    def over_at(self, now: int, zone: tzinfo) -> int | None:
        """When the quiet hours that hold at `now` end; `None`: they do not hold."""
        if self.start == self.end:
            return None
        today = _local(now, zone).date()
        for day in (today - _DAY, today):
            begin = _at(day, self.start, zone)
            end = _at(day if self.start < self.end else day + _DAY, self.end, zone)
            if begin <= now < end:
                return end
        return None


def next_daily(now: int, minute: int, zone: tzinfo) -> int:
    """The next time, after `now`, at which the clock shows `minute`."""
    today = _local(now, zone).date()
    at = _at(today, minute, zone)
    return at if at > now else _at(today + _DAY, minute, zone)


def last_weekly(now: int, weekday: int, minute: int, zone: tzinfo) -> int:
    """The newest time, at most `now`, that was a `weekday` (1 is Monday, ISO 8601) at `minute`."""
    today = _local(now, zone).date()
    day = today - timedelta(days=(today.isoweekday() - weekday) % 7)
    at = _at(day, minute, zone)
    return at if at <= now else _at(day - 7 * _DAY, minute, zone)


def day_of(at: int, zone: tzinfo) -> date:
    """The date that a calendar in `zone` shows."""
    return _local(at, zone).date()


def _local(at: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(at // _SECOND, UTC).astimezone(zone)


def _at(day: date, minute: int, zone: tzinfo) -> int:
    shown = datetime.combine(day, time(minute // 60, minute % 60), zone)  # fold=0: the first of two, and past a gap
    return int(shown.timestamp()) * _SECOND
