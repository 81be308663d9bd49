"""Event → points of the time-series store, by a table of kinds.

Tags are few-valued (`site`, `zone`, `device`). What is scanned, who checked in, ids and codes are fields. Heat does not come
from here: it is summed up over devices (`ingest.heat`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

from plumbline.event import CheckIn, Event, Fix, Health, Inspection, Reading, Scan, State
from plumbline.heat import LEVELS, MAPS
from plumbline.rollup import COVER, is_rolled
from plumbline.series import MIRRORED, FieldValue, Measured, Point
from plumbline.site import SiteFile, Zone

#: Measurements that are made by our services; a reading may not call itself so.
OWN_MEASUREMENTS: Final = (
    frozenset({*LEVELS, *MAPS.values(), COVER, "position", "scan", "check_in", "state", "inspection", "gateway_health"})
    | MIRRORED
)

Fields = dict[str, FieldValue]
_Tags = dict[str, str]

#: Tag sets that are kept of a site, per use: devices are named by gateways, so their number is not ours to trust.
_MOST_TAGS: Final = 10_000
_device: Final = attrgetter("device")


def is_own(measurement: str) -> bool:
    """Whether a reading may not call itself so: it would be written over what ingest computes."""
    return measurement in OWN_MEASUREMENTS or is_rolled(measurement)


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
        self._tags: dict[tuple[str, str | None], _Tags] = {}
        self._fixed_tags: dict[str, _Tags] = {}
        self._fixed = {device.id: device.zone for device in site.devices if device.zone is not None}

    def points(self, events: Iterable[Event]) -> list[Point]:
        """The points of events that `plumbline.codec` read (it vouches for names and numbers).

        Points of one series are in the order of their events.
        """
        every = events if isinstance(events, list) else list(events)
        kinds: set[type[Event]] = set(map(type, every))
        if kinds == {Reading}:
            return self._readings(every)
        made = self._readings([event for event in every if type(event) is Reading]) if Reading in kinds else []
        for event in every:
            if type(event) is Reading:
                continue
            measurement, form, fields = SERIES[type(event)]
            zone = self._zone_of(event)
            made.append(form(measurement, self._tags_of(event.device, zone), fields(event), event.at))
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
