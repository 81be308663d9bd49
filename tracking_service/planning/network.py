"""The critical path method: earliest and latest dates, float, and which tasks allow no delay.

Forward and backward pass over all four kinds of dependency (PMI, Practice Standard for Scheduling; precedence diagramming:
FS, SS, FF, SF with lags). Dates are working days as numbers since the day 0 of a `Calendar`. A summary has no work of its own:
it spans its parts, and what waits for it waits for all of them. Durations are never negative; a milestone's is 0.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from plumbline.errors import PlumblineError

LinkKind = Literal["FS", "SS", "FF", "SF"]
#: Less float than this (working days: nine seconds) is none.
NO_FLOAT: Final = 1e-4


class RingError(PlumblineError):
    """Tasks wait for each other in a ring, perhaps by way of their summaries."""


class Link(NamedTuple):
    """A task waits for `task`."""

    task: str
    kind: LinkKind = "FS"
    lag: float = 0.0
    """Working days; negative: a lead."""


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of work as the network sees it."""

    key: str
    duration: float
    """Working days that it takes, or still takes."""
    after: tuple[Link, ...] = ()
    parent: str | None = None
    not_before: float | None = None
    """It starts no earlier than this."""
    started: float | None = None
    """It did start then: what it waits for does not move that any more, only its end (FF, SF)."""
    finished: float | None = None
    """It did end then."""


class Dates(NamedTuple):
    """When a task can be done and must be."""

    early_start: float
    early_finish: float
    late_start: float
    late_finish: float
    total_float: float
    """So much later it may end without moving the end of the whole (or the date that was asked for)."""
    free_float: float
    """So much later it may end without moving any task that waits for it."""
    critical: bool


def schedule(tasks: Iterable[Task], *, due: float | None = None, now: float | None = None) -> Mapping[str, Dates]:
    """The dates of every task, summaries among them.

    Args:
        tasks: keys are unique; links and parents to tasks that are not there are passed over.
        due: when all must be finished; then float is counted from it and may be negative. Absent: the earliest finish.
        now: what has not started starts no earlier.

    Raises `RingError` where tasks wait for each other.
    """
    net = Net(tasks)
    early = _forward(net, now)
    end = max((finish for _, finish in early.values()), default=0.0)
    late, free = _backward(net, early, end if due is None else due)
    leaves = {
        key: _dates(early[key], late[key], free[key], finished=task.finished is not None)
        for key, task in net.leaves.items()
        if key not in net.moments
    }
    return leaves | {key: _summary([leaves[leaf] for leaf in parts]) for key, parts in net.parts.items()}


class Net:
    """The tasks without parts, and the links between them."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        known = {task.key: task for task in tasks}
        children: defaultdict[str, list[str]] = defaultdict(list)
        for task in known.values():
            if task.parent in known and task.parent != task.key:
                children[task.parent].append(task.key)
        self.leaves = {key: task for key, task in known.items() if key not in children}
        self.parts = {key: _leaves_of(key, children) for key in children}
        """By summary: the leaves below it."""
        self.before: dict[str, list[Link]] = {key: [] for key in self.leaves}
        """By leaf: what it waits for, among leaves."""
        self.behind: dict[str, list[tuple[str, Link]]] = {key: [] for key in self.leaves}
        self.moments: set[str] = set()
        """What stands between two summaries; no task of anybody's."""
        for task in known.values():
            for link in task.after:
                if link.task in known:
                    self._connect(task.key, link)
        self.order = self._in_order()

    def _connect(self, waiting: str, link: Link) -> None:
        """Between summaries each part of the one waits for each part of the other, by way of one moment between them."""
        followers, firsts = self.parts.get(waiting, (waiting,)), self.parts.get(link.task, (link.task,))
        if len(followers) == 1 or len(firsts) == 1:
            self._join(firsts, followers, link.kind, link.lag)
            return
        between = f"{link.task} → {waiting} {len(self.leaves)}"  # no task is called so: names hold no blanks
        self.leaves[between] = Task(between, 0.0)
        self.before[between], self.behind[between] = [], []
        self.moments.add(between)
        self._join(firsts, (between,), "FS" if link.kind[0] == "F" else "SS", link.lag)
        self._join((between,), followers, "SS" if link.kind[1] == "S" else "SF", 0.0)

    def _join(self, firsts: Iterable[str], followers: Sequence[str], kind: LinkKind, lag: float) -> None:
        for first in firsts:
            for follower in followers:
                link = Link(first, kind, lag)
                self.before[follower].append(link)
                self.behind[first].append((follower, link))

    def _in_order(self) -> Sequence[str]:
        waits = {key: len(links) for key, links in self.before.items()}
        ready = deque(key for key, count in waits.items() if not count)
        order: list[str] = []
        while ready:
            key = ready.popleft()
            order.append(key)
            for follower, _ in self.behind[key]:
                waits[follower] -= 1
                if not waits[follower]:
                    ready.append(follower)
        if len(order) < len(self.leaves):
            ring = sorted(key for key, count in waits.items() if count and key not in self.moments)
            more = f" and {len(ring) - 5} more" if len(ring) > 5 else ""
            raise RingError(f"tasks wait for each other in a ring, among {', '.join(ring[:5])}{more}; take one link away")
        return order


def _leaves_of(key: str, children: Mapping[str, Sequence[str]]) -> Sequence[str]:
    found: list[str] = []
    seen = {key}
    open_ = deque(children[key])
    while open_:
        one = open_.popleft()
        if one in seen:
            raise RingError(f"task '{one}' is a part of itself; give one of its summaries another parent")
        seen.add(one)
        if one in children:
            open_.extend(children[one])
        else:
            found.append(one)
    return found


def _forward(net: Net, now: float | None) -> dict[str, tuple[float, float]]:
    early: dict[str, tuple[float, float]] = {}
    for key in net.order:
        task = net.leaves[key]
        if task.finished is not None:
            early[key] = (task.finished if task.started is None else min(task.started, task.finished), task.finished)
            continue
        if task.started is not None:
            end = max(task.started, now or task.started) + task.duration
            ends = [early[link.task][link.kind == "FF"] + link.lag for link in net.before[key] if link.kind[1] == "F"]
            early[key] = (task.started, max([end, *ends]))
            continue
        start = max(0.0 if task.not_before is None else task.not_before, 0.0 if now is None else now)
        for link in net.before[key]:
            start = max(start, _earliest(link, early[link.task], task.duration))
        early[key] = (start, start + task.duration)
    return early


def _earliest(link: Link, first: tuple[float, float], duration: float) -> float:
    """When a task may start by one of its links."""
    match link.kind:
        case "FS":
            return first[1] + link.lag
        case "SS":
            return first[0] + link.lag
        case "FF":
            return first[1] + link.lag - duration
        case _:
            return first[0] + link.lag - duration


def _backward(
    net: Net, early: Mapping[str, tuple[float, float]], end: float
) -> tuple[dict[str, tuple[float, float]], dict[str, float]]:
    late: dict[str, tuple[float, float]] = {}
    free: dict[str, float] = {}
    for key in reversed(net.order):
        duration = early[key][1] - early[key][0]
        finish, room = end, end - early[key][1]
        for follower, link in net.behind[key]:
            finish = min(finish, _latest(link, late[follower], duration))
            room = min(room, _latest(link, early[follower], duration) - early[key][1])
        late[key] = (finish - duration, finish)
        free[key] = room
    return late, free


def _latest(link: Link, follower: tuple[float, float], duration: float) -> float:
    """When a task must have ended by one of the links that wait for it."""
    match link.kind:
        case "FS":
            return follower[0] - link.lag
        case "SS":
            return follower[0] - link.lag + duration
        case "FF":
            return follower[1] - link.lag
        case _:
            return follower[1] - link.lag + duration


def _dates(early: tuple[float, float], late: tuple[float, float], free: float, *, finished: bool) -> Dates:
    total = late[1] - early[1]
    return Dates(*early, *late, total, max(0.0, free), not finished and total <= NO_FLOAT)


def _summary(parts: Sequence[Dates]) -> Dates:
    early = min(part.early_start for part in parts), max(part.early_finish for part in parts)
    late = min(part.late_start for part in parts), max(part.late_finish for part in parts)
    last = [part for part in parts if part.early_finish == early[1]]
    return Dates(
        *early,
        *late,
        min(part.total_float for part in parts),
        min(part.free_float for part in last),
        any(part.critical for part in parts),
    )
