"""Points that are vouched for, as columns of numbers: no look at each value, and no row is ever made."""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, compress
from operator import attrgetter
from typing import Any, Final, Self, cast

from ingest.series.limits import EARLIEST, LATEST
from plumbline.series import FieldValue, Point

_AT: Final = attrgetter("at")
_FIELDS: Final = attrgetter("fields")
_MEASUREMENT: Final = attrgetter("measurement")
_VALUES: Final[Callable[[dict[str, FieldValue]], Iterable[float]]] = cast("Any", dict).values

Shape = tuple[str, tuple[str, ...]]
"""A measurement and the names of the fields, in the order in which a device says them."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Points of one shape: `values[k][i]` is field `k` of point `i`, which stands at `places[i]` of its batch."""

    shape: Shape
    places: Sequence[int]
    series: "array[int]"
    times: "array[int]"
    values: Sequence["array[float]"]

    def __len__(self) -> int:
        return len(self.times)

    def chosen(self, which: Sequence[bool]) -> Self:
        """The points for which `which` is true at their places in the batch."""
        return self.where(list(map(which.__getitem__, self.places)))

    def where(self, marks: Sequence[bool]) -> Self:
        """The points for which `marks` is true, index by index."""
        return type(self)(
            self.shape,
            list(compress(self.places, marks)),
            array("i", compress(self.series, marks)),
            array("q", compress(self.times, marks)),
            [array("d", compress(column, marks)) for column in self.values],
        )


def columns_of(
    points: Sequence[Point], numbers: Callable[[Sequence[Point]], list[int]], note: Callable[[Shape], None]
) -> list[Columns] | None:
    """Points as columns, one `Columns` a shape; `None` where a value is none that columns can hold.

    `numbers` gives the series of the points; `note` is told each shape. Raises what these two raise.
    """
    fields = cast("list[dict[str, FieldValue]]", list(map(_FIELDS, points)))
    if set(map(type, fields)) != {dict} or not all(fields):
        return None
    try:
        times = array("q", map(_AT, points))
    except (OverflowError, TypeError):
        return None
    if min(times) < EARLIEST or max(times) > LATEST:
        return None
    measurements, names = set(map(_MEASUREMENT, points)), set(map(tuple, fields))
    if len(measurements) == len(names) == 1:  # nearly always: no need to keep the names of each
        shape = measurements.pop(), names.pop()
        note(shape)
        values = _values(fields, len(shape[1]))
        return None if values is None else [Columns(shape, range(len(points)), array("i", numbers(points)), times, values)]
    shapes = list(zip(map(_MEASUREMENT, points), map(tuple, fields), strict=True))
    for shape in dict.fromkeys(shapes):  # in order: the first to come takes the room that there is
        note(shape)
    return _by_shape(shapes, fields, array("i", numbers(points)), times)


def _by_shape(
    shapes: Sequence[Shape], fields: Sequence[dict[str, FieldValue]], series: "array[int]", times: "array[int]"
) -> list[Columns] | None:
    places: defaultdict[Shape, list[int]] = defaultdict(list)
    for place, shape in enumerate(shapes):
        places[shape].append(place)
    made: list[Columns] = []
    for shape, mine in places.items():
        values = _values([fields[place] for place in mine], len(shape[1]))
        if values is None:
            return None
        chosen = array("i", [series[place] for place in mine]), array("q", [times[place] for place in mine])
        made.append(Columns(shape, mine, *chosen, values))
    return made


def _values(fields: Sequence[dict[str, FieldValue]], width: int) -> "list[array[float]] | None":
    """The columns of dictionaries whose keys come in one order; `None` where one of the values is no finite number."""
    try:
        flat = array("d", list(chain.from_iterable(map(_VALUES, fields))))
        total = sum(flat)
    except (TypeError, OverflowError):
        return None
    if total - total != 0.0:  # infinities and not-a-number stay in a sum
        return None
    return [flat[first::width] for first in range(width)]
