"""Heat in the series store: how it lies there, and how a window is put together.

It lies there twice, both absolute: ingest writes an interval whole, and again when it has changed; intervals are aligned to 1970.

- For boards, a point for each cell: measurements `heat`, `heat_15m`, `heat_1h`, tags `site`, `cell`, `source`, fields `lat`, `lon` (the
  cell's middle) and `weight`.
- For maps, a point for each sheet of 32 by 32 cells: `heat_map`, `heat_map_15m`, `heat_map_1h`, tags `site`, `source`, `sheet`, fields
  `cells` (JSON: place in the sheet, weight, place, weight …), `first_column`, `first_row` and the grid `lat`, `lon`, `cell_m`. A database that
  reads a thousand series for a thousand cells is slow; sheets are a handful.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, cast

import msgspec

from plumbline.grid import Cell, Grid
from plumbline.series import HeatCell
from plumbline.site import Source

MINUTE_NS: Final = 60_000_000_000

#: Measurement of cells → minutes of its intervals, the longest first.
LEVELS: Final = {"heat_1h": 60, "heat_15m": 15, "heat": 1}
#: Minutes of its intervals → measurement of sheets.
MAPS: Final = {60: "heat_map_1h", 15: "heat_map_15m", 1: "heat_map"}
#: Cells along a sheet's side.
SIDE: Final = 32

_cells: Final = msgspec.json.Decoder(list[float])


class Part(NamedTuple):
    """A part of a window: the sheets of one measurement from a time on (ns), up to but without another."""

    measurement: str
    start: int
    end: int


class Sheet(NamedTuple):
    """The weights of one source in a square of cells during one interval."""

    source: str
    cells: str
    """JSON: a flat array of places (row by row from the sheet's south-west corner) and weights in turn."""
    first_column: float
    first_row: float
    lat: float
    lon: float
    cell_m: float


def split(start: int, end: int) -> list[Part]:
    """The fewest parts that hold exactly the minutes that begin in a window (half-open, ns): at most five."""
    open_ends = [(-(-start // MINUTE_NS), -(-end // MINUTE_NS))]
    found: list[Part] = []
    for every, measurement in MAPS.items():
        left: list[tuple[int, int]] = []
        for first, last in open_ends:
            begin, stop = -(-first // every) * every, last // every * every
            if begin < stop:
                found.append(Part(measurement, begin * MINUTE_NS, stop * MINUTE_NS))
                left += [(first, begin), (stop, last)]
            else:
                left.append((first, last))
        open_ends = [(first, last) for first, last in left if first < last]
    return found


def packed(weights: Mapping[int, float]) -> str:
    """`Sheet.cells` of weights by place; equal weights give equal text."""
    return "[" + ",".join(f"{place},{weight:.17g}" for place, weight in sorted(weights.items())) + "]"


def cells_of(sheets: Iterable[Sheet]) -> list[HeatCell]:
    """The cells of sheets of any intervals, summed up. Raises `ValueError` where one does not hold what a sheet holds."""
    summed: dict[tuple[float, ...], dict[str, dict[int, float]]] = {}
    for sheet in sheets:
        by_place = summed.setdefault(sheet[2:], {}).setdefault(sheet.source, {})
        so_far = by_place.get
        numbers = iter(_cells.decode(sheet.cells))
        for place, weight in zip(numbers, numbers, strict=True):
            by_place[cast("int", place)] = so_far(cast("int", place), 0.0) + weight
    found: list[HeatCell] = []
    for (column, row, lat, lon, cell_m), by_source in summed.items():
        grid = Grid(lat, lon, cell_m)
        for source, by_place in by_source.items():
            for place, weight in by_place.items():
                north, east = divmod(int(place), SIDE)
                cell = Cell(int(column) + east, int(row) + north)
                found.append(HeatCell(str(cell), cast("Source", source), *grid.centre(cell), weight))
    return found
