"""Tasks that stand in the order of an outline: who is whose parent, and what summaries get from their parts."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from tracking_service.schedules.schedule import Task


def parents_by_level(tasks: Iterable[Task]) -> list[Task]:
    """Give each task its parent: the nearest task before it with a smaller level."""
    above: list[Task] = []
    placed: list[Task] = []
    for task in tasks:
        while above and above[-1].level >= task.level:
            above.pop()
        here = replace(task, parent=above[-1].uid if above else None)
        placed.append(here)
        above.append(here)
    return placed


def with_summaries(tasks: Sequence[Task]) -> list[Task]:
    """Tasks with parts are summaries, where the file does not say it."""
    parents = {task.parent for task in tasks}
    return [replace(task, summary=task.uid in parents) for task in tasks]


def rolled_up(tasks: Sequence[Task], rolled: frozenset[str]) -> list[Task]:
    """Give the summaries among `rolled` their parts' earliest start, latest finish and percentage by duration.

    Parts stand after their summary. A summary without parts keeps what it has.
    """
    totals = {task.uid: _Total() for task in tasks}
    done: list[Task] = []
    for task in reversed(tasks):
        total = totals[task.uid]
        here = total.on(task) if task.uid in rolled else task
        done.append(here)
        if task.parent in totals:
            totals[task.parent].add(here, total if task.uid in rolled else None)
    return done[::-1]


#: A milestone counts for so many minutes in the percentage of its summary, or plans of milestones alone would have none.
_LEAST: Final = 1.0


class _Total:
    """What the parts of a summary come to."""

    def __init__(self) -> None:
        self.start: datetime | None = None
        self.finish: datetime | None = None
        self.weight = 0.0
        self.done = 0.0

    def add(self, part: Task, its: "_Total | None") -> None:
        """Count a part; `its` parts where it is a summary itself."""
        if part.start is not None:
            self.start = part.start if self.start is None else min(self.start, part.start)
        if part.finish is not None:
            self.finish = part.finish if self.finish is None else max(self.finish, part.finish)
        if its is not None:
            self.weight += its.weight
            self.done += its.done
        else:
            weight = max(part.duration.minutes, _LEAST) if part.duration is not None else _LEAST
            self.weight += weight
            self.done += weight * (part.percent or 0.0)

    def on(self, summary: Task) -> Task:
        """The summary with them."""
        return replace(
            summary,
            start=self.start or summary.start,
            finish=self.finish or summary.finish,
            percent=self.done / self.weight if self.weight else summary.percent,
        )
