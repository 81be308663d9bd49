"""When work is done by a planning file's calendar: its week, its hours, its days that are otherwise than their weekday."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

#: What a working day has where a file does not say.
MINUTES_PER_DAY: Final = 480.0
#: ISO 8601 weekdays, 1 is Monday: what is taken where a calendar does not say.
WEEK: Final = frozenset({1, 2, 3, 4, 5})
_DAY: Final = 1_440
#: Calendars stand on each other so deep; planning programs know two or three floors.
MAX_BASES: Final = 16
#: So many steps are made through the exceptions of a file's calendars: a hundred years day by day, many times.
_STEPS: Final = 1_000_000

#: From when until when work is done on a day, in minutes since its midnight, in order of time.
Shifts = tuple[tuple[int, int], ...]


def shifts(told: Iterable[tuple[int, int]]) -> Shifts:
    """The times of a day put in order, those without length left out, those that touch made one; an end at 0 is midnight."""
    made: list[tuple[int, int]] = []
    for begin, told_end in sorted(told):
        end = told_end or _DAY
        if not 0 <= begin < end <= _DAY:
            continue
        if made and begin <= made[-1][1]:
            made[-1] = (made[-1][0], max(end, made[-1][1]))
        else:
            made.append((begin, end))
    return tuple(made)


def usual(days: Iterable[Shifts]) -> Shifts:
    """The times that most working days have; nothing where none tells its times."""
    found = Counter(each for each in days if each)
    return max(found, key=lambda each: (found[each], each)) if found else ()


@dataclass(frozen=True, slots=True)
class Exceptional:
    """Days on which work is done, or is not, whatever their weekday: from one to another, or again and again."""

    first: date
    last: date
    working: bool
    every: int = 1
    """Each day, or each second, third …; with `weekdays` weeks, with `day` or `position` months, with `month` years."""
    weekdays: frozenset[int] = frozenset()
    """Only these, ISO 8601."""
    day: int = 0
    """The day of the month."""
    position: int = 0
    """Of the weekdays in the month: 1 the first … 5 the last; with none of `weekdays` of all days."""
    month: int = 0
    """Only in this month."""
    times: int = 0
    """At most so often; 0: until `last`."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """A calendar of a planning file."""

    uid: str
    name: str
    minutes_per_day: float = MINUTES_PER_DAY
    """What the program reckons a day to be."""
    weekdays: frozenset[int] = WEEK
    """ISO 8601 weekdays on which work is done: 1 is Monday."""
    shifts: Shifts = ()
    """The times of a usual working day; nothing where the file does not tell them."""
    exceptions: Sequence[Exceptional] = field(default=())
    """The later ones hold."""
    base: str | None = None
    """Its exceptions hold here too, under those of this one."""

    @property
    def day(self) -> float:
        """How many minutes of work a working day has."""
        return float(sum(end - begin for begin, end in self.shifts)) or self.minutes_per_day


class Reach:
    """Looks days up between two dates, in so many steps that no file can make it long.

    Args:
        calendars: of the file, by uid.
        first: nothing before this is looked for.
        last: nothing after this.
    """

    def __init__(self, calendars: Mapping[str, Calendar], first: date, last: date) -> None:
        self._calendars = calendars
        self._first = first
        self._last = last
        self._left = _STEPS

    @property
    def exhausted(self) -> bool:
        """Not all exceptions could be followed: there are too many."""
        return self._left <= 0

    def exceptions(self, calendar: Calendar) -> Mapping[date, bool]:
        """The days that are otherwise than their weekday, in order of time, and whether work is done on them."""
        found: dict[date, bool] = {}
        for each in reversed(self._line(calendar)):
            for exceptional in each.exceptions:
                found |= dict.fromkeys(self._days(exceptional), exceptional.working)
        return {day: found[day] for day in sorted(found) if found[day] != (day.isoweekday() in calendar.weekdays)}

    def _line(self, calendar: Calendar) -> Sequence[Calendar]:
        """The calendar, its base, the base of that …; one that is its own base ends there, and what lies too deep is not seen."""
        line = [calendar]
        uids = {calendar.uid}
        while len(line) < MAX_BASES and (base := self._calendars.get(line[-1].base or "")) is not None and base.uid not in uids:
            line.append(base)
            uids.add(base.uid)
        return line

    def _days(self, what: Exceptional) -> Iterable[date]:
        last = min(what.last, self._last)
        if last < self._first:
            return
        count = 0
        for day in _told(what, last, self._first if not what.times else what.first):
            self._left -= 1
            if self._left <= 0:
                return
            if day is None:
                continue
            count += 1
            if what.times and count > what.times:
                return
            if day >= self._first:
                yield day


def _told(what: Exceptional, last: date, since: date) -> Iterable[date | None]:
    """The days up to the last; nothing for a step that leads to none. Before `since` none is needed."""
    if what.day or what.position:
        yield from _by_month(what, last)
        return
    step = max(1, what.every)
    day = what.first
    if not what.weekdays:
        if since > day:
            day += timedelta(-(-(since - day).days // step) * step)
        while day <= last:
            yield day
            day += timedelta(step)
        return
    monday = day - timedelta(day.weekday())
    if since > day:
        monday += timedelta((since - monday).days // (7 * step) * 7 * step)
    while monday <= last:
        for weekday in sorted(what.weekdays):
            day = monday + timedelta(weekday - 1)
            yield day if what.first <= day <= last else None
        monday += timedelta(7 * step)


def _by_month(what: Exceptional, last: date) -> Iterable[date | None]:
    step = 12 if what.month else max(1, what.every)
    number = what.first.year * 12 + ((what.month or what.first.month) - 1)
    while number // 12 <= last.year:
        begin = date(number // 12, number % 12 + 1, 1)
        day = _of_month(what, begin)
        yield day if day is not None and what.first <= day <= last else None
        number += step


def _of_month(what: Exceptional, begin: date) -> date | None:
    """The day that is meant of a month, where it has one."""
    length = ((begin + timedelta(31)).replace(day=1) - begin).days
    if what.day:
        return begin.replace(day=what.day) if what.day <= length else None
    days = [
        day
        for day in (begin + timedelta(each) for each in range(length))
        if not what.weekdays or day.isoweekday() in what.weekdays
    ]
    if what.position > 4:
        return days[-1]
    return days[what.position - 1]
