"""Where people and machines are at a minute of the story: pure functions, the same on every run.

A walker strolls between points of the zones where his work is; a machine goes round its own. Nobody teleports: positions are
a smooth function of time.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

Point = tuple[float, float]
"""Metres east and north of the site's origin."""

_ROUNDS: Final[dict[str, tuple[Point, ...]]] = {
    # the crew that unloads
    "wang-jun": ((-145, -5), (-115, 30), (-70, 60), (-60, 75), (-115, 10)),
    "sun-tao": ((-80, 55), (-50, 80), (-65, 62), (-110, 40)),
    "wu-hao": ((-70, -60), (-45, -75), (-85, -50), (-115, -30)),
    "xu-ping": ((-140, -8), (-118, -40), (-60, -62), (-118, 5)),
    # the erectors of tower A and of tower B
    "zhao-min": ((0, 20), (40, 30), (50, 70), (10, 65)),
    "he-yan": ((20, 40), (55, 45), (30, 72), (5, 30)),
    "zhou-lin": ((0, -20), (50, -25), (40, -65), (5, -60)),
    "guo-feng": ((25, -40), (55, -50), (15, -30)),
    # site engineer and project manager make the round
    "chen-wei": ((120, -65), (30, 0), (-60, 60), (-115, 0), (30, -45)),
    "li-na": ((110, -70), (95, 60), (45, 40), (130, -60)),
    "telehandler-1": ((-70, 50), (-118, 40), (-110, 0), (-20, 20), (-15, 60), (-60, 70)),
    "excavator-1": ((70, -20), (78, -5), (66, 0), (62, -15)),
}
#: Tower cranes do not walk.
CRANES: Final[dict[str, Point]] = {"crane-1": (25.0, 45.0), "crane-2": (25.0, -45.0)}
_PACE: Final[dict[str, float]] = {"telehandler-1": 3.0, "excavator-1": 0.8}


@dataclass(frozen=True)
class Round:
    """A closed walk through some points, `pace` metres a story second."""

    points: Sequence[Point]
    pace: float
    phase_m: float

    def at(self, minute: float) -> Point:
        """The position at a minute of the story."""
        legs = [math.dist(a, b) for a, b in zip(self.points, [*self.points[1:], self.points[0]], strict=True)]
        along = (self.phase_m + self.pace * 6 * minute) % sum(legs)
        for a, b, leg in zip(self.points, [*self.points[1:], self.points[0]], legs, strict=True):
            if along <= leg:
                share = (
                    (1 - math.cos(math.pi * along / leg)) / 2 if leg else 0.0
                )  # slow at the points: that is where the work is
                return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share
            along -= leg
        return self.points[0]


def rounds() -> dict[str, Round]:
    """Everybody's walk."""
    dice = random.Random(20260101)  # noqa: S311 - scenery, not secrets
    return {name: Round(points, _PACE.get(name, 1.0), dice.uniform(0, 100)) for name, points in _ROUNDS.items()}
