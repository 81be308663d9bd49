"""Events → presence: that a device was in a cell during a minute, as what, and with which weight.

People, machines and scans weigh 1 whatever number of events says so; noise and dust weigh by `ingest.heat.limits`. Presence is
a set with a largest weight for each member: in which order events come, how they are cut into groups and how often they are
repeated makes no difference.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, cast
from zoneinfo import ZoneInfo

from ingest.heat.levels import Levels, Rise
from ingest.heat.limits import METRICS, MOST, Limit, limit_at
from plumbline.event import CheckIn, Event, Fix, Reading, Scan, State
from plumbline.heat import MINUTE_NS
from plumbline.site import SiteFile, Source

#: A fix less sure than this (metres) leaves no heat.
WORST_ACCURACY_M: Final = 50.0
#: Weights are counted in these parts of 1: sums of them are exact as floats, in any order and in any store.
PARTS: Final = 1024


class Presence(NamedTuple):
    """Somebody or something in a cell during a minute."""

    minute: int
    """Minutes since 1970, UTC."""
    column: int
    row: int
    source: Source
    device: str


Weights = dict[Presence, int]
"""Presence with its weight in `PARTS`."""


@dataclass(slots=True)
class Found:
    """What a group's events tell of."""

    weights: Weights
    levels: Levels
    rise: Rise = field(default_factory=Rise)

    def remember(self) -> None:
        """It is committed: readings that are no higher need not be weighed again."""
        self.levels.settle(self.rise)


class PresenceMaker:
    """Makes the presence of one site's events."""

    def __init__(self, site: SiteFile) -> None:
        self._grid = site.grid
        self._zone = ZoneInfo(site.timezone)
        self._people = {device.id for device in site.devices if device.source == "people"}
        self._squares = {zone.id: self._grid.cell(*centroid(zone.polygon)) for zone in site.zones}
        self._levels = Levels()
        self._stands = {device.id: self._squares[device.zone] for device in site.devices if device.zone is not None}

    def presence(self, events: Iterable[Event]) -> Found:
        """The presence that events tell of, with the largest weight that they give it; without what is remembered to be no less."""
        every = events if isinstance(events, list) else list(events)
        found = Found({}, self._levels)
        kinds: set[type[Event]] = set(map(type, every))
        if Reading in kinds:
            readings = cast("list[Reading]", every if len(kinds) == 1 else [one for one in every if type(one) is Reading])
            self._measured(readings, found)
        if Fix in kinds:
            self._fixes([one for one in every if type(one) is Fix], found.weights)
        for event in every if kinds - {Reading, Fix} else ():
            if (said := self._said(event)) is not None:
                found.weights[said] = PARTS
        return found

    def _fixes(self, fixes: Sequence[Fix], found: Weights) -> None:
        """Where receivers were; one that no file knows is a machine."""
        sure = [fix for fix in fixes if fix.accuracy_m is None or fix.accuracy_m <= WORST_ACCURACY_M]
        minutes = [fix.at // MINUTE_NS for fix in sure]
        cells = self._grid.cells([fix.lat for fix in sure], [fix.lon for fix in sure])
        for minute, (column, row), device in set(zip(minutes, cells, [fix.device for fix in sure], strict=True)):
            source: Source = "people" if device in self._people else "machines"
            found[Presence(minute, column, row, source, device)] = PARTS

    def _said(self, event: Event) -> Presence | None:
        """Presence in the zone where a device stands, or that a check-in names; an idle machine leaves none."""
        source: Source
        square = self._stands.get(event.device)
        if type(event) is Scan:
            source = "scans"
        elif type(event) is CheckIn:
            source = "people"
            square = self._squares.get(event.place, square)
        elif type(event) is State and event.state == "working":
            source = "machines"
        else:
            return None
        return None if square is None else Presence(event.at // MINUTE_NS, *square, source, event.device)

    def _measured(self, readings: Sequence[Reading], found: Found) -> None:
        """Noise and dust around sensors of which the site file says where they stand."""
        devices = [reading.device for reading in readings]
        if self._stands.keys().isdisjoint(devices):
            return
        values = [reading.values for reading in readings]
        wanted = METRICS.keys() & set[str]().union(*values)
        if not wanted:
            return
        found.rise = self._levels.rising(wanted, _minutes([reading.at for reading in readings]), devices, values)
        for (metric, minute), highest in found.rise.items():
            self._weigh(minute, METRICS[metric], highest, found.weights)

    def _weigh(self, minute: int, limit: Limit, highest: Mapping[str, float], found: Weights) -> None:
        allowed = limit_at(limit, self._zone, minute)
        stands = self._stands.get
        for device, value in highest.items():
            square = stands(device)
            weight = round(min(value / allowed, MOST) * PARTS)
            if square is None or weight < 1:
                continue
            where = Presence(minute, *square, limit.source, device)
            if weight > found.get(where, 0):
                found[where] = weight


def _minutes(times: Sequence[int]) -> Sequence[int]:
    """In which minute each of the times lies. A division of such numbers takes three times as long as a comparison."""
    first, last = min(times) // MINUTE_NS, max(times) // MINUTE_NS
    if first == last:
        return [first] * len(times)
    if first + 1 == last:
        border = last * MINUTE_NS
        return [last if at >= border else first for at in times]
    return [at // MINUTE_NS for at in times]


def centroid(ring: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """The centroid (lat, lon) of a polygon's outer ring of (lon, lat); of a ring without area, the mean of its corners."""
    corners = list(ring)
    x0, y0 = corners[0]  # near the ring, so that nothing is lost to cancellation
    area = east = north = 0.0
    for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True):
        cross = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        area += cross
        east += (x1 + x2 - 2 * x0) * cross
        north += (y1 + y2 - 2 * y0) * cross
    if abs(area) < 1e-18:
        return sum(y for _, y in corners) / len(corners), sum(x for x, _ in corners) / len(corners)
    return y0 + north / (3 * area), x0 + east / (3 * area)
