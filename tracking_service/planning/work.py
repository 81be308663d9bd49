"""An order's document and its evidence → the network of what is done, under way and left."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from decimal import Decimal
from typing import Final, NamedTuple

from plumbline.text import Text
from tracking_service.document import OrderDocument, nanoseconds
from tracking_service.document.order import MilestoneDocument
from tracking_service.document.work import TaskDocument
from tracking_service.planning.calendar import Calendar
from tracking_service.planning.forecast import Delivery
from tracking_service.planning.history import Cases
from tracking_service.planning.network import Link, Task

#: Planned work of less than this (working days) says nothing of a pace: it is a moment.
_SOME: Final = 0.25
_DAY: Final = 24 * 3600 * 1_000_000_000
#: Of a supplier's delays so many are drawn from.
_SPREAD: Final = 50


class Done(NamedTuple):
    """How far a milestone is, by its evidence."""

    percent: Decimal
    done_at: int | None


@dataclass(frozen=True, slots=True)
class Piece:
    """A task of the work breakdown; of an order without tasks each milestone is one."""

    key: str
    title: Text
    wbs: str
    parent: str | None
    owner: str | None
    start: int | None
    """As planned: UTC, ns."""
    finish: int | None
    days: float
    """Planned working days."""
    after: tuple[Link, ...]
    percent: Decimal
    """By evidence where a milestone ends it, else as the schedule says."""
    done_at: int | None
    seen: bool = False
    """Its milestones count on what gateways see."""


@dataclass(frozen=True, slots=True)
class Work:
    """The work of an order, against its calendar."""

    calendar: Calendar
    pieces: Mapping[str, Piece]
    due: int | None
    """When all must be finished: the order's date, else the last that is planned."""

    def tasks(self, now: int) -> Sequence[Task]:
        """What is done, what is left of what is under way, and what is not begun, as the network takes it."""
        parents = {piece.parent for piece in self.pieces.values()}
        return [self._task(piece, now, summary=piece.key in parents) for piece in self.pieces.values()]

    def _task(self, piece: Piece, now: int, *, summary: bool) -> Task:
        start = None if piece.start is None else self.calendar.day(piece.start)
        if summary:
            return Task(piece.key, 0.0, piece.after, piece.parent)
        if piece.done_at is not None:
            end = self.calendar.day(piece.done_at)
            return Task(piece.key, piece.days, piece.after, piece.parent, started=min(end, start or end), finished=end)
        left = piece.days * float(100 - piece.percent) / 100
        if piece.percent > 0:
            today = self.calendar.day(now)
            return Task(piece.key, left, piece.after, piece.parent, started=today if start is None else min(start, today))
        return Task(piece.key, left, piece.after, piece.parent, not_before=start)

    def paces(self) -> Cases:
        """How many times their planned duration finished pieces took, from their planned start."""
        return Cases.of(
            max(0.1, (self.calendar.day(piece.done_at) - self.calendar.day(piece.start)) / piece.days)
            for piece in self.pieces.values()
            if piece.done_at is not None and piece.start is not None and piece.days >= _SOME and piece.done_at > piece.start
        )


def work_of(document: OrderDocument, *, zone: tzinfo, now: int, done: Mapping[str, Done]) -> Work:
    """The work of an order.

    Args:
        document: as it was imported.
        zone: the site's.
        now: UTC, ns; what the schedule calls finished without evidence was so by then.
        done: by milestone key.
    """
    starts = [time for time in (nanoseconds(each.start) for each in document.tasks) if time is not None]
    told = nanoseconds(document.start or document.signed)
    begin = told or min(starts, default=now)
    calendar = Calendar(
        zone,
        min([begin, *starts]),
        document.workdays,
        document.holidays,
        extra=document.extra_workdays,
        hours=document.workhours,
    )
    pieces = (
        _pieces_of_tasks(document, calendar, now, done)
        if document.tasks
        else [_piece_of_milestone(each, calendar, told, begin, done) for each in document.milestones]
    )
    ends = [piece.finish for piece in pieces if piece.finish is not None]
    due = nanoseconds(document.due) or max(
        [*ends, *(time for each in document.milestones if (time := nanoseconds(each.due)) is not None)], default=None
    )
    return Work(calendar, {piece.key: piece for piece in pieces}, due)


def deliveries_of(
    document: OrderDocument, calendar: Calendar, arrived: Mapping[str, Decimal], delays: Mapping[str, Cases] | None = None
) -> Sequence[Delivery]:
    """What is promised and has not all come, with the tasks that it completes.

    `arrived`: by line; `delays`: by supplier, days of the calendar on the wall behind the promise.
    """
    waiting: defaultdict[str, set[str]] = defaultdict(set)
    for milestone in document.milestones:
        for line in lines_of(milestone, document):
            waiting[line].add(milestone.task if document.tasks and milestone.task else milestone.key)
    found: list[Delivery] = []
    known: dict[tuple[str | None, int], tuple[float, ...]] = {}
    for line in document.lines:
        promised = nanoseconds(line.promised)
        if promised is None or arrived.get(line.line, Decimal(0)) >= line.quantity:
            continue
        cases = (delays or {}).get(line.supplier or "")
        enough = cases is not None and cases.enough
        if (line.supplier, promised) not in known:
            late = cases.spread(_SPREAD) if cases is not None and enough else ()
            known[line.supplier, promised] = tuple(calendar.day(promised + round(days * _DAY)) for days in late)
        tasks = tuple(sorted(waiting[line.line]))
        arrivals = known[line.supplier, promised]
        found.append(Delivery(line.supplier, calendar.day(promised), tasks, arrivals, cases.count if cases and enough else 0))
    return found


def lines_of(milestone: MilestoneDocument, document: OrderDocument) -> Iterable[str]:
    """The lines that a milestone counts on."""
    if not milestone.policy.wants_lines:
        return ()
    return milestone.policy.lines or [line.line for line in document.lines]


def start_of(milestone: MilestoneDocument, document: OrderDocument) -> int | None:
    """When work towards a milestone begins: that of its task, else of its order (UTC, ns)."""
    task = next((task for task in document.tasks if task.key == milestone.task), None)
    return nanoseconds((task.start if task is not None else None) or document.start or document.signed)


def _pieces_of_tasks(document: OrderDocument, calendar: Calendar, now: int, done: Mapping[str, Done]) -> Sequence[Piece]:
    ends: defaultdict[str, list[Done]] = defaultdict(list)
    seen: set[str] = set()
    for milestone in document.milestones:
        if milestone.task is not None and milestone.key in done:
            ends[milestone.task].append(done[milestone.key])
            if milestone.policy.seen:
                seen.add(milestone.task)
    pieces = {
        task.key: replace(_piece_of_task(task, calendar, now, ends.get(task.key, ())), seen=task.key in seen)
        for task in document.tasks
    }
    _sum_up(pieces, own=ends)
    return list(pieces.values())


def _sum_up(pieces: dict[str, Piece], own: Collection[str]) -> None:
    """A summary is as far as its parts by their days, and lasts from the first to the last; what says its own is in `own`."""
    parts: defaultdict[str, list[str]] = defaultdict(list)
    for piece in pieces.values():
        if piece.parent is not None:
            parts[piece.parent].append(piece.key)
    weights = {key: piece.days for key, piece in pieces.items() if key not in parts}
    open_ = list(parts)
    while open_:
        key = open_[-1]
        if key in weights:
            open_.pop()
        elif missing := [part for part in parts[key] if part not in weights]:
            open_ += missing  # parents never lead back: the document was checked
        else:
            weights[key] = sum(weights[part] for part in parts[key])
            pieces[key] = _summary(pieces[key], [(pieces[part], weights[part]) for part in parts[key]], own=key in own)


def _summary(summary: Piece, parts: Sequence[tuple[Piece, float]], *, own: bool) -> Piece:
    starts = [part.start for part, _ in parts if part.start is not None]
    finishes = [part.finish for part, _ in parts if part.finish is not None]
    summary = replace(
        summary,
        start=min(starts, default=None) if summary.start is None else summary.start,
        finish=max(finishes, default=None) if summary.finish is None else summary.finish,
    )
    if own:
        return summary
    total = Decimal(str(sum(weight for _, weight in parts)))
    weighted = [(part.percent, Decimal(str(weight)) if total else Decimal(1)) for part, weight in parts]
    percent = sum((far * weight for far, weight in weighted), Decimal(0)) / (total or len(parts))
    times = [part.done_at for part, _ in parts if part.done_at is not None]
    done_at = max(times) if len(times) == len(parts) else None
    return replace(summary, percent=percent, done_at=done_at, seen=any(part.seen for part, _ in parts))


def _piece_of_task(task: TaskDocument, calendar: Calendar, now: int, ends: Sequence[Done]) -> Piece:
    start, finish = nanoseconds(task.start), nanoseconds(task.finish)
    days = task.duration_days
    if days is None:
        days = 0.0 if start is None or finish is None else max(0.0, calendar.day(finish) - calendar.day(start))
    percent, done_at = Decimal(str(task.percent or 0)), None
    if ends:
        percent = sum((each.percent for each in ends), Decimal(0)) / len(ends)
        times = [each.done_at for each in ends if each.done_at is not None]
        done_at = max(times) if len(times) == len(ends) else None
    elif percent >= 100:
        done_at = now if finish is None else min(now, finish)
    after = tuple(Link(link.task, link.kind, link.lag_days) for link in task.after)
    title = Text(task.title.en, task.title.zh)
    return Piece(task.key, title, task.wbs, task.parent, task.owner, start, finish, days, after, percent, done_at)


def _piece_of_milestone(
    milestone: MilestoneDocument, calendar: Calendar, start: int | None, begin: int, done: Mapping[str, Done]
) -> Piece:
    """`start`: as the order tells it; `begin`: from when on its time counts."""
    finish = nanoseconds(milestone.due)
    days = 0.0 if finish is None else max(0.0, calendar.day(finish) - calendar.day(begin))
    far = done.get(milestone.key, Done(Decimal(0), None))
    title = Text(milestone.title.en, milestone.title.zh)
    own = (milestone.key, title, "", None, milestone.owner, start, finish, days, ())
    return Piece(*own, far.percent, far.done_at, milestone.policy.seen)
