"""Event → points of the time-series store: a table of kinds, and the heat that a site's movements leave.

Tags are few-valued (`site`, `zone`, `device`; for heat `cell` and `source` too). What is scanned, who checked in, ids and
codes are fields. A point of heat says that a device was in a cell during a minute: its time is the minute's start and its
weight always 1, so that it may be written any number of times, by anybody, and still counts once.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

from plumbline.event import CheckIn, Event, Fix, Health, Inspection, Reading, Scan, State
from plumbline.grid import Cell
from plumbline.series import FieldValue, Measured, Point
from plumbline.site import SiteFile, Source, Zone

#: Measurements that are made here; a reading may not call itself so.
OWN_MEASUREMENTS: Final = frozenset({"heat", "position", "scan", "check_in", "state", "inspection", "gateway_health"})
#: A fix less sure than this (metres) leaves no heat.
WORST_ACCURACY_M: Final = 50.0
MINUTE_NS: Final = 60_000_000_000

Fields = dict[str, FieldValue]
_Tags = dict[str, str]
_Presence = tuple[str, Cell, int, Source]

#: Tag sets that are kept of a site, per use: devices are named by gateways, so their number is not ours to trust.
_MOST_TAGS: Final = 10_000
_device: Final = attrgetter("device")


def _fix(event: Fix) -> Fields:
    fields: Fields = {"lat": event.lat, "lon": event.lon}
    if event.speed_mps is not None:
        fields["speed_mps"] = event.speed_mps
    if event.accuracy_m is not None:
        fields["accuracy_m"] = event.accuracy_m
    return fields


def _scan(event: Scan) -> Fields:
    fields: Fields = {"text": event.text, "id": event.id}
    if event.format is not None:
        fields["format"] = event.format
    return fields


def _check_in(event: CheckIn) -> Fields:
    return {
        "person": event.person,
        "place": event.place,
        "direction": event.direction,
        "method": event.method,
        "change": 1.0 if event.direction == "in" else -1.0,
    }


def _state(event: State) -> Fields:
    fields: Fields = {"state": event.state, "working": 1.0 if event.state == "working" else 0.0}
    if event.code is not None:
        fields["code"] = event.code
    return fields


def _inspection(event: Inspection) -> Fields:
    fields: Fields = {"check": event.check, "result": event.result, "passed": 1.0 if event.result == "passed" else 0.0}
    if event.order is not None:
        fields["order"] = event.order
    return fields


def _health(event: Health) -> Fields:
    failing = sum(word != "ok" for word in event.readers.values())
    return {**event.values, "readers_total": float(len(event.readers)), "readers_failing": float(failing)}


#: Kind → (measurement, what its point is, its fields). A reading names its own measurement and its values are the fields.
SERIES: Final[Mapping[type[Event], tuple[str, type[Point], Callable[[Any], Fields]]]] = {
    Fix: ("position", Measured, _fix),
    Scan: ("scan", Point, _scan),
    CheckIn: ("check_in", Point, _check_in),
    State: ("state", Point, _state),
    Inspection: ("inspection", Point, _inspection),
    Health: ("gateway_health", Measured, _health),
}


class PointMaker:
    """Makes the points of one site's events; keeps what does not change from event to event ready.

    Points of equal tags share one mapping of them, as long as it is kept: stores recognise it.
    """

    def __init__(self, site: SiteFile) -> None:
        self._site = site
        self._grid = site.grid
        self._tags: dict[tuple[str, str | None], _Tags] = {}
        self._fixed_tags: dict[str, _Tags] = {}
        self._heat_tags: dict[tuple[str, Cell, Source], _Tags] = {}
        self._squares: dict[str, Cell] = {}
        self._fixed = {device.id: device.zone for device in site.devices if device.zone is not None}

    def points(self, events: Iterable[Event]) -> list[Point]:
        """The points of events that `plumbline.codec` read (it vouches for names and numbers), each heat point once.

        Points of one series are in the order of their events.
        """
        every = events if isinstance(events, list) else list(events)
        kinds: set[type[Event]] = set(map(type, every))
        if kinds == {Reading}:
            return self._readings(every)
        made = self._readings([event for event in every if type(event) is Reading]) if Reading in kinds else []
        heat: dict[_Presence, Point] = {}
        for event in every:
            if type(event) is Reading:
                continue
            measurement, form, fields = SERIES[type(event)]
            zone = self._zone_of(event)
            made.append(form(measurement, self._tags_of(event.device, zone), fields(event), event.at))
            self._heat_of(event, zone, heat)
        made.extend(heat.values())
        return made

    def _readings(self, readings: Sequence[Any]) -> list[Point]:
        tags = self._fixed_tags
        try:
            return [Measured(one.measurement, tags[one.device], one.values, one.at) for one in readings]
        except KeyError:  # a device that was not seen yet
            if len(tags) > _MOST_TAGS:
                tags.clear()
            for device in set(map(_device, readings)):
                if device not in tags:
                    tags[device] = self._tags_of(device, self._fixed.get(device))
            return [Measured(one.measurement, tags[one.device], one.values, one.at) for one in readings]

    def _zone_of(self, event: Event) -> str | None:
        if type(event) is Fix:
            zone: Zone | None = self._site.zone_at(event.lat, event.lon)
            return zone.id if zone else None
        if type(event) is CheckIn and event.place in self._site.zones_by_id:
            return event.place
        return self._fixed.get(event.device)

    def _tags_of(self, device: str, zone: str | None) -> _Tags:
        tags = self._tags.get((device, zone))
        if tags is None:
            if len(self._tags) > _MOST_TAGS:
                self._tags.clear()
            tags = {"site": self._site.id, "device": device}
            if zone is not None:
                tags["zone"] = zone
            self._tags[device, zone] = tags
        return tags

    def _heat_of(self, event: Event, zone: str | None, heat: dict[_Presence, Point]) -> None:
        source = self._source_of(event)
        if source is None:
            return
        if type(event) is Fix:
            square = self._grid.cell(event.lat, event.lon)
        elif zone is not None:
            square = self._square_of(zone)
        else:
            return
        minute = event.at - event.at % MINUTE_NS
        key = (event.device, square, minute, source)
        if key not in heat:
            lat, lon = self._grid.centre(square)
            tags = self._heat_tags_of(event.device, square, source)
            heat[key] = Measured("heat", tags, {"lat": lat, "lon": lon, "weight": 1.0}, minute)

    def _heat_tags_of(self, device: str, square: Cell, source: Source) -> _Tags:
        tags = self._heat_tags.get((device, square, source))
        if tags is None:
            if len(self._heat_tags) > _MOST_TAGS:
                self._heat_tags.clear()
            tags = {"site": self._site.id, "cell": str(square), "source": source, "device": device}
            self._heat_tags[device, square, source] = tags
        return tags

    def _source_of(self, event: Event) -> Source | None:
        """What an event counts as: an undeclared receiver is a machine, an idle machine leaves no heat."""
        if type(event) is Fix:
            if event.accuracy_m is not None and event.accuracy_m > WORST_ACCURACY_M:
                return None
            device = self._site.devices_by_id.get(event.device)
            return "people" if device is not None and device.source == "people" else "machines"
        if type(event) is Scan:
            return "scans"
        if type(event) is CheckIn:
            return "people"
        if type(event) is State and event.state == "working":
            return "machines"
        return None

    def _square_of(self, zone: str) -> Cell:
        """The cell in which a zone's centroid lies."""
        square = self._squares.get(zone)
        if square is None:
            square = self._squares[zone] = self._grid.cell(*centroid(self._site.zones_by_id[zone].polygon))
        return square


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
