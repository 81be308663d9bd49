"""A schedule's calendars → the working days and hours of an order, and which tasks are planned by others."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from tracking_service.document.order import MOST_DAYS
from tracking_service.planning.calendar import WEEKDAYS
from tracking_service.schedules.calendars import Calendar, Reach
from tracking_service.schedules.schedule import Remarks, Schedule, Task

#: Holidays are carried over up to so long behind the end of the plan: plans slip.
_BEYOND: Final = timedelta(days=5 * 365)
#: Longer than any plan that people keep.
_LONGEST: Final = timedelta(days=100 * 365)
_WHOLE_DAY: Final = ((0, 1_440),)


class Working:
    """The calendar by which most tasks of a schedule are planned, as an order says it.

    Args:
        schedule: with its calendars; without any the order's days stay as they are.
        tasks: those that are taken.
        remarks: what of the calendars cannot be carried over is told here.
    """

    def __init__(self, schedule: Schedule, tasks: Sequence[Task], remarks: Remarks) -> None:
        self._schedule = schedule
        self._remarks = remarks
        self._same: dict[str, bool] = {}
        votes = Counter(self._uid(task) for task in tasks if not task.summary)
        own = schedule.calendar or ""
        most = max(votes, key=lambda uid: (votes[uid], uid == own, uid), default=own)
        self.calendar: Calendar | None = schedule.calendars.get(most)
        times = [at.date() for task in tasks for at in (task.start, task.finish) if at is not None]
        first = min(times, default=date.max - _LONGEST)
        self._reach = Reach(schedule.calendars, first, min(max(times, default=first) + _BEYOND, first + _LONGEST))
        self._exceptions: Mapping[date, bool] = {} if self.calendar is None else self._reach.exceptions(self.calendar)
        if self.calendar is not None and len([uid for uid in votes if uid in schedule.calendars]) > 1:
            name = self.calendar.name or self.calendar.uid
            remarks.add("working days and hours are those of this calendar, by which most tasks are planned", f"'{name[:64]}'")

    def values(self) -> dict[str, Any]:
        """Fields of the order document; none where the schedule has no calendar."""
        if self.calendar is None:
            return {}
        days = self.calendar.weekdays
        shifts = () if self.calendar.shifts == _WHOLE_DAY else self.calendar.shifts
        return {
            "workdays": () if len(days) == len(WEEKDAYS) else tuple(WEEKDAYS[day - 1] for day in sorted(days)),
            "workhours": tuple(f"{_clock(begin)}-{_clock(end)}" for begin, end in shifts),
            "holidays": self._days(working=False),
            "extra_workdays": self._days(working=True),
        }

    def same(self, task: Task) -> bool:
        """Whether a task is planned by the order's days and hours; where no calendar says anything, it is."""
        uid = self._uid(task)
        calendar = self._schedule.calendars.get(uid)
        if self.calendar is None or calendar is None:
            return True
        if uid not in self._same:
            own = self.calendar
            alike = (calendar.weekdays, calendar.shifts) == (own.weekdays, own.shifts)
            self._same[uid] = uid == own.uid or (alike and self._reach.exceptions(calendar) == self._exceptions)
        return self._same[uid]

    def minutes(self, task: Task) -> float:
        """How many minutes of work a day has by which a task is planned."""
        calendar = self._schedule.calendars.get(self._uid(task))
        return calendar.day if calendar is not None else self._schedule.minutes_per_day

    def told(self) -> None:
        """Remark on exceptions that were too many to follow."""
        if self._reach.exhausted:
            self._remarks.add("more exceptions than can be followed; the rest is left out", "calendars")

    def _uid(self, task: Task) -> str:
        own = task.calendar or ""
        return own if own in self._schedule.calendars else self._schedule.calendar or ""

    def _days(self, *, working: bool) -> tuple[date, ...]:
        days = tuple(day for day, is_working in self._exceptions.items() if is_working is working)
        if len(days) > MOST_DAYS:
            what = "days of work" if working else "holidays"
            self._remarks.add(f"more than {MOST_DAYS} {what} in it; those after {days[MOST_DAYS - 1]} are left out", "calendar")
        return days[:MOST_DAYS]


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
