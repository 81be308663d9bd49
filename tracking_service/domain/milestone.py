"""What happens to milestones that people hear of, how they stand, and what a silent gateway may hide of that."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from plumbline.text import Text

#: People hear when a percentage passes these.
STEPS: Final = (25, 50, 75)
#: So long before its date an unfinished milestone turns yellow.
WARN_NS: Final = 3 * 24 * 3600 * 1_000_000_000

Rag = Literal["green", "yellow", "red", "unknown"]
Standing = Literal["open", "done", "unknown"]


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


def hiding(silent: Sequence[Silence], *, seen: bool) -> Sequence[Silence]:
    """Of these silences those that may hide something that a policy counts on; `seen`: it counts on what gateways see."""
    return silent if seen else ()


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
