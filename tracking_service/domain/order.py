"""What has arrived of an order's line, and how an order stands against its dates."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

from tracking_service.domain.milestone import WARN_NS, Rag, Silence, quietest

LineState = Literal["waiting", "partial", "arrived", "over", "short"]


def line_state(*, expected: Decimal, arrived: Decimal, needed_by: int | None, now: int) -> LineState:
    """How a line stands: `short` is less than expected when it was needed."""
    if arrived > expected:
        return "over"
    if arrived == expected:
        return "arrived"
    if needed_by is not None and needed_by <= now:
        return "short"
    return "partial" if arrived else "waiting"


Standing = Literal["complete", "partial", "nothing", "late"]


class LineStanding(NamedTuple):
    """How a line stands, in four words and with the colour that a board gives it."""

    state: Standing
    rag: Rag


def line_standing(
    *, expected: Decimal, arrived: Decimal, needed_by: int | None, now: int, silent: Iterable[Silence] = ()
) -> LineStanding:
    """How a line stands by the rule for milestones: `unknown` is a colour, where a silent gateway may know better."""
    if arrived >= expected:
        return LineStanding("complete", "green")
    so_far: Standing = "partial" if arrived else "nothing"
    if needed_by is None or needed_by - now > WARN_NS:
        return LineStanding(so_far, "green")
    if needed_by > now:
        return LineStanding(so_far, "yellow")
    return LineStanding(so_far, "unknown") if quietest(silent, needed_by) else LineStanding("late", "red")


def order_percent(percents: Sequence[float]) -> float:
    """How far an order is: the mean of its milestones (without any: of its lines), 0 to 100, rounded down to hundredths."""
    return int(100 * sum(percents) / len(percents)) / 100 if percents else 0.0


def on_time(parts: Sequence[tuple[int | None, int | None]]) -> bool | None:
    """Whether a finished order was in time, by (due, done at) of its milestones; `None`: not finished, or nothing was due."""
    dated = [(due, done) for due, done in parts if due is not None]
    if not dated or any(done is None for _, done in parts):
        return None
    return all(done is not None and done <= due for due, done in dated)
