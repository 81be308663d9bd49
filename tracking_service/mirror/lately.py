"""Which points say nothing new and were written lately: thousands of lines need no point each minute."""

from collections.abc import Sequence
from typing import Final

from plumbline.series import Point

#: What says nothing new is written again after this: boards look for the state of now in the last quarter of an hour.
AGAIN_NS: Final = 5 * 60_000_000_000
#: Series that are remembered; of more than these all points are written.
MOST: Final = 100_000


class Lately:
    """Remembers what was written of each series: a hash of its fields, and when."""

    def __init__(self) -> None:
        self._written: dict[tuple[str, ...], tuple[int, int]] = {}

    def news(self, points: Sequence[Point]) -> list[Point]:
        """Those that say something new, or were not written lately."""
        return [point for point in points if not self._known(point)]

    def wrote(self, points: Sequence[Point]) -> None:
        """These stand in the store."""
        for point in points:
            key = _series(point)
            if key in self._written or len(self._written) < MOST:
                self._written[key] = (_said(point), point.at)

    def _known(self, point: Point) -> bool:
        said, at = self._written.get(_series(point), (0, 0))
        return at <= point.at < at + AGAIN_NS and said == _said(point)


def _series(point: Point) -> tuple[str, ...]:
    return point.measurement, *(part for tag in sorted(point.tags.items()) for part in tag)


def _said(point: Point) -> int:
    return hash(tuple(sorted(point.fields.items())))
