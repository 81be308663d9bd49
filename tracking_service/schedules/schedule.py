"""A schedule as every planning program means it, whatever file it came from.

Times are the project's wall clock without a zone, because no planning file has one; who takes a schedule in says the zone of
its site. Names of things inside the file are its own (`uid`), so that links can be followed; what people see is `id`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from tracking_service.schedules.calendars import MINUTES_PER_DAY, Calendar

LinkKind = Literal["FS", "SS", "FF", "SF"]
Format = Literal["MSPDI", "PMXML", "XER", "MPX", "CSV", "XLSX"]

#: More tasks than any plan that people keep.
MAX_TASKS: Final = 100_000
_REMARKS: Final = 100


@dataclass(frozen=True, slots=True)
class Span:
    """So many minutes: of working time, or `elapsed` by the clock, nights and holidays with them."""

    minutes: float
    elapsed: bool = False

    def days(self, minutes_per_day: float) -> float:
        """In days: working days of so many minutes, or days of the clock."""
        return self.minutes / (1_440.0 if self.elapsed else minutes_per_day)


@dataclass(frozen=True, slots=True)
class Predecessor:
    """A link: this task waits for another."""

    uid: str
    kind: LinkKind = "FS"
    lag: Span = field(default_factory=lambda: Span(0.0))
    lag_percent: float | None = None
    """The lag as a share of the predecessor's duration, in percent; `lag` says only whether it is elapsed."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task, a summary of tasks, or a milestone."""

    uid: str
    id: str
    title: str
    wbs: str = ""
    level: int = 1
    """Outline level; 0 is the project itself where the file lists it as a task."""
    parent: str | None = None
    start: datetime | None = None
    finish: datetime | None = None
    duration: Span | None = None
    milestone: bool = False
    summary: bool = False
    percent: float | None = None
    predecessors: Sequence[Predecessor] = ()
    calendar: str | None = None
    active: bool = True
    external: bool = False
    """It stands for a task of another project."""
    line: int = 0
    """Where in the file it stands."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One project of a file."""

    format: Format
    project: str
    """What the file calls the project."""
    title: str
    tasks: Sequence[Task]
    calendars: Mapping[str, Calendar] = field(default_factory=dict[str, Calendar])
    calendar: str | None = None
    minutes_per_day: float = MINUTES_PER_DAY
    dates_only: bool = False
    """The file has days without times: a finish means the end of its day."""
    remarks: Sequence[str] = ()
    """What was left out or guessed, and why: nothing is dropped silently."""


class Remarks:
    """What a reader left out: each kind once, with how often and where first; bounded."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, str]] = {}

    def add(self, what: str, where: str) -> None:
        """Note that `what` was met at `where`."""
        if what in self._seen:
            count, first = self._seen[what]
            self._seen[what] = (count + 1, first)
        elif len(self._seen) < _REMARKS:
            self._seen[what] = (1, where)
        else:
            count, first = self._seen.get("more remarks than are shown", (0, where))
            self._seen["more remarks than are shown"] = (count + 1, first)

    def told(self) -> tuple[str, ...]:
        """One sentence each."""
        return tuple(
            f"{first}: {what}" if count == 1 else f"{first} and {count - 1} more: {what}"
            for what, (count, first) in self._seen.items()
        )
