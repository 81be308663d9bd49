"""Primavera P6's XML (PMXML: `APIBusinessObjects`), of every version since 6: namespaces and places of the parts differ."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, TypeVar

from tracking_service.errors import FileRefusedError
from tracking_service.schedules import primavera
from tracking_service.schedules.calendars import MINUTES_PER_DAY, WEEK, Calendar, Exceptional, Shifts, shifts, usual
from tracking_service.schedules.elements import Element, parse
from tracking_service.schedules.fields import clock_minutes, iso_time, number
from tracking_service.schedules.primavera import KINDS, Project, Relationship, Wbs
from tracking_service.schedules.schedule import Remarks, Schedule, Span, Task

T = TypeVar("T")

ROOTS: Final = frozenset({"APIBusinessObjects", "BusinessObjects"})
# fmt: off
_WANTED: Final = frozenset({
    "Project", "Id", "Name", "ObjectId", "ActivityDefaultCalendarObjectId", "RelationshipLagCalendar", "WBS", "Code",
    "ParentObjectId", "ProjectObjectId", "SequenceNumber", "Activity", "Type", "Status", "WBSObjectId",
    "CalendarObjectId", "StartDate", "FinishDate", "ActualStartDate", "ActualFinishDate", "RemainingEarlyStartDate",
    "RemainingEarlyFinishDate", "EarlyStartDate", "EarlyFinishDate", "PlannedStartDate", "PlannedFinishDate",
    "AtCompletionDuration", "PlannedDuration", "PercentCompleteType", "PercentComplete", "PhysicalPercentComplete",
    "UnitsPercentComplete", "DurationPercentComplete", "Relationship", "PredecessorActivityObjectId",
    "SuccessorActivityObjectId", "Lag", "Calendar", "HoursPerDay", "StandardWorkWeek", "StandardWorkHours", "DayOfWeek",
    "WorkTime", "Start", "Finish", "BaseCalendarObjectId", "HolidayOrExceptions", "HolidayOrException", "Date",
})
# fmt: on
_MILESTONES: Final = frozenset({"Start Milestone", "Finish Milestone"})
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_STARTS: Final = ("StartDate", "ActualStartDate", "RemainingEarlyStartDate", "EarlyStartDate", "PlannedStartDate")
_FINISHES: Final = ("FinishDate", "ActualFinishDate", "RemainingEarlyFinishDate", "EarlyFinishDate", "PlannedFinishDate")


def read(data: bytes, name: str, encoding: str | None = None) -> list[Schedule]:
    """Read the projects of a file, baselines left aside. Raises `FileRefusedError`."""
    root = parse(data, name, _WANTED, encoding=encoding)
    if root.tag not in ROOTS:
        raise FileRefusedError(f"{name}: line {root.line}: <{root.tag}> is not Primavera's <APIBusinessObjects>")
    return _Reading(root, name).schedules()


class _Reading:
    def __init__(self, root: Element, name: str) -> None:
        self._root = root
        self._name = name

    def schedules(self) -> list[Schedule]:
        calendars = dict(self._calendars(self._root))
        # up to version 6 the parts stand beside their project, not in it
        loose: defaultdict[str, list[Element]] = defaultdict(list)
        for part in self._root.children:
            if part.tag in {"WBS", "Activity"}:
                loose[part.get("ProjectObjectId")].append(part)
        projects = list(self._root.all("Project"))
        relationships: defaultdict[str, list[Relationship]] = defaultdict(list)
        for holder in (self._root, *projects):
            for part in holder.all("Relationship"):
                relationship = self._relationship(part)
                relationships[relationship.successor].append(relationship)
        made: list[Schedule] = []
        for element in projects:
            remarks = Remarks()
            project = Project(
                uid=self._required(element, "ObjectId"),
                id=element.get("Id") or element.get("ObjectId"),
                name=element.get("Name"),
                calendar=element.get("ActivityDefaultCalendarObjectId") or None,
                lag_elapsed="24" in element.get("RelationshipLagCalendar"),
            )
            known = calendars | dict(self._calendars(element))
            for part in (*element.children, *loose[project.uid]):
                if part.tag == "WBS":
                    project.wbs.append(self._wbs(part))
                elif part.tag == "Activity":
                    project.activities.append((part.get("WBSObjectId"), self._activity(part)))
            for _wbs, task in project.activities:
                project.relationships += relationships[task.uid]
            made.append(primavera.made(project, known, "PMXML", self._name, remarks))
        # others are in the file for the relationships with them
        return [each for each in made if each.tasks] or made

    def _wbs(self, element: Element) -> Wbs:
        return Wbs(
            uid=self._required(element, "ObjectId"),
            code=element.get("Code"),
            name=" ".join(element.get("Name").split()),
            parent=element.get("ParentObjectId"),
            order=self._field(element, "SequenceNumber", number) or 0.0,
            line=element.line,
        )

    def _activity(self, element: Element) -> Task:
        uid = self._required(element, "ObjectId")
        code = element.get("Id") or uid
        hours = self._field(element, "AtCompletionDuration", number)
        if hours is None:
            hours = self._field(element, "PlannedDuration", number)
        return Task(
            uid=uid,
            id=code,
            title=" ".join(element.get("Name").split()) or code,
            start=self._first_time(element, _STARTS),
            finish=self._first_time(element, _FINISHES),
            duration=Span(max(hours, 0.0) * 60) if hours is not None else None,
            milestone=element.get("Type") in _MILESTONES,
            percent=self._percent(element),
            calendar=element.get("CalendarObjectId") or None,
            line=element.line,
        )

    def _percent(self, element: Element) -> float | None:
        if element.get("Status") == "Completed":
            return 100.0

        def told(tag: str) -> float | None:
            value = self._field(element, tag, number)
            return None if value is None else round(value * 100, 6)

        general = told("PercentComplete")
        found = primavera.percent_of(
            element.get("PercentCompleteType"),
            physical=told("PhysicalPercentComplete"),
            units=told("UnitsPercentComplete"),
            duration=told("DurationPercentComplete"),
        )
        return general if found is None else found

    def _first_time(self, element: Element, tags: tuple[str, ...]) -> datetime | None:
        for tag in tags:
            if (at := self._field(element, tag, iso_time)) is not None:
                return at
        return None

    def _relationship(self, element: Element) -> Relationship:
        kind = KINDS.get(element.get("Type") or "Finish to Start")
        if kind is None:
            raise self._refused(element, f"<Type> '{element.get('Type')[:40]}' is no type of relationship")
        return Relationship(
            predecessor=element.get("PredecessorActivityObjectId"),
            successor=element.get("SuccessorActivityObjectId"),
            kind=kind,
            lag_hours=self._field(element, "Lag", number) or 0.0,
            line=element.line,
        )

    def _calendars(self, parent: Element) -> list[tuple[str, Calendar]]:
        made: list[tuple[str, Calendar]] = []
        for element in parent.all("Calendar"):
            hours = self._field(element, "HoursPerDay", number)
            minutes = hours * 60 if hours is not None and 0 < hours <= 24 else MINUTES_PER_DAY
            week = element.find("StandardWorkWeek")
            days = {
                _WEEKDAYS.index(name) + 1: self._shifts(day)
                for day in (week.all("StandardWorkHours") if week is not None else ())
                if (name := day.get("DayOfWeek")) in _WEEKDAYS and day.get("WorkTime", "Start")
            }
            uid, base = element.get("ObjectId"), element.get("BaseCalendarObjectId") or None
            exceptions = tuple(self._exceptions(element))
            weekdays, times = frozenset(days) or WEEK, usual(days.values())
            made.append((uid, Calendar(uid, element.get("Name"), minutes, weekdays, times, exceptions, base)))
        return made

    def _shifts(self, day: Element) -> Shifts:
        """P6 ends a shift with its last minute: 16:59 means until 17:00."""

        def told(element: Element, tag: str) -> int:
            return self._field(element, tag, clock_minutes) or 0

        times = [(told(time, "Start"), told(time, "Finish")) for time in day.all("WorkTime") if time.get("Start")]
        return shifts((begin, end + 1 if end % 30 == 29 else end) for begin, end in times)

    def _exceptions(self, calendar: Element) -> Iterator[Exceptional]:
        listed = calendar.find("HolidayOrExceptions")
        for each in listed.all("HolidayOrException") if listed is not None else ():
            if (day := self._field(each, "Date", iso_time)) is not None:
                working = any(time.get("Start") for time in each.all("WorkTime"))
                yield Exceptional(day.date(), day.date(), working)

    def _required(self, element: Element, tag: str) -> str:
        text = element.get(tag)
        if not text:
            raise self._refused(element, f"no <{tag}>")
        return text

    def _field(self, element: Element, tag: str, convert: Callable[[str], T]) -> T:
        try:
            return convert(element.get(tag))
        except (ValueError, OverflowError) as error:
            raise self._refused(element, f"<{tag}> '{element.get(tag)[:40]}' {error}") from None

    def _refused(self, element: Element, what: str) -> FileRefusedError:
        called = element.get("Id") or element.get("ObjectId")
        return FileRefusedError(
            f"{self._name}: line {element.line}, {element.tag} {called[:40]}: {what}; correct it and export the project again"
        )
