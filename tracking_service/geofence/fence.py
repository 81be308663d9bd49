"""A zone in local metres, and how likely a position that is known to some accuracy lies in it.

The error of a fix is taken as round and normal. Its share of a polygon is an integral over the polygon's edges (Green's
theorem): exact for every shape, a narrow road as well as a corner, and cheap, since only edges within a few sigma count.
A geometry library would tell in from out and cut circles; it has no such integral, so none is used.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

import msgspec

from plumbline.grid import Grid
from plumbline.site import SiteFile, Zone

#: Radius of the circle that holds 68 % of a round normal error, in its sigmas: sqrt(-2 ln 0.32).
RADIUS_68: Final = math.sqrt(-2 * math.log(0.32))
#: What a receiver is trusted to where it does not say (metres, 68 %), as in `ingest.projection.movement`.
USUAL_ACCURACY_M: Final = 10.0
#: No receiver is trusted to more than this, and none said to be worse tells anything of a zone.
_BEST_M: Final = 0.5
_WORST_M: Final = 100_000.0
#: So many sigmas from a border a fix is as sure as a number can say.
_FAR: Final = 7.0
_ROOT_2: Final = math.sqrt(2)
_DENSITY: Final = 1 / math.sqrt(2 * math.pi)
#: Gauss-Legendre, five points on 0..1: exact enough over a step of two sigmas (an error below 1e-5).
_NODES: Final = (
    (0.04691007703066800, 0.11846344252809454),
    (0.23076534494715845, 0.23931433524968324),
    (0.5, 0.28444444444444444),
    (0.76923465505284155, 0.23931433524968324),
    (0.95308992296933200, 0.11846344252809454),
)
_STEP: Final = 2.0
_SECOND: Final = 1_000_000_000
_SURE: Final = 1e-12


def sigma_of(accuracy_m: float | None) -> float:
    """Sigma along each axis (metres) of a fix whose circle of 68 % has this radius; `None`: the receiver does not say."""
    if accuracy_m is None or not accuracy_m > 0:
        accuracy_m = USUAL_ACCURACY_M
    return min(max(accuracy_m, _BEST_M), _WORST_M) / RADIUS_68


@dataclass(frozen=True, slots=True)
class Fence:
    """A zone's border.

    Attributes:
        zone: its id.
        ring: corners in metres east and north of the site's origin, counterclockwise, not closed.
        area: square metres.
        width: metres: of a square its side, of a long strip twice its width.
        west: the box around it, metres, and so on.
        enter: who is in for so long (ns) has entered.
        leave: who is out for so long (ns) has left.
    """

    zone: str
    ring: tuple[tuple[float, float], ...]
    area: float
    width: float
    west: float
    south: float
    east: float
    north: float
    enter: int
    leave: int

    def probability(self, east: float, north: float, sigma: float) -> float:
        """How likely (0 to 1) a fix at these metres, with this sigma along each axis, was taken inside."""
        reach = _FAR * sigma
        if not (self.west - reach < east < self.east + reach and self.south - reach < north < self.north + reach):
            return 0.0
        x1, y1 = self.ring[-1]
        x1, y1 = (x1 - east) / sigma, (y1 - north) / sigma
        total = 0.0
        for x, y in self.ring:
            x2, y2 = (x - east) / sigma, (y - north) / sigma
            # left of the box the share is nothing, above and below it too
            if not ((y1 > _FAR and y2 > _FAR) or (y1 < -_FAR and y2 < -_FAR) or (x1 < -_FAR and x2 < -_FAR)):
                total += _along(x1, y1, x2, y2)
            x1, y1 = x2, y2
        return min(max(total, 0.0), 1.0)

    def log_odds(self, probability: float, sigma: float) -> float:
        """What a fix with that `probability` says for (positive) or against being inside: the logarithm of the odds.

        A zone that is small beside the error holds little of it wherever the device is: such a fix says nothing, not 'out'.
        """
        spread = 2 * math.pi * sigma * sigma
        seen = min(self.area, self.width * max(self.width, math.sqrt(spread)))
        p = min(max(probability, _SURE), 1 - _SURE)
        return math.log(p / (1 - p) * (1 + spread / seen))

    def distance(self, east: float, north: float) -> float:
        """Metres from a point to the zone; 0 inside."""
        if self.holds(east, north):
            return 0.0
        return min(_to_edge(east, north, one, other) for one, other in pairwise((*self.ring, self.ring[0])))

    def holds(self, east: float, north: float) -> bool:
        """Whether a point lies inside (even-odd rule)."""
        inside = False
        x1, y1 = self.ring[-1]
        for x2, y2 in self.ring:
            if (y1 > north) != (y2 > north) and east < (x2 - x1) * (north - y1) / (y2 - y1) + x1:
                inside = not inside
            x1, y1 = x2, y2
        return inside


def fences_of(site: SiteFile) -> Sequence[Fence]:
    """The zones of a site, in the file's order."""
    return _fences(site.lat, site.lon, site.zones)


def digest_of(site: SiteFile) -> str:
    """A short name of how a site's zones lie: another one where a border or the origin moved."""
    told = msgspec.json.encode((site.lat, site.lon, [(zone.id, zone.kind, zone.polygon) for zone in site.zones]))
    return hashlib.sha256(told).hexdigest()


@lru_cache(maxsize=256)
def _fences(lat: float, lon: float, zones: tuple[Zone, ...]) -> Sequence[Fence]:
    grid = Grid(lat, lon)
    return tuple(fence(zone.id, [grid.metres(y, x) for x, y in zone.polygon], kind=zone.kind) for zone in zones)


def fence(zone: str, corners: Sequence[tuple[float, float]], *, kind: str = "work") -> Fence:
    """A fence around corners in metres, given in either direction, closed or not; `kind`: of the zone.

    Who passes a gate or drives along a road is there for seconds; elsewhere a few seconds are a way past.
    """
    ring = [*corners[:-1]] if len(corners) > 1 and corners[0] == corners[-1] else [*corners]
    closed = [*ring, ring[0]]
    x0, y0 = ring[0]
    doubled = sum((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0) for (x1, y1), (x2, y2) in pairwise(closed))
    round_it = sum(math.dist(one, other) for one, other in pairwise(closed))
    area = max(abs(doubled) / 2, 1e-6)
    xs, ys = [x for x, _ in ring], [y for _, y in ring]
    passing = kind in ("gate", "traffic")
    return Fence(
        zone=zone,
        ring=tuple(ring if doubled >= 0 else ring[::-1]),
        area=area,
        width=max(4 * area / max(round_it, 1e-6), 1e-3),
        west=min(xs),
        south=min(ys),
        east=max(xs),
        north=max(ys),
        enter=(3 if passing else 10) * _SECOND,
        leave=(10 if passing else 30) * _SECOND,
    )


def _share(z: float) -> float:
    """The normal distribution below `z`."""
    return 0.5 * math.erfc(-z / _ROOT_2)


def _along(x1: float, y1: float, x2: float, y2: float) -> float:
    """An edge's part of the integral of share(x) density(y) dy, in sigmas from the fix."""
    if y1 == y2:
        return 0.0
    if x1 >= _FAR and x2 >= _FAR:
        return _share(y2) - _share(y1)
    # only what lies within the box around the fix needs a closer look; an edge enters and leaves it once
    start, end = 0.0, 1.0
    dx, dy = x2 - x1, y2 - y1
    for low, high, at, by in ((-_FAR, _FAR, y1, dy), (-_FAR, _FAR, x1, dx)):
        if by:
            one, other = (low - at) / by, (high - at) / by
            start, end = max(start, min(one, other)), min(end, max(one, other))
        elif not low <= at <= high:
            start = end
    if start >= end:  # it passes the box by: to its left nothing, to its right everything
        return _share(y2) - _share(y1) if x1 + (x2 - x1) * _middle(y1, y2) > 0 else 0.0
    total = _through(x1, y1, dx, dy, start, end)
    if x1 + start * dx > _FAR / 2:
        total += _share(y1 + start * dy) - _share(y1)
    if x1 + end * dx > _FAR / 2:
        total += _share(y2) - _share(y1 + end * dy)
    return total


def _through(x: float, y: float, dx: float, dy: float, start: float, end: float) -> float:  # noqa: PLR0917 - a line and a part of it
    """The same of the part of an edge (from x, y, along dx, dy) that lies within the box."""
    steps = max(1, math.ceil(math.hypot(dx, dy) * (end - start) / _STEP))
    width = (end - start) / steps
    total = 0.0
    for step in range(steps):
        at = start + step * width
        for node, weight in _NODES:
            t = at + node * width
            level = y + t * dy
            total += weight * 0.5 * math.erfc(-(x + t * dx) / _ROOT_2) * math.exp(-0.5 * level * level)
    return total * width * dy * _DENSITY


def _middle(y1: float, y2: float) -> float:
    """Where along an edge it is level with the fix, as far as it goes."""
    return min(max(-y1 / (y2 - y1), 0.0), 1.0)


def _to_edge(x: float, y: float, one: tuple[float, float], other: tuple[float, float]) -> float:
    dx, dy = other[0] - one[0], other[1] - one[1]
    length = dx * dx + dy * dy
    t = min(max(((x - one[0]) * dx + (y - one[1]) * dy) / length, 0.0), 1.0) if length else 0.0
    return math.hypot(x - one[0] - t * dx, y - one[1] - t * dy)
