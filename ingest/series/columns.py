"""Points that are vouched for, as columns of numbers: no look at each value, and no row is ever made."""

from array import array
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Self, cast

import numpy as np

from ingest.series.limits import EARLIEST, LATEST
from plumbline.series import FieldValue, Point

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
    fields = cast("list[dict[str, FieldValue]]", [point.fields for point in points])
    if set(map(type, fields)) != {dict} or not all(fields):
        return None
    try:
        times = array("q", [point.at for point in points])
    except (OverflowError, TypeError):
        return None
    when = np.frombuffer(times, np.int64)
    if when.min() < EARLIEST or when.max() > LATEST:
        return None
    measurements, names = {point.measurement for point in points}, tuple(fields[0])
    if len(measurements) == 1 and set(map(len, fields)) == {len(names)}:
        try:  # nearly always all have one shape, in whatever order they say it
            values = _values(fields, names)
        except KeyError:
            pass
        else:
            shape = measurements.pop(), names
            note(shape)
            if values is None:
                return None
            return [Columns(shape, range(len(points)), array("i", numbers(points)), times, values)]
    shapes = [(point.measurement, tuple(point.fields)) for point in points]
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
        values = _values([fields[place] for place in mine], shape[1])
        if values is None:
            return None
        chosen = array("i", [series[place] for place in mine]), array("q", [times[place] for place in mine])
        made.append(Columns(shape, mine, *chosen, values))
    return made


def _values(fields: Sequence[dict[str, FieldValue]], names: Sequence[str]) -> "list[array[float]] | None":
    """The columns of dictionaries; `None` where one of the values is no finite number. Raises `KeyError` where a name is missing."""
    try:
        columns = [array("d", cast("list[float]", [some[name] for some in fields])) for name in names]
    except (TypeError, OverflowError):
        return None
    return columns if all(np.isfinite(np.frombuffer(column)).all() for column in columns) else None
