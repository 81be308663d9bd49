"""Events become points by a table."""

import math

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ingest.projection.points import OWN_MEASUREMENTS, SERIES, PointMaker
from plumbline.event import KINDS, CheckIn, Event, Fix, Reading
from plumbline.heat import LEVELS, MAPS
from plumbline.ids import is_name
from plumbline.rollup import COVER
from plumbline.series import MIRRORED, Measured, Point
from tests.batches import NOON, SECOND, SITE, check_in, fix, health, reading, scan, state

maker = PointMaker(SITE)


def only(event):
    (point,) = maker.points([event])
    return point


def test_every_kind_has_a_series():
    assert {*SERIES, Reading} == set(KINDS.values())
    assert {name for name, _, _ in SERIES.values()} | {*LEVELS, *MAPS.values(), COVER} == OWN_MEASUREMENTS - MIRRORED


def test_a_reading_names_its_measurement_and_carries_its_values_and_the_zone_of_a_fixed_device():
    point = only(reading(1))
    assert (point.measurement, point.at) == ("environment", NOON + SECOND)
    assert point.tags == {"site": "yard", "device": "node", "zone": "gate"}
    assert point.fields == {"pm2_5": 13.0, "noise_db": 60.5}


def test_what_is_scanned_is_a_field_and_never_a_tag():
    point = only(scan(7))
    assert point.fields == {"text": "x7", "format": "Code128", "id": scan(7).id}
    assert set(point.tags) == {"site", "device", "zone"}


def test_a_fix_gets_the_zone_it_lies_in():
    assert only(fix(1)).tags["zone"] == "gate"
    assert "zone" not in only(fix(1, lat=31.3)).tags


def test_gateway_health_tells_how_many_readers_fail():
    assert only(health(1)).fields == {"disk_free_bytes": 1e9 + 1, "readers_total": 2.0, "readers_failing": 1.0}


@given(st.lists(st.sampled_from([scan(1), check_in(2), state(3), fix(4), fix(5, lat=31.21), reading(6)]), max_size=12))
def test_points_of_many_are_the_union_of_the_points_of_each(events):
    def keyed(points):
        return {(p.measurement, tuple(sorted(p.tags.items())), p.at): p.fields for p in points}

    apart = {}
    for event in events:
        apart |= keyed(maker.points([event]))
    assert keyed(maker.points(events)) == apart


@given(st.floats(-90, 90), st.floats(-180, 180), st.integers(0, 2**63 - 1), st.none() | st.floats(0, 1e9))
def test_any_position_makes_points(lat, lon, at, accuracy):
    event: Event = fix(1, lat=lat, lon=lon, accuracy_m=accuracy, at=at)
    assert isinstance(event, Fix)
    assert maker.points([event])


def test_a_badge_reader_of_unknown_place_takes_the_zone_of_its_device():
    event = msgspec.structs.replace(check_in(1), place="Tor 3", device="scanner")
    assert isinstance(event, CheckIn)
    assert only(event).tags["zone"] == "gate"


def test_what_a_gateway_measured_is_vouched_for_and_what_it_was_told_is_not():
    made = maker.points([reading(1), fix(2), health(3), scan(4)])
    assert {point.measurement: type(point) for point in made} == {
        "environment": Measured,
        "position": Measured,
        "gateway_health": Measured,
        "scan": Point,
    }
    for point in made:
        if type(point) is Measured:
            assert all(type(value) is float and math.isfinite(value) for value in point.fields.values())
            assert all(map(is_name, point.fields))


def test_points_of_equal_tags_share_them_so_that_a_store_knows_them_again():
    first, second = maker.points([reading(1), reading(2)])
    (again,) = maker.points([reading(3)])
    assert first.tags is second.tags is again.tags
    assert only(scan(1)).tags is only(scan(2)).tags


def test_readings_among_other_events_are_the_points_that_they_are_alone():
    mixed = [reading(1), fix(2), reading(3), health(4)]
    alone = maker.points([reading(1), reading(3)])
    assert [point for point in maker.points(iter(mixed)) if point.measurement == "environment"] == alone


def test_a_flood_of_devices_is_forgotten():
    own = PointMaker(SITE)
    for i in range(30):
        made = own.points([msgspec.structs.replace(reading(1), device=f"d{i}-{j}") for j in range(1000)])
        assert [point.tags["device"] for point in made] == [f"d{i}-{j}" for j in range(1000)]
    assert len(own._fixed_tags) <= 11_000
    assert len(own._tags) <= 11_000
    (point,) = own.points([reading(1)])
    assert point.tags == {"site": "yard", "device": "node", "zone": "gate"}
