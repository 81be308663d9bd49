"""Which points of a batch can be taken in bulk."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from plumbline.series import Measured, Point

_MEASUREMENT: Final = attrgetter("measurement")


def vouched(points: Sequence[Point]) -> tuple[Sequence[Point], Sequence[Point]]:
    """The points that are vouched for, and the others; each in order, and no series has points in both."""
    types = set(map(type, points))
    if types == {Measured}:
        return points, ()
    if Measured not in types:
        return (), points
    measured = [point for point in points if type(point) is Measured]
    others = [point for point in points if type(point) is not Measured]
    # Points of one series may be one point: where both kinds name a measurement, their order in the batch counts.
    apart = set(map(_MEASUREMENT, measured)).isdisjoint(map(_MEASUREMENT, others))
    return (measured, others) if apart else ((), points)
