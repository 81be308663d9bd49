"""When it will be finished: P50 and P80, drawn from the order's own pace and its suppliers' delays.

What is left is scheduled many times; each time every open task takes its planned time times a pace that was seen before (on
this order where it has cases enough, else on the company's), and every open delivery comes with a delay that its supplier had
before. Of the finishes half lie before P50 and four of five before P80. The draws depend on the order's name alone, so the
same state gives the same answer. With too few cases it says nothing.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from tracking_service.planning.history import Cases
from tracking_service.planning.network import Task, schedule

#: So often what is left is scheduled.
DRAWS: Final = 400


class Delivery(NamedTuple):
    """Material that some task waits for and that has not all come. In working days, as the network's."""

    supplier: str | None
    promised: float
    tasks: tuple[str, ...]
    """Which tasks wait for it."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The finish in working days, and what it rests on."""

    p50: float
    p80: float
    paces: int
    """How many finished tasks or milestones the pace rests on."""
    delays: int
    """How many deliveries the delays rest on."""


def forecast(
    name: str,
    tasks: Sequence[Task],
    *,
    now: float,
    pace: Cases,
    deliveries: Sequence[Delivery] = (),
    delays: Mapping[str, Cases] | None = None,
    draws: int = DRAWS,
) -> Forecast | None:
    """Draw the finish of an order; `None` where nothing is left, or too few cases say how it will go.

    Args:
        name: of the order: makes the draws its own and repeatable.
        tasks: with what is left of their durations.
        now: working days since the network's day 0.
        pace: how many times their planned duration finished work took.
        deliveries: what is still to come.
        delays: by supplier, working days behind the promise; one with too few cases is taken at its word.
        draws: how often what is left is scheduled.
    """
    given = {one.supplier for one in deliveries}
    telling = {supplier: cases for supplier, cases in (delays or {}).items() if supplier in given and cases.enough}
    if all(task.finished is not None for task in tasks) or not (pace.enough or telling):
        return None
    left = _Left(tasks, now, pace if pace.enough else None, deliveries, telling)
    chance = random.Random(name)  # noqa: S311 - a forecast, not a secret
    finishes = sorted(left.finish(chance) for _ in range(draws))
    return Forecast(
        _at(finishes, 0.5),
        _at(finishes, 0.8),
        pace.count if pace.enough else 0,
        sum(cases.count for cases in telling.values()),
    )


@dataclass(frozen=True, slots=True)
class _Left:
    """What is left to do and to come, and how such things went before."""

    tasks: Sequence[Task]
    now: float
    pace: Cases | None
    deliveries: Sequence[Delivery]
    delays: Mapping[str, Cases]

    def finish(self, chance: random.Random) -> float:
        """One way in which it may go."""
        waits = self._waits(chance)
        # what slows one task down slows the next one too: half of each task's pace is the order's
        common = self._pace(chance)
        drawn = [
            task
            if task.finished is not None
            else replace(
                task,
                duration=task.duration * (common + self._pace(chance)) / 2,
                not_before=max(task.not_before or 0.0, waits.get(task.key, 0.0)),
            )
            for task in self.tasks
        ]
        return max(dates.early_finish for dates in schedule(drawn, now=self.now).values())

    def _pace(self, chance: random.Random) -> float:
        return 1.0 if self.pace is None else chance.choice(self.pace.values)

    def _waits(self, chance: random.Random) -> Mapping[str, float]:
        """By task: when the last of what it waits for comes."""
        waits: dict[str, float] = {}
        for delivery in self.deliveries:
            cases = self.delays.get(delivery.supplier or "")
            there = max(self.now, delivery.promised + (chance.choice(cases.values) if cases is not None else 0.0))
            for task in delivery.tasks:
                waits[task] = max(waits.get(task, there), there)
        return waits


def _at(values: Sequence[float], share: float) -> float:
    return values[min(len(values) - 1, int(share * len(values)))]
