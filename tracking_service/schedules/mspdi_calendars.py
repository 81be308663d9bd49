"""The calendars of Microsoft Project's XML: base calendars, working weeks of a period, exceptions once or again and again."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Final, TypeVar

from tracking_service.schedules.calendars import MAX_BASES, WEEK, Calendar, Exceptional, Shifts, shifts, usual
from tracking_service.schedules.elements import Element
from tracking_service.schedules.fields import clock_minutes, flag, iso_time, number
from tracking_service.schedules.schedule import Remarks

T = TypeVar("T")

# fmt: off
WANTED: Final = frozenset({
    "Calendars", "Calendar", "UID", "Name", "BaseCalendarUID", "WeekDays", "WeekDay", "DayType", "DayWorking", "WorkingTimes",
    "WorkingTime", "FromTime", "ToTime", "TimePeriod", "FromDate", "ToDate", "WorkWeeks", "WorkWeek", "Exceptions", "Exception",
    "EnteredByOccurrences", "Occurrences", "Type", "Period", "DaysOfWeek", "MonthItem", "MonthPosition", "Month", "MonthDay",
})
# fmt: on
#: `WeekDay/DayType` counts from Sunday, as `MonthItem` does two further on; type 0 is a period.
_ISO_WEEKDAY: Final = {1: 7, 2: 1, 3: 2, 4: 3, 5: 4, 6: 5, 7: 6}
#: `Exception/Type`.
_YEARLY, _YEARLY_PLACE, _MONTHLY, _MONTHLY_PLACE, _WEEKLY = 2, 3, 4, 5, 6
_ALL: Final = frozenset(range(1, 8))
_WEEKEND: Final = frozenset({6, 7})


def calendars(listed: Element | None, minutes: float, remarks: Remarks) -> Mapping[str, Calendar]:
    """The calendars of `<Calendars>` by uid; what cannot be read of one is left out, with a remark."""
    elements = {each.get("UID"): each for each in listed.all("Calendar")} if listed is not None else {}
    reading = _Reading(elements, minutes, remarks)
    return {uid: reading.calendar(uid) for uid in elements}


class _Reading:
    def __init__(self, elements: Mapping[str, Element], minutes: float, remarks: Remarks) -> None:
        self._elements = elements
        self._minutes = minutes
        self._remarks = remarks
        self._days: dict[str, Mapping[int, tuple[bool, Shifts]]] = {}

    def calendar(self, uid: str) -> Calendar:
        element = self._elements[uid]
        week = self._week(uid)
        weekdays = frozenset(day for day, (working, _) in week.items() if working)
        if week and not weekdays:
            self._remarks.add("a calendar without a working weekday; Monday to Friday is taken", f"line {element.line}")
        base = element.get("BaseCalendarUID")
        return Calendar(
            uid,
            element.get("Name"),
            self._minutes,
            weekdays or WEEK,
            usual(times for working, times in week.values() if working),
            tuple(self._exceptions(element)),
            base if base in self._elements and base != uid else None,
        )

    def _week(self, uid: str) -> Mapping[int, tuple[bool, Shifts]]:
        """The weekdays that a calendar or those below it tell: whether work is done, and when."""
        line: list[str] = []
        above = uid
        while len(line) < MAX_BASES and above in self._elements and above not in line:
            line.append(above)
            above = self._elements[above].get("BaseCalendarUID")
        found: dict[int, tuple[bool, Shifts]] = {}
        for each in reversed(line):
            if each not in self._days:
                self._days[each] = self._told(self._elements[each])
            found |= self._days[each]
        return found

    def _told(self, holder: Element) -> Mapping[int, tuple[bool, Shifts]]:
        week = holder.find("WeekDays")
        found: dict[int, tuple[bool, Shifts]] = {}
        for day in week.all("WeekDay") if week is not None else ():
            weekday = _ISO_WEEKDAY.get(int(self._field(day, "DayType", number, None) or 0))
            if weekday is not None:
                found[weekday] = (flag(day.get("DayWorking")), self._shifts(day))
        return found

    def _shifts(self, day: Element) -> Shifts:
        times = day.find("WorkingTimes")
        return shifts(
            (begin, end)
            for time in (times.all("WorkingTime") if times is not None else ())
            if (begin := self._field(time, "FromTime", clock_minutes, None)) is not None
            and (end := self._field(time, "ToTime", clock_minutes, None)) is not None
        )

    def _exceptions(self, element: Element) -> Iterator[Exceptional]:
        """From the weakest to the strongest: weeks of a period, days as Project 2003 kept them, exceptions as later ones do."""
        weeks, days, exceptions = element.find("WorkWeeks"), element.find("WeekDays"), element.find("Exceptions")
        for week in weeks.all("WorkWeek") if weeks is not None else ():
            if (period := self._period(week)) is not None:
                told = self._told(week)
                for working in (True, False):
                    some = frozenset(day for day, (is_working, _) in told.items() if is_working is working)
                    if some:
                        yield Exceptional(*period, working, weekdays=some)
        for day in days.all("WeekDay") if days is not None else ():
            if day.get("DayType") == "0" and (period := self._period(day)) is not None:
                yield Exceptional(*period, flag(day.get("DayWorking")))
        for exception in exceptions.all("Exception") if exceptions is not None else ():
            if (period := self._period(exception)) is not None:
                yield from self._repeated(exception, *period)

    def _repeated(self, element: Element, first: date, last: date) -> Iterator[Exceptional]:
        def whole(tag: str, low: int, high: int) -> int:
            return int(min(max(self._field(element, tag, number, None) or 0, low), high))

        kind, every = whole("Type", 0, 9), whole("Period", 1, 10_000)
        working = flag(element.get("DayWorking"))
        times = whole("Occurrences", 0, 100_000) if flag(element.get("EnteredByOccurrences")) else 0
        month = whole("Month", 0, 11) + 1 if kind in {_YEARLY, _YEARLY_PLACE} else 0
        if kind == _WEEKLY:
            mask = whole("DaysOfWeek", 0, 127)
            days = frozenset(iso for bit, iso in _ISO_WEEKDAY.items() if mask >> (bit - 1) & 1)
            yield Exceptional(first, last, working, every, days or frozenset({first.isoweekday()}), times=times)
        elif kind in {_YEARLY, _MONTHLY}:
            day = whole("MonthDay", 0, 31) or first.day
            yield Exceptional(first, last, working, every, day=day, month=month, times=times)
        elif kind in {_YEARLY_PLACE, _MONTHLY_PLACE}:
            days = _items(whole("MonthItem", 0, 9))
            position = whole("MonthPosition", 0, 4) + 1
            yield Exceptional(first, last, working, every, days, position=position, month=month, times=times)
        else:
            yield Exceptional(first, last, working, every)

    def _period(self, holder: Element) -> tuple[date, date] | None:
        told = holder.find("TimePeriod")
        if told is None:
            return None
        first = self._field(told, "FromDate", iso_time, None)
        last = self._field(told, "ToDate", iso_time, None)
        if first is None or last is None or last < first:
            self._left_out(holder)
            return None
        return first.date(), last.date()

    def _field(self, element: Element, tag: str, convert: Callable[[str], T], instead: T) -> T:
        try:
            return convert(element.get(tag))
        except (ValueError, OverflowError):
            self._left_out(element)
            return instead

    def _left_out(self, element: Element) -> None:
        self._remarks.add("a part of a calendar cannot be read and is left out", f"line {element.line}")


def _items(item: int) -> frozenset[int]:
    """`MonthItem`: 0 any day, 1 a weekday, 2 a day of the weekend, 3 Sunday … 9 Saturday."""
    return (_ALL, WEEK, _WEEKEND)[item] if item < 3 else frozenset({_ISO_WEEKDAY[item - 2]})
