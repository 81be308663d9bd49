"""What belongs to a measurement and a tag set, found in bulk by the identity of the tags mapping."""

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from plumbline.series import Point

T = TypeVar("T")


class KnownTags(Generic[T]):
    """Remembers what `make` gave for a measurement and tags, at most `most` of them.

    The tags of points are never changed once they are there (`plumbline.series.Point`), so a mapping that was seen needs
    not be looked at again. The mappings are kept alive here: an identity whose owner is gone could come back as another's.
    """

    def __init__(self, make: Callable[[str, Mapping[str, str]], T], *, most: int) -> None:
        self._make = make
        self._most = most
        self._by_measurement: dict[str, dict[int, T]] = {}
        self._alive: list[Mapping[str, str]] = []

    def of(self, points: Sequence[Point]) -> list[T]:
        """What `make` says of each point, in order. Raises what `make` raises."""
        known = self._by_measurement
        try:
            return [known[point.measurement][id(point.tags)] for point in points]
        except KeyError:
            return [self._look(point.measurement, point.tags) for point in points]

    def _look(self, measurement: str, tags: Mapping[str, str]) -> T:
        known = self._by_measurement.get(measurement)
        if known is not None and id(tags) in known:
            return known[id(tags)]
        made = self._make(measurement, tags)
        if len(self._alive) >= self._most:
            self._by_measurement.clear()
            self._alive.clear()
        self._alive.append(tags)
        self._by_measurement.setdefault(measurement, {})[id(tags)] = made
        return made
