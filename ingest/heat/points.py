"""Sums of presence → points `heat`, `heat_15m` and `heat_1h`: one for each cell and source of a minute, quarter or hour."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from ingest.heat.presence import PARTS
from plumbline.grid import Cell, Grid
from plumbline.heat import LEVELS, MINUTE_NS
from plumbline.series import Measured

#: Minutes of an interval → the measurement that holds it.
MEASUREMENTS: Final[Mapping[int, str]] = {minutes: name for name, minutes in LEVELS.items()}


class Sum(NamedTuple):
    """What came together in a cell, as one source, in one interval."""

    minutes: int
    """How long the interval is: 1, 15 or 60."""
    begin: int
    """Its first minute since 1970; intervals are aligned to 1970."""
    column: int
    row: int
    source: str


def points(site: str, grid: Grid, sums: Iterable[tuple[Sum, int]]) -> list[Measured]:
    """The points of sums, which are given in `PARTS`."""
    tags: dict[tuple[int, int, str], dict[str, str]] = {}
    places: dict[tuple[int, int, str], tuple[float, float]] = {}
    made: list[Measured] = []
    for one, weight in sums:
        key = one.column, one.row, one.source
        if key not in tags:
            square = Cell(one.column, one.row)
            tags[key] = {"site": site, "cell": str(square), "source": one.source}
            places[key] = grid.centre(square)
        lat, lon = places[key]
        fields = {"lat": lat, "lon": lon, "weight": weight / PARTS}
        made.append(Measured(MEASUREMENTS[one.minutes], tags[key], fields, one.begin * MINUTE_NS))
    return made
