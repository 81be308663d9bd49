"""`clndr_data` of Primavera's XER: weekdays with their shifts, and days that are otherwise.

    (0||CalendarData()((0||DaysOfWeek()((0||1()())(0||2()((0||0(s|08:00|f|12:00)())(0||1(s|13:00|f|17:00)())))…))
    (0||Exceptions()((0||0(d|43650)())(0||1(d|43651)((0||0(s|08:00|f|16:00)())))…)))

Weekdays count from Sunday, days from 1899-12-30; a day without shifts is free.
"""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple

from tracking_service.schedules.calendars import WEEK, Exceptional, Shifts, shifts, usual
from tracking_service.schedules.fields import clock_minutes

_WEEK: Final = re.compile(r"DaysOfWeek\s*\(\s*\)")
#: A weekday or a day, or a shift of the one before.
_PART: Final = re.compile(
    r"\(\s*0\|\|\s*(?:(?P<weekday>[1-7])\s*\(\s*\)|\d{1,9}\s*\(\s*(?:d\|(?P<day>\d{1,6})"
    r"|(?:s\|(?P<start>\d{1,2}:\d{2})\|f\|(?P<finish>\d{1,2}:\d{2})|f\|(?P<end>\d{1,2}:\d{2})\|s\|(?P<begin>\d{1,2}:\d{2})))\s*\))"
)
_EPOCH: Final = date(1899, 12, 30)
#: Days from 1900 to 2200.
_DAYS: Final = range(2, 109_938)


class Told(NamedTuple):
    """What a calendar's data says."""

    weekdays: frozenset[int]
    shifts: Shifts
    exceptions: Sequence[Exceptional]


def told(data: str) -> Told | None:
    """Read a calendar's data; nothing where it is damaged."""
    text = data.replace("\x7f", " ")  # P6 keeps line ends so
    week = _WEEK.search(text)
    if week is None:
        return None
    end = text.find("Exceptions", week.end())
    split = end if end >= 0 else len(text)
    days = dict(_days(text, week.end(), split, "weekday"))
    working = {(day + 5) % 7 + 1: times for day, times in days.items() if times}
    exceptions = [
        Exceptional(day, day, bool(times))
        for serial, times in _days(text, split, len(text), "day")
        if serial in _DAYS
        for day in (_EPOCH + timedelta(serial),)
    ]
    return Told(frozenset(working) or WEEK, usual(shifts(each) for each in working.values()), exceptions)


def _days(text: str, begin: int, end: int, group: str) -> Sequence[tuple[int, list[tuple[int, int]]]]:
    """Each day with its shifts."""
    found: list[tuple[int, list[tuple[int, int]]]] = []
    for part in _PART.finditer(text, begin, end):
        if part[group] is not None:
            found.append((int(part[group]), []))
        elif found and (part["start"] or part["begin"]):
            try:
                start = clock_minutes(part["start"] or part["begin"])
                finish = clock_minutes(part["finish"] or part["end"])
            except ValueError:
                continue
            found[-1][1].append((start or 0, finish or 0))
    return found
