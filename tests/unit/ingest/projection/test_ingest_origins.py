"""Refused points are traced to their events, each event looked at once."""

from ingest.projection.origins import origins
from ingest.projection.points import PointMaker
from plumbline.series import Point
from tests.batches import NOON, SITE, reading, scan, state


def test_each_point_finds_its_event_though_others_have_its_device_or_its_time():
    events = [reading(1), reading(2, at=NOON), reading(3, at=NOON), state(4), scan(5)]
    maker = PointMaker(SITE)
    points = [point for event in reversed(events) for point in maker.points([event]) if point.measurement != "heat"]
    assert origins(points, events, lambda event: maker.points([event])) == events[::-1]


def test_a_point_of_no_event_has_none():
    stranger = Point("environment", {"site": "yard", "device": "node"}, {"pm2_5": 1.0}, NOON)
    assert origins([stranger], [reading(1)], lambda event: PointMaker(SITE).points([event])) == [None]


def test_thousands_of_points_of_one_device_cost_each_event_one_look():
    events = [reading(n) for n in range(1, 3001)]
    maker, looks = PointMaker(SITE), []

    def made(event):
        looks.append(event)
        return maker.points([event])

    points = [point for event in events for point in maker.points([event])]
    assert origins(points, events, made) == events
    assert len(looks) == len(events)
