"""Sums of presence → the points of heat (`plumbline.heat`): of single cells for boards, of sheets of cells for maps."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from ingest.heat.presence import PARTS
from plumbline.grid import Cell, Grid
from plumbline.heat import LEVELS, MAPS, MINUTE_NS, SIDE, packed
from plumbline.series import Measured, Point

#: Minutes of an interval → the measurement that holds its cells.
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

    @property
    def sheet(self) -> tuple[int, int, int, int, str]:
        """What it shares with all cells of its sheet."""
        return self.minutes, self.begin, self.column // SIDE, self.row // SIDE, self.source


def points(site: str, grid: Grid, sums: Mapping[Sum, int], changed: Iterable[Sum]) -> list[Point]:
    """The points of the sums that have changed, in `PARTS`; `sums` holds all of each interval, for a sheet is written whole."""
    tags: dict[tuple[int, int, str], dict[str, str]] = {}
    places: dict[tuple[int, int, str], tuple[float, float]] = {}
    made: list[Point] = []
    sheets: set[tuple[int, int, int, int, str]] = set()
    for one in changed:
        sheets.add(one.sheet)
        key = one.column, one.row, one.source
        if key not in tags:
            square = Cell(one.column, one.row)
            tags[key] = {"site": site, "cell": str(square), "source": one.source}
            places[key] = grid.centre(square)
        lat, lon = places[key]
        fields = {"lat": lat, "lon": lon, "weight": sums[one] / PARTS}
        made.append(Measured(MEASUREMENTS[one.minutes], tags[key], fields, one.begin * MINUTE_NS))
    made.extend(_sheets(site, grid, sums, sheets))
    return made


def _sheets(site: str, grid: Grid, sums: Mapping[Sum, int], wanted: set[tuple[int, int, int, int, str]]) -> Iterator[Point]:
    weights: defaultdict[tuple[int, int, int, int, str], dict[int, float]] = defaultdict(dict)
    for one, weight in sums.items():
        if (sheet := one.sheet) in wanted:
            weights[sheet][one.row % SIDE * SIDE + one.column % SIDE] = weight / PARTS
    for (minutes, begin, east, north, source), by_place in weights.items():
        fields = {
            "cells": packed(by_place),
            "first_column": float(east * SIDE),
            "first_row": float(north * SIDE),
            "lat": grid.origin_lat,
            "lon": grid.origin_lon,
            "cell_m": grid.cell_m,
        }
        tags = {"site": site, "source": source, "sheet": f"{east}_{north}"}
        yield Point(MAPS[minutes], tags, fields, begin * MINUTE_NS)
