"""Web Mercator (EPSG:3857) as the square world of XYZ tiles: x and y from 0 to 1, from the north-west corner."""

import math
from typing import Final

#: Beyond this latitude the square world ends.
EDGE: Final = math.degrees(math.atan(math.sinh(math.pi)))
TILE_PX: Final = 256

Place = tuple[float, float]


def world(lon: float, lat: float) -> Place:
    """Where a position (WGS 84, degrees) lies in the square."""
    bounded = math.radians(max(-EDGE, min(EDGE, lat)))
    return lon / 360 + 0.5, 0.5 - math.asinh(math.tan(bounded)) / (2 * math.pi)


def position(x: float, y: float) -> Place:
    """Longitude and latitude of a place in the square."""
    return (x - 0.5) * 360, math.degrees(math.atan(math.sinh((0.5 - y) * 2 * math.pi)))
