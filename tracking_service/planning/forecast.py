"""When it will be finished: P50 and P80, drawn from the order's own pace and its suppliers' delays.

What is left is scheduled many times; each time every open task takes its planned time times a pace that was seen before (on
this order where it has cases enough, else on the company's), and every open delivery comes with a delay that its supplier had
before. Of the finishes half lie before P50 and four of five before P80. The draws depend on the order's name alone, so the
same state gives the same answer. With too few cases it says nothing.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from tracking_service.planning.draws import Days, finishes
from tracking_service.planning.history import Cases
from tracking_service.planning.network import Net, Task

#: So often what is left is scheduled.
DRAWS: Final = 400
#: Of very large networks less often: so many dates are drawn at most (16 MB), but always so often.
_DATES: Final = 1_000_000
_FEWEST: Final = 100


class Delivery(NamedTuple):
    """Material that completes some tasks and has not all come. In working days, as the network's."""

    supplier: str | None
    promised: float
    tasks: tuple[str, ...]
    """Which tasks do not end before it comes."""
    arrivals: tuple[float, ...] = ()
    """When it would come with each of the delays that its supplier had; none: too few are known, its word counts."""
    cases: int = 0
    """How many deliveries of the supplier that rests on."""


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
    name: str, tasks: Sequence[Task], *, now: float, pace: Cases, deliveries: Sequence[Delivery] = (), draws: int = DRAWS
) -> Forecast | None:
    """Draw the finish of an order; `None` where nothing is left, or too few cases say how it will go.

    Args:
        name: of the order: makes the draws its own and repeatable.
        tasks: with what is left of their durations.
        now: working days since the network's day 0.
        pace: how many times their planned duration finished work took.
        deliveries: what is still to come.
        draws: how often what is left is scheduled.
    """
    cases = {delivery.supplier: delivery.cases for delivery in deliveries if delivery.arrivals}
    net = Net(tasks)
    left = any(task.finished is None for key, task in net.leaves.items() if key not in net.moments)
    if not left or not (pace.enough or cases):
        return None
    draws = min(draws, max(_FEWEST, _DATES // len(net.leaves)))
    chance = np.random.default_rng(list(hashlib.sha256(name.encode()).digest()))
    comes = _comes(deliveries, now, chance, draws)
    found = np.sort(finishes(net, _durations(net, pace, chance, draws), now=now, comes=comes))
    return Forecast(_at(found, 0.5), _at(found, 0.8), pace.count if pace.enough else 0, sum(cases.values()))


def _durations(net: Net, pace: Cases, chance: np.random.Generator, draws: int) -> Mapping[str, Days]:
    """What slows one task down slows the next one too: half of each task's pace is the order's."""
    paces = np.array(pace.values if pace.enough else (1.0,))
    common = chance.choice(paces, draws)
    return {
        key: task.duration * (common + chance.choice(paces, draws)) / 2
        for key, task in net.leaves.items()
        if task.finished is None
    }


def _comes(deliveries: Sequence[Delivery], now: float, chance: np.random.Generator, draws: int) -> Mapping[str, Days]:
    """By task: when the last of what completes it comes. What is overdue had none of the delays that are over."""
    comes: dict[str, Days] = {}
    for delivery in deliveries:
        ahead = [at for at in delivery.arrivals or (delivery.promised,) if at > now] or [now]
        there = chance.choice(np.array(ahead), draws)
        for task in delivery.tasks:
            comes[task] = np.maximum(comes[task], there) if task in comes else there
    return comes


def _at(values: Days, share: float) -> float:
    return float(values[min(len(values) - 1, int(share * len(values)))])
