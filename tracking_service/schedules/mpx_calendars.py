"""The base calendars of an MPX file: records 20 (the week), 25 (hours of a weekday) and 26 (exceptions)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tracking_service.schedules.calendars import WEEK, Calendar, Exceptional, Shifts, shifts, usual
from tracking_service.schedules.fields import clock_minutes

_DEFAULT: Final = "2"


@dataclass(slots=True)
class _Base:
    week: frozenset[int]
    hours: dict[int, Shifts] = field(default_factory=dict[int, Shifts])
    exceptions: list[Exceptional] = field(default_factory=list[Exceptional])


class Calendars:
    """The calendars of a file while its records come; a record that cannot be read raises `ValueError` and changes nothing.

    Args:
        date: how the file's dates are read; nothing where none stands.
    """

    def __init__(self, date: Callable[[str], datetime | None]) -> None:
        self._date = date
        self._found: dict[str, _Base] = {}
        self._open: _Base | None = None
        self.am, self.pm = "am", "pm"
        """The words for the halves of the day."""

    def take(self, record: str, fields: Sequence[str]) -> None:
        """Take a record; hours and exceptions belong to the calendar before them."""
        if record == "20":
            told = {(place + 5) % 7 + 1: each for place, each in enumerate(fields[1:8], 1)}
            week = {day for day, each in told.items() if each == "1" or (each == _DEFAULT and day in WEEK)}
            self._open = self._found[fields[0] if fields else ""] = _Base(frozenset(week))
        elif self._open is None:
            raise ValueError("belongs to no calendar")
        elif record == "25" and fields and fields[0].isdecimal():
            self._open.hours[(int(fields[0]) + 5) % 7 + 1] = self._shifts(fields[1:])
        elif record == "26":
            first = self._date(fields[0] if fields else "")
            last = self._date(fields[1] if len(fields) > 1 else "") or first
            if first is None or last is None or last < first:
                raise ValueError("has no period")
            self._open.exceptions.append(Exceptional(first.date(), last.date(), fields[2:3] == ["1"]))

    def made(self, minutes: float) -> dict[str, Calendar]:
        """The calendars, by name; `minutes`: what a day is reckoned to have."""
        return {
            name: Calendar(
                name,
                name,
                minutes,
                base.week or WEEK,
                usual(times for day, times in base.hours.items() if day in base.week),
                tuple(base.exceptions),
            )
            for name, base in self._found.items()
        }

    def _shifts(self, fields: Sequence[str]) -> Shifts:
        times = [clock_minutes(each, self.am, self.pm) for each in fields]
        pairs = zip(times[::2], times[1::2], strict=False)
        return shifts((begin, end) for begin, end in pairs if begin is not None and end is not None)
