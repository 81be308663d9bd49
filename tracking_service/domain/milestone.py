"""Milestones: how far the evidence takes them, and how they stand against their date.

`advance` is the pure step `(state, observation) → (state, events)`. It works on observation time: in whatever order scans
come in, and however often, the same scans give the same state.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal, NamedTuple

from plumbline.text import Text, amount

#: People hear when a percentage passes these.
STEPS: Final = (25, 50, 75)
#: So long before its date an unfinished milestone turns yellow.
WARN_NS: Final = 3 * 24 * 3600 * 1_000_000_000
#: Policies of what gateways see; signatures are given at the office.
_SEEN: Final = ('"material_arrived"', '"equipment_working"', '"crew_checked_in"', '"reading_held"', '"inspection_passed"')

Rag = Literal["green", "yellow", "red", "unknown"]
Standing = Literal["open", "done", "unknown"]


class Required(NamedTuple):
    """A line that a policy counts on, and how much of it."""

    line: str
    expected: Decimal


@dataclass(frozen=True, slots=True)
class MaterialArrived:
    """Done when of every line at least `ratio` × the expected quantity has arrived."""

    required: tuple[Required, ...]
    ratio: Decimal
    """Above 0, at most 1."""

    @property
    def sentence(self) -> Text:
        """The policy as people read it."""
        lines, share = len(self.required), amount(self.ratio * 100)
        return Text(
            f"Done when {share} % of each of {lines} material line{'' if lines == 1 else 's'} has arrived",
            f"{lines} 行物料每行到货 {share}% 即完成",
        )


class Arrival(NamedTuple):
    """A scan that brought some of a line."""

    at: int
    """Observation time: UTC, ns."""
    event_id: str
    line: str
    piece: str
    """What arrived, as an identity within the line."""
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a milestone is, and the evidence: exactly the arrivals that count."""

    counted: Mapping[tuple[str, str], Arrival] = field(default_factory=dict[tuple[str, str], Arrival])
    """By line and piece: of several scans of a piece, the earliest."""
    percent: Decimal = Decimal(0)
    """0 to 100, rounded down to hundredths: 100 means done."""
    done_at: int | None = None
    """Observation time of the arrival that completed it."""


@dataclass(frozen=True, slots=True)
class Passed:
    """The percentage passed a step."""

    step: int


@dataclass(frozen=True, slots=True)
class Completed:
    """The milestone was reached."""

    at: int


@dataclass(frozen=True, slots=True)
class Reopened:
    """What was done is not any more: the order asks for more, or evidence was taken back."""


@dataclass(frozen=True, slots=True)
class ShortAtDue:
    """The date has come, the material has not."""

    due: int


MilestoneEvent = Passed | Completed | Reopened | ShortAtDue


def advance(
    policy: MaterialArrived, progress: Progress, arrivals: Iterable[Arrival]
) -> tuple[Progress, tuple[MilestoneEvent, ...]]:
    """Take in arrivals of any lines, in any order, known or new; say what changed for people."""
    lines = {required.line for required in policy.required}
    counted = count((arrival for arrival in arrivals if arrival.line in lines), progress.counted)
    after = _assessed(policy, counted)
    return after, changes(before=progress.percent, after=after)


def count(
    arrivals: Iterable[Arrival], known: Mapping[tuple[str, str], Arrival] | None = None
) -> Mapping[tuple[str, str], Arrival]:
    """Add arrivals to those that count: of several scans of a piece only the earliest does."""
    counted = dict(known or {})
    for arrival in arrivals:
        key = (arrival.line, arrival.piece)
        counted[key] = min(arrival, counted.get(key, arrival))
    return counted


def arrived(counted: Iterable[Arrival]) -> Mapping[str, Decimal]:
    """Quantity by line."""
    sums: dict[str, Decimal] = {}
    for arrival in counted:
        sums[arrival.line] = sums.get(arrival.line, Decimal(0)) + arrival.quantity
    return sums


def changes(*, before: Decimal, after: Progress) -> tuple[MilestoneEvent, ...]:
    """What people should hear of a percentage that moved: the highest step passed, or that it is done."""
    if after.done_at is not None:
        return (Completed(after.done_at),) if before < 100 else ()
    if before >= 100:
        return (Reopened(),)
    passed = [step for step in STEPS if before < step <= after.percent]
    return (Passed(passed[-1]),) if passed else ()


def _assessed(policy: MaterialArrived, counted: Mapping[tuple[str, str], Arrival]) -> Progress:
    sums = arrived(counted.values())
    fraction = _fraction(policy, sums)
    percent = Decimal(int(fraction * 10_000)) / 100
    return Progress(counted, percent, _completed_at(policy, counted) if fraction == 1 else None)


def _fraction(policy: MaterialArrived, sums: Mapping[str, Decimal]) -> Fraction:
    """The mean of the lines' own fractions: pieces and tonnes do not add up."""
    parts = [
        min(Fraction(1), Fraction(sums.get(required.line, Decimal(0))) / (Fraction(required.expected) * Fraction(policy.ratio)))
        for required in policy.required
    ]
    return sum(parts, Fraction(0)) / len(parts)


def _completed_at(policy: MaterialArrived, counted: Mapping[tuple[str, str], Arrival]) -> int:
    missing = {required.line: required.expected * policy.ratio for required in policy.required}
    for arrival in sorted(counted.values()):
        left = missing.get(arrival.line)
        if left is None:
            continue
        if left <= arrival.quantity:
            del missing[arrival.line]
            if not missing:
                return arrival.at
        else:
            missing[arrival.line] = left - arrival.quantity
    raise AssertionError("a fraction of one is made of arrivals that complete every line")


class Silence(NamedTuple):
    """A gateway that does not speak: behind `since` (UTC, ns) nothing is known of what it saw."""

    gateway: str
    since: int


class Assessment(NamedTuple):
    """How a milestone stands now."""

    state: Standing
    rag: Rag
    reason: Text


def quietest(silent: Iterable[Silence], due: int) -> Silence | None:
    """The gateway that has been silent longest of those that may have seen something before `due` and not told it."""
    return min((quiet for quiet in silent if quiet.since < due), key=lambda quiet: quiet.since, default=None)


def hiding(policy: str, silent: Sequence[Silence]) -> Sequence[Silence]:
    """Of these silences those that may hide something that a policy (its JSON) counts on: none of signatures and dates."""
    return silent if any(kind in policy for kind in _SEEN) else ()


def longest(silent: Iterable[Silence], now: int) -> Silence | None:
    """The gateway that has been silent longest."""
    return quietest(silent, now)


_WORST: Final[tuple[Rag, ...]] = ("red", "unknown", "yellow", "green")


def worst(colours: Iterable[Rag]) -> Rag:
    """The colour of an order: that of its worst milestone; without milestones nothing is known."""
    seen = set(colours)
    for colour in _WORST:
        if colour in seen:
            return colour
    return "unknown"
