"""The work breakdown structure of an order (tasks, who owns them, what waits for what) and its inspection and test plan."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from tracking_service.document.fields import Id, Note, Part, Short, TextDocument, Words, once


class AfterDocument(Part):
    """A task waits for another: finish to start (`FS`), start to start, finish to finish, start to finish; a lag may be negative."""

    task: Id
    kind: Literal["FS", "SS", "FF", "SF"] = "FS"
    lag_days: Annotated[float, Field(ge=-3_650, le=3_650, allow_inf_nan=False)] = 0.0


class TaskDocument(Part):
    """A task of the work breakdown; one that is the `parent` of others is their summary."""

    key: Id
    title: TextDocument
    wbs: Annotated[Words, Field(max_length=64)] = ""
    """Its code, as the schedule has it: `1.2.3`."""
    parent: Id | None = None
    owner: Id | None = None
    """A person of the company document."""
    start: AwareDatetime | None = None
    finish: AwareDatetime | None = None
    duration_days: Annotated[float, Field(ge=0, le=36_500, allow_inf_nan=False)] | None = None
    """Working days; absent: from start to finish."""
    after: Annotated[tuple[AfterDocument, ...], Field(max_length=1_000)] = ()
    percent: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = None
    """What the schedule says; a milestone's evidence says it better."""


class InspectionDocument(Part):
    """A point of the inspection and test plan (ISO 10005): what is checked, by whom, and whether work stops for it."""

    check: Short
    title: TextDocument
    kind: Literal["hold", "witness", "review", "surveillance"] = "review"
    role: Id | None = None
    """Whose result counts."""
    photo_required: bool = False
    """For hidden works: no acceptance without pictures."""
    task: Id | None = None
    note: Note = ""


def check_work(tasks: Sequence[TaskDocument], inspections: Sequence[InspectionDocument]) -> set[str]:
    """The tasks' keys. Raises `ValueError` where a name stands there twice or leads nowhere, or work waits for itself."""
    known = once("tasks", [task.key for task in tasks])
    once("inspections", [inspection.check for inspection in inspections])
    parents: dict[str, Sequence[str]] = {}
    waits: dict[str, Sequence[str]] = {}
    for task in tasks:
        if task.parent is not None:
            _known(known, task.parent, f"tasks.{task.key}.parent")
            parents[task.key] = (task.parent,)
        for link in task.after:
            _known(known, link.task, f"tasks.{task.key}.after")
        waits[task.key] = [link.task for link in task.after]
        if task.start is not None and task.finish is not None and task.finish < task.start:
            raise ValueError(f"tasks.{task.key}.finish: lies before its start")
    for inspection in inspections:
        if inspection.task is not None:
            _known(known, inspection.task, f"inspections.{inspection.check}.task")
    for what, edges in (("parent", parents), ("after", waits)):
        if ring := _ring(edges):
            raise ValueError(f"tasks.{ring[0]}.{what}: waits for itself: {' → '.join(ring)}")
    return known


def _known(known: set[str], name: str, where: str) -> None:
    if name not in known:
        raise ValueError(f"{where}: there is no task '{name}'")


def _ring(edges: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """A ring among the edges, its first name again at its end; nothing where there is none."""
    indegree: defaultdict[str, int] = defaultdict(int)
    for ends in edges.values():
        for end in ends:
            indegree[end] += 1
    free = [name for name in edges if not indegree[name]]
    left = dict(edges)
    while free:
        for end in left.pop(free.pop(), ()):
            indegree[end] -= 1
            if not indegree[end]:
                free.append(end)
    before = {end: name for name, ends in left.items() for end in ends if end in left}
    if not before:  # each that is left is waited for by another that is left
        return ()
    path = [next(iter(before))]
    while (waiting := before[path[-1]]) not in path:
        path.append(waiting)
    return [waiting, *reversed(path[path.index(waiting) :])]
