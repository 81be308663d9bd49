"""Microsoft Project's XML (MSPDI: "Microsoft Project Data Interchange Schema", namespace http://schemas.microsoft.com/project)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from tracking_service.errors import FileRefusedError
from tracking_service.schedules import mspdi_calendars
from tracking_service.schedules.calendars import MINUTES_PER_DAY
from tracking_service.schedules.elements import Element, parse
from tracking_service.schedules.fields import flag, iso_minutes, iso_time, number
from tracking_service.schedules.outline import parents_by_level, with_summaries
from tracking_service.schedules.schedule import (
    MAX_TASKS,
    LinkKind,
    Predecessor,
    Remarks,
    Schedule,
    Span,
    Task,
)

T = TypeVar("T")

# fmt: off
_WANTED: Final = mspdi_calendars.WANTED | frozenset({
    "Name", "Title", "CalendarUID", "MinutesPerDay", "UID", "Tasks", "Task", "ID", "IsNull", "WBS", "OutlineNumber", "OutlineLevel",
    "Start", "Finish", "ManualStart", "ManualFinish", "Duration", "DurationFormat", "Milestone",
    "PercentComplete", "Active", "ExternalTask", "ExternalTaskProject", "PredecessorLink", "PredecessorUID", "Type",
    "CrossProject", "CrossProjectName", "LinkLag", "LagFormat",
})
# fmt: on
#: A row that has none of these and no name is empty.
_OF_WORK: Final = ("Start", "Finish", "Duration", "ManualStart", "ManualFinish")
#: `PredecessorLink/Type`.
_KINDS: Final[dict[str, LinkKind]] = {"": "FS", "0": "FF", "1": "FS", "2": "SF", "3": "SS"}
#: `DurationFormat` and `LagFormat`: the unit shown. Even numbers below 13 count by the clock; 32 more is an estimate.
_ELAPSED: Final = frozenset({4, 6, 8, 10, 12, 20})
_PERCENT: Final = frozenset({19, 20})
_ESTIMATED: Final = 32


def read(data: bytes, name: str, encoding: str | None = None) -> list[Schedule]:
    """Read the project of a file. Raises `FileRefusedError`."""
    root = parse(data, name, _WANTED, encoding=encoding)
    if root.tag != "Project":
        raise FileRefusedError(f"{name}: line {root.line}: <{root.tag}> is not Microsoft Project's <Project>")
    return [_Reading(root, name).schedule()]


class _Reading:
    def __init__(self, root: Element, name: str) -> None:
        self._root = root
        self._name = name
        self._remarks = Remarks()
        told = self._field(root, "MinutesPerDay", number) or MINUTES_PER_DAY
        self._minutes = told if 0 < told <= 1_440 else MINUTES_PER_DAY
        self._ghosts: set[str] = set()
        """Tasks that stand for those of other projects."""

    def schedule(self) -> Schedule:
        root = self._root
        listed = root.find("Tasks")
        elements = list(listed.all("Task")) if listed is not None else []
        if len(elements) > MAX_TASKS:
            raise FileRefusedError(f"{self._name}: {len(elements)} tasks, at most {MAX_TASKS} are read; export it in parts")
        self._ghosts = {element.get("UID") for element in elements if flag(element.get("ExternalTask"))}
        tasks = [task for element in elements if (task := self._task(element)) is not None]
        self._unique(tasks)
        known = {each.uid for each in tasks}
        tasks = [self._with_known_links(self._whole(task), known) for task in with_summaries(parents_by_level(tasks))]
        title = root.get("Title") or root.get("Name") or self._name
        calendars = mspdi_calendars.calendars(root.find("Calendars"), self._minutes, self._remarks)
        return Schedule(
            format="MSPDI",
            project=root.get("Name") or title,
            title=title,
            tasks=tasks,
            calendars=calendars,
            calendar=root.get("CalendarUID") or None,
            minutes_per_day=self._minutes,
            remarks=self._remarks.told(),
        )

    def _task(self, element: Element) -> Task | None:
        where = f"line {element.line}"
        if flag(element.get("IsNull")):
            self._remarks.add("an empty row is left out", where)
            return None
        uid = element.get("UID") or element.get("ID")
        if not uid:
            raise FileRefusedError(f"{self._name}: {where}: a <Task> without <UID>; export the schedule again")
        level = self._level(element)
        title = " ".join(element.get("Name").split())
        if not title:
            if level == 0:  # the project itself, which nobody named
                return None
            if not any(element.get(tag) for tag in _OF_WORK):
                self._remarks.add("an empty row is left out", where)
                return None
            wbs = element.get("WBS") or element.get("ID") or uid
            self._remarks.add("a task without a name is called by its code", f"{where}, task {wbs}")
            title = wbs
        field = self._field
        form = int(field(element, "DurationFormat", number) or 0)
        lengths = (1_440.0, 10_080.0) if _is_elapsed(form) else (self._minutes, 5 * self._minutes)
        minutes = field(element, "Duration", partial(iso_minutes, day=lengths[0], week=lengths[1]))
        percent = field(element, "PercentComplete", number)
        return Task(
            uid=uid,
            id=element.get("ID") or uid,
            title=title,
            wbs=element.get("WBS") or element.get("OutlineNumber"),
            level=level,
            start=field(element, "Start", iso_time) or self._manual(element, "ManualStart"),
            finish=field(element, "Finish", iso_time) or self._manual(element, "ManualFinish"),
            duration=Span(max(minutes, 0.0), _is_elapsed(form)) if minutes is not None else None,
            milestone=flag(element.get("Milestone")) or (element.find("Milestone") is None and minutes == 0),
            percent=min(max(percent, 0.0), 100.0) if percent is not None else None,
            predecessors=tuple(self._links(element, uid)),
            calendar=calendar if (calendar := element.get("CalendarUID")) not in {"", "-1"} else None,
            active=element.get("Active") not in {"0", "false"},
            external=flag(element.get("ExternalTask")),
            line=element.line,
        )

    @staticmethod
    def _whole(task: Task) -> Task:
        """The project itself is a summary, with or without tasks in it."""
        return replace(task, summary=True) if task.level == 0 else task

    def _level(self, element: Element) -> int:
        told = self._field(element, "OutlineLevel", number)
        if told is None:
            outline = element.get("OutlineNumber")
            return outline.count(".") + 1 if outline not in {"", "0"} else int(element.get("UID") != "0")
        return int(min(max(told, 0), 1_000))

    def _manual(self, element: Element, tag: str) -> datetime | None:
        """A task that is planned by hand may have anything for a date, or nothing."""
        try:
            return iso_time(element.get(tag))
        except ValueError:
            self._remarks.add(f"<{tag}> of a task planned by hand is no date and is left out", f"line {element.line}")
            return None

    def _links(self, element: Element, uid: str) -> list[Predecessor]:
        links: dict[tuple[str, LinkKind], Predecessor] = {}
        for link in element.all("PredecessorLink"):
            where = f"line {link.line}, task {element.get('ID') or uid}"
            other = link.get("PredecessorUID")
            elsewhere = flag(link.get("CrossProject")) or link.find("CrossProjectName") is not None
            if not other or (elsewhere and other not in self._ghosts):
                self._remarks.add("a link to a task of another project is left out", where)
                continue
            kind = _KINDS.get(link.get("Type"))
            if kind is None:
                raise FileRefusedError(f"{self._name}: {where}: a link's <Type> is '{link.get('Type')[:20]}', expected 0 to 3")
            lag = self._field(link, "LinkLag", number) or 0.0
            form = int(self._field(link, "LagFormat", number) or 7)
            elapsed = _is_elapsed(form)
            if form in _PERCENT or form - _ESTIMATED in _PERCENT:
                made = Predecessor(other, kind, Span(0.0, elapsed), lag_percent=lag)
            else:  # tenths of a minute
                made = Predecessor(other, kind, Span(lag / 10, elapsed))
            links[other, kind] = made
        return list(links.values())

    def _field(self, element: Element, tag: str, convert: Callable[[str], T]) -> T:
        text = element.get(tag)
        try:
            return convert(text)
        except (ValueError, OverflowError) as error:
            of = element.get("UID")
            what = f"task {of}" if element.tag == "Task" else f"<{element.tag}>"
            raise FileRefusedError(
                f"{self._name}: line {element.line}, {what}: <{tag}> '{text[:40]}' {error}; correct it in the planning program"
            ) from None

    def _unique(self, tasks: list[Task]) -> None:
        seen: dict[str, int] = {}
        for task in tasks:
            if task.uid in seen:
                raise FileRefusedError(
                    f"{self._name}: line {task.line}: task UID {task.uid} stands on line {seen[task.uid]} already"
                )
            seen[task.uid] = task.line

    def _with_known_links(self, task: Task, known: set[str]) -> Task:
        kept = tuple(link for link in task.predecessors if link.uid in known and link.uid != task.uid)
        if len(kept) == len(task.predecessors):
            return task
        self._remarks.add("a link to a task that the file does not have is left out", f"line {task.line}, task {task.id}")
        return replace(task, predecessors=kept)


def _is_elapsed(form: int) -> bool:
    return form in _ELAPSED or form - _ESTIMATED in _ELAPSED
