"""An order against its plan, all together: dates, critical path, colours, shortages, the finish to expect, health."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from decimal import Decimal

from plumbline.text import Text
from tracking_service.document import OrderDocument, nanoseconds
from tracking_service.domain.milestone import Assessment, Silence, hiding
from tracking_service.planning.colour import DEFAULT, Rule, assess, planned
from tracking_service.planning.forecast import forecast
from tracking_service.planning.history import Cases
from tracking_service.planning.network import Dates, schedule
from tracking_service.planning.score import Score, Standing, score
from tracking_service.planning.shortage import AHEAD_NS, Shortage, Wanted, shortages
from tracking_service.planning.work import Done, Piece, Work, deliveries_of, start_of, work_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of an order and around it."""

    document: OrderDocument
    zone: tzinfo
    """The site's."""
    now: int
    done: Mapping[str, Done]
    """By milestone key."""
    arrived: Mapping[str, Decimal]
    """By line."""
    silent: Sequence[Silence] = ()
    clock: str = ""
    """How the start of the longest silence reads on the site's clock."""
    paces: Cases = field(default_factory=lambda: Cases(()))
    """Of the company's finished work, where the order has too little of its own."""
    delays: Mapping[str, Cases] = field(default_factory=dict[str, Cases])
    """By supplier: days behind the promise."""
    standing: Standing | None = None
    """What the score needs beside the plan; the parts that follow from the plan are filled in here."""
    rule: Rule = DEFAULT


@dataclass(frozen=True, slots=True)
class TaskOutlook:
    """A task against the plan. Times are UTC, ns."""

    piece: Piece
    early_start: int
    early_finish: int
    late_finish: int
    float_days: float
    """Working days that it may slip without moving the order's date; negative: it moves it already."""
    critical: bool
    """It is on the critical path (`Outlook.critical`), or a part of it is."""
    standing: Assessment


@dataclass(frozen=True, slots=True)
class Finish:
    """When it will be finished, as it looks, and what that rests on."""

    p50: int
    p80: int
    paces: int
    delays: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """An order against its plan."""

    tasks: Sequence[TaskOutlook]
    due: int | None
    finish: int | None
    """By the network alone: what is left in its planned time, from now on. `None`: there is no work."""
    critical: Sequence[str]
    """The critical path that is left, in order of time."""
    behind: Decimal | None
    """Percent behind the plan at the worst of its milestones; `None`: nothing has a plan."""
    shortages: Sequence[Shortage]
    expected: Finish | None
    """`None`: too few cases, or nothing is left."""
    score: Score | None


def outlook(known: Known) -> Outlook:
    """Put an order against its plan. Raises `RingError` where its tasks wait for each other by way of their summaries."""
    work = work_of(known.document, zone=known.zone, now=known.now, done=known.done)
    tasks = work.tasks(known.now)
    today = work.calendar.day(known.now)
    dates = schedule(tasks, due=None if work.due is None else work.calendar.day(work.due), now=today)
    found = shortages(_wanted(known), known.now, known.delays)
    drawn = forecast(
        known.document.number,
        tasks,
        now=today,
        pace=own if (own := work.paces()).enough else known.paces,
        deliveries=deliveries_of(known.document, work.calendar, known.arrived, known.delays),
    )
    behind = _behind(known)
    critical = _critical(dates, work)
    marked = _with_summaries(critical, work)
    return Outlook(
        [_task(piece, dates[key], work, known, critical=key in marked) for key, piece in work.pieces.items()],
        work.due,
        work.calendar.end(max(each.early_finish for each in dates.values())) if dates else None,
        critical,
        behind,
        found,
        None
        if drawn is None
        else Finish(work.calendar.end(drawn.p50), work.calendar.end(drawn.p80), drawn.paces, drawn.delays),
        None if known.standing is None else score(_standing(known, known.standing, behind, found)),
    )


def _task(piece: Piece, dates: Dates, work: Work, known: Known, *, critical: bool) -> TaskOutlook:
    standing = assess(
        percent=piece.percent,
        done_at=piece.done_at,
        start=piece.start,
        due=piece.finish,
        now=known.now,
        silent=hiding(known.silent, seen=piece.seen),
        clock=known.clock,
        rule=known.rule,
    )
    end = work.calendar.end
    return TaskOutlook(
        piece,
        work.calendar.at(dates.early_start),
        end(dates.early_finish),
        end(dates.late_finish),
        round(dates.total_float, 2),
        critical,
        standing,
    )


def _critical(dates: Mapping[str, Dates], work: Work) -> Sequence[str]:
    """With a date of its own an order may have no task without float, or many: critical is then what has the least."""
    parents = {piece.parent for piece in work.pieces.values()}
    open_ = {key: dates[key] for key, piece in work.pieces.items() if key not in parents and piece.done_at is None}
    if not open_:
        return ()
    least = min(each.total_float for each in open_.values())
    path = [key for key, each in open_.items() if each.total_float <= least + 1e-4]
    return sorted(path, key=lambda key: (open_[key].early_start, open_[key].early_finish, key))


def _with_summaries(keys: Sequence[str], work: Work) -> set[str]:
    """Tasks, and the summaries that have them among their parts."""
    found = set[str]()
    for key in keys:
        above: str | None = key
        while above is not None and above in work.pieces and above not in found:
            found.add(above)
            above = work.pieces[above].parent
    return found


def _behind(known: Known) -> Decimal | None:
    gaps = [
        should - known.done[milestone.key].percent
        for milestone in known.document.milestones
        if milestone.key in known.done
        and (should := planned(start_of(milestone, known.document), nanoseconds(milestone.due), known.now)) is not None
    ]
    return max(gaps, default=None)


def _wanted(known: Known) -> Sequence[Wanted]:
    return [
        Wanted(
            line.line,
            Text(line.title.en, line.title.zh),
            line.unit,
            line.quantity,
            known.arrived.get(line.line, Decimal(0)),
            nanoseconds(line.needed_by),
            nanoseconds(line.promised),
            line.supplier,
        )
        for line in known.document.lines
    ]


def _standing(known: Known, given: Standing, behind: Decimal | None, found: Sequence[Shortage]) -> Standing:
    soon = [line for line in _wanted(known) if line.needed_by is not None and line.needed_by - known.now <= AHEAD_NS]
    late = [
        milestone
        for milestone in known.document.milestones
        if (due := nanoseconds(milestone.due)) is not None
        and due <= known.now
        and known.done.get(milestone.key, Done(Decimal(0), None)).done_at is None
    ]
    short = {one.line for one in found}
    lines = {line.line for line in soon} | short
    return given._replace(behind=behind, late=len(late), needed=len(lines), short=len(short))
