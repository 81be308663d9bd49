"""A local metre grid over a site: the cells of the heatmap.

Within a few kilometres a plane is true enough: metres east and north of the site's origin, with WGS 84's radii of
curvature at that latitude (error below 0.1 % at 10 km).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

_A: Final = 6_378_137.0
"""WGS 84 semi-major axis, metres."""
_E2: Final = 6.694_379_990_14e-3
"""WGS 84 first eccentricity squared."""


class Cell(NamedTuple):
    """A square of the grid: `column` counts east and `row` north of the origin's square."""

    column: int
    row: int

    def __str__(self) -> str:
        """The cell's name as a tag value, for example `12_-3`."""
        return f"{self.column}_{self.row}"


@dataclass(frozen=True)
class Grid:
    """The grid of one site: its origin (degrees) and the side of a cell (metres)."""

    origin_lat: float
    origin_lon: float
    cell_m: float = 10.0

    @cached_property
    def _metres_per_degree(self) -> tuple[float, float]:
        phi = math.radians(self.origin_lat)
        w = math.sqrt(1 - _E2 * math.sin(phi) ** 2)
        return math.radians(1) * _A * (1 - _E2) / w**3, math.radians(1) * _A / w * math.cos(phi)

    def metres(self, lat: float, lon: float) -> tuple[float, float]:
        """Metres (east, north) of a position from the origin."""
        north, east = self._metres_per_degree
        return (math.remainder(lon - self.origin_lon, 360) * east, (lat - self.origin_lat) * north)

    def position(self, east_m: float, north_m: float) -> tuple[float, float]:
        """Position (lat, lon) in degrees of a point given in metres from the origin."""
        north, east = self._metres_per_degree
        return self.origin_lat + north_m / north, math.remainder(self.origin_lon + east_m / east, 360)

    def cell(self, lat: float, lon: float) -> Cell:
        """The cell that holds a position."""
        east_m, north_m = self.metres(lat, lon)
        return Cell(math.floor(east_m / self.cell_m), math.floor(north_m / self.cell_m))

    def cells(self, lats: Iterable[float], lons: Iterable[float]) -> list[tuple[int, int]]:
        """Column and row of the cells that hold many positions: what `cell` says of each, in a quarter of the time."""
        north, east = self._metres_per_degree
        lat_0, lon_0, side = self.origin_lat, self.origin_lon, self.cell_m
        floor, remainder = math.floor, math.remainder
        return [
            (floor(remainder(lon - lon_0, 360) * east / side), floor((lat - lat_0) * north / side))
            for lat, lon in zip(lats, lons, strict=True)
        ]

    def centre(self, cell: Cell) -> tuple[float, float]:
        """Position (lat, lon) of the middle of a cell."""
        return self.position((cell.column + 0.5) * self.cell_m, (cell.row + 0.5) * self.cell_m)
