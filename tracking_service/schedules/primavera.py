"""What Primavera P6 keeps, whichever file it comes in: a tree of WBS elements, activities in it, relationships between them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from tracking_service.errors import FileRefusedError
from tracking_service.schedules.calendars import MINUTES_PER_DAY, Calendar
from tracking_service.schedules.outline import rolled_up
from tracking_service.schedules.schedule import (
    MAX_TASKS,
    Format,
    LinkKind,
    Predecessor,
    Remarks,
    Schedule,
    Span,
    Task,
)

#: Relationship types as XER and as PMXML write them.
KINDS: Final[Mapping[str, LinkKind]] = {
    "PR_FS": "FS",
    "PR_SS": "SS",
    "PR_FF": "FF",
    "PR_SF": "SF",
    "Finish to Start": "FS",
    "Start to Start": "SS",
    "Finish to Finish": "FF",
    "Start to Finish": "SF",
}
_DIGITS: Final = re.compile(r"\d{1,18}")
_MAX_LEVEL: Final = 1_000


@dataclass(frozen=True, slots=True)
class Wbs:
    """An element of the work breakdown structure."""

    uid: str
    code: str
    name: str
    parent: str
    order: float
    line: int
    is_project: bool = False


@dataclass(frozen=True, slots=True)
class Relationship:
    """An activity waits for another."""

    predecessor: str
    successor: str
    kind: LinkKind
    lag_hours: float
    line: int


@dataclass(slots=True)
class Project:
    """A project of a file while it is read."""

    uid: str
    id: str
    name: str = ""
    calendar: str | None = None
    lag_elapsed: bool = False
    """Lags count by the clock (the scheduling option "24 Hour Calendar")."""
    wbs: list[Wbs] = field(default_factory=list[Wbs])
    activities: list[tuple[str, Task]] = field(default_factory=list[tuple[str, Task]])
    """The WBS element that it stands in, and the activity."""
    relationships: list[Relationship] = field(default_factory=list[Relationship])


def made(project: Project, calendars: Mapping[str, Calendar], form: Format, name: str, remarks: Remarks) -> Schedule:
    """Build the schedule of a project: WBS elements are the summaries of their activities. Raises `FileRefusedError`."""
    if len(project.wbs) + len(project.activities) > MAX_TASKS:
        raise FileRefusedError(f"{name}: project {project.id}: more than {MAX_TASKS} tasks; export it in parts")
    _unique(project, name)
    tasks = _ordered(project, name, remarks)
    tasks = rolled_up(tasks, frozenset(_wbs_uid(each.uid) for each in project.wbs))
    links = _links(project, {task.uid for _wbs, task in project.activities}, remarks)
    own = calendars.get(project.calendar or "")
    return Schedule(
        format=form,
        project=project.id,
        title=project.name or project.id,
        tasks=[replace(task, predecessors=tuple(links[task.uid])) if task.uid in links else task for task in tasks],
        calendars=calendars,
        calendar=project.calendar,
        minutes_per_day=own.minutes_per_day if own is not None else MINUTES_PER_DAY,
        remarks=remarks.told(),
    )


def percent_of(kind: str, *, physical: float | None, units: float | None, duration: float | None) -> float | None:
    """The percentage an activity goes by: `Physical`, `Units` or `Duration`, as P6 shows it; 0 to 100."""
    told = {"Physical": physical, "CP_Phys": physical, "Units": units, "CP_Units": units}.get(kind, duration)
    return min(max(told, 0.0), 100.0) if told is not None else None


def share(part: float | None, rest: float | None) -> float | None:
    """`part` of `part` and `rest`, in percent; nothing where nothing is known or there is nothing to share."""
    if part is None or rest is None or part + rest <= 0:
        return None
    return 100.0 * part / (part + rest)


def _wbs_uid(uid: str) -> str:
    """Elements and activities are numbered apart, and may have the same number."""
    return f"wbs-{uid}"


def _unique(project: Project, name: str) -> None:
    for what, rows in (
        ("WBS element", [(each.uid, each.line) for each in project.wbs]),
        ("activity", [(task.uid, task.line) for _wbs, task in project.activities]),
    ):
        seen: dict[str, int] = {}
        for uid, line in rows:
            if uid in seen:
                raise FileRefusedError(f"{name}: line {line}: {what} {uid} stands on line {seen[uid]} already")
            seen[uid] = line


def _natural(text: str) -> list[tuple[int, str]]:
    """A key by which A10 comes after A9."""
    return [(int(part), "") if part.isascii() and part.isdigit() else (-1, part) for part in _split(text)]


def _split(text: str) -> Iterable[str]:
    end = 0
    for found in _DIGITS.finditer(text):
        yield text[end : found.start()]
        yield found[0]
        end = found.end()
    yield text[end:]


def _ordered(project: Project, name: str, remarks: Remarks) -> list[Task]:
    """The tree from its roots on: an element, its activities, the elements in it."""
    known = {each.uid for each in project.wbs}
    below: defaultdict[str, list[Wbs]] = defaultdict(list)
    for each in project.wbs:
        below[each.parent if each.parent in known else ""].append(each)
    inside: defaultdict[str, list[Task]] = defaultdict(list)
    for wbs, task in project.activities:
        inside[wbs if wbs in known else ""].append(task)
        if wbs and wbs not in known:
            remarks.add(
                "its WBS element is not in the file; the activity stands at the top", f"line {task.line}, activity {task.id}"
            )
    tasks: list[Task] = []
    waiting: list[tuple[Wbs, str | None, int, str]] = []

    def expect(uid: str, parent: str | None, level: int, path: str) -> None:
        activities = sorted(inside[uid], key=lambda task: _natural(task.id))
        tasks.extend(replace(task, parent=parent, level=level, wbs=path) for task in activities)
        parts = sorted(below[uid], key=lambda each: each.order)
        waiting.extend((each, parent, level, path) for each in reversed(parts))

    roots_named = any(each.is_project for each in below[""])
    expect("", None, 1, "" if roots_named else project.id)
    while waiting:
        each, parent, level, path = waiting.pop()
        level = 0 if each.is_project and parent is None else level
        if level > _MAX_LEVEL:
            raise FileRefusedError(f"{name}: line {each.line}: WBS elements stand more than {_MAX_LEVEL} deep in each other")
        here = f"{path}.{each.code}" if path and not each.is_project else each.code
        uid = _wbs_uid(each.uid)
        title = each.name or here
        tasks.append(Task(uid, here, title, wbs=here, level=level, parent=parent, summary=True, line=each.line))
        expect(each.uid, uid, level + 1, here)
    if len(tasks) != len(project.wbs) + len(project.activities):
        reached = {task.uid for task in tasks}
        lost = next(each for each in project.wbs if _wbs_uid(each.uid) not in reached)
        raise FileRefusedError(f"{name}: line {lost.line}: WBS element {lost.code} lies in itself; correct its parent")
    return tasks


def _links(project: Project, known: set[str], remarks: Remarks) -> dict[str, list[Predecessor]]:
    links: defaultdict[str, list[Predecessor]] = defaultdict(list)
    for each in project.relationships:
        if each.predecessor not in known or each.successor not in known:
            remarks.add("a relationship with an activity of another project is left out", f"line {each.line}")
        elif each.predecessor != each.successor:
            lag = Span(each.lag_hours * 60, project.lag_elapsed)
            links[each.successor].append(Predecessor(each.predecessor, each.kind, lag))
    return dict(links)
