"""How likely a fix lies in a zone: the share of a normal error over a polygon."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.site import SiteFile, Zone
from tracking_service.geofence.fence import RADIUS_68, digest_of, fence, fences_of, sigma_of

SQUARE = ((0.0, 0.0), (100.0, 0.0), (100.0, 100.0), (0.0, 100.0))


def below(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


@given(
    st.floats(-300, 300),
    st.floats(-300, 300),
    st.floats(0.4, 200),
    st.tuples(st.floats(5, 200), st.floats(5, 200)),
    st.booleans(),
)
def test_of_a_rectangle_it_is_the_product_of_two_intervals(east, north, sigma, size, clockwise):
    width, height = size
    corners = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
    one = fence("zone", corners[::-1] if clockwise else corners)
    expected = (below((width - east) / sigma) - below(-east / sigma)) * (
        below((height - north) / sigma) - below(-north / sigma)
    )
    assert one.probability(east, north, sigma) == pytest.approx(expected, abs=2e-5)


@given(st.floats(0, 2 * math.pi), st.floats(-80, 80), st.floats(-80, 80), st.floats(1, 60))
def test_it_does_not_depend_on_how_the_site_is_turned(turn, east, north, sigma):
    shape = [(-50.0, -50.0), (60.0, -40.0), (10.0, 0.0), (40.0, 70.0), (-30.0, 20.0)]

    def turned(x: float, y: float) -> tuple[float, float]:
        return x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)

    straight = fence("zone", shape).probability(east, north, sigma)
    oblique = fence("zone", [turned(*corner) for corner in shape]).probability(*turned(east, north), sigma)
    assert oblique == pytest.approx(straight, abs=2e-4)


def test_far_inside_it_is_certain_and_far_outside_it_is_not_at_all():
    one = fence("zone", SQUARE)
    assert one.probability(50, 50, 1) == pytest.approx(1)
    assert one.probability(500, 50, 10) == 0
    assert one.probability(0, 50, 3) == pytest.approx(0.5, abs=1e-4)
    assert one.probability(0, 0, 3) == pytest.approx(0.25, abs=1e-4)


@given(st.floats(-200, 200), st.floats(-200, 200))
def test_a_fix_that_is_much_coarser_than_the_zone_says_nothing(east, north):
    one = fence("zone", SQUARE)
    assert abs(one.log_odds(one.probability(east, north, 20_000), 20_000)) < 0.1


def test_a_road_of_ten_metres_is_entered_by_who_drives_on_it_with_an_ordinary_receiver():
    road = fence("road", [(0, 0), (10, 0), (10, 400), (0, 400)], kind="traffic")
    sigma = sigma_of(10)
    assert road.log_odds(road.probability(5, 200, sigma), sigma) > 0
    assert road.log_odds(road.probability(-25, 200, sigma), sigma) < -2


@pytest.mark.parametrize("said", [None, 0.0, -3.0, math.nan])
def test_a_receiver_that_does_not_say_how_sure_it_is_is_trusted_to_ten_metres(said):
    assert sigma_of(said) == pytest.approx(10 / RADIUS_68)


@given(st.one_of(st.none(), st.floats()))
def test_the_sigma_of_whatever_a_receiver_says_is_a_sensible_number(said):
    assert 0.1 < sigma_of(said) < 1e5


@given(st.floats(-300, 300), st.floats(-300, 300))
def test_the_distance_is_nothing_inside_and_grows_outside(east, north):
    one = fence("zone", SQUARE)
    outside = math.hypot(max(-east, 0, east - 100), max(-north, 0, north - 100))
    assert one.distance(east, north) == pytest.approx(outside)


def site(**changes) -> SiteFile:
    zone = Zone(
        id="yard", title_en="Yard", title_zh="堆场", kind="storage", polygon=((121.5, 31.2), (121.501, 31.2), (121.501, 31.201))
    )
    known = {
        "id": "s",
        "title_en": "S",
        "title_zh": "S",
        "timezone": "Asia/Shanghai",
        "lat": 31.2,
        "lon": 121.5,
        "zones": (zone,),
    }
    return SiteFile(**(known | changes))


def test_zones_of_a_site_are_fences_in_its_metres():
    (yard,) = fences_of(site())
    assert (yard.zone, round(yard.east), round(yard.north)) == ("yard", 95, 111)
    assert yard.area == pytest.approx(95.3 * 110.9 / 2, rel=0.01)


def test_a_border_that_moves_changes_the_digest_and_a_title_does_not():
    moved = site(
        zones=(
            Zone(
                id="yard",
                title_en="Yard",
                title_zh="堆场",
                kind="storage",
                polygon=((121.5, 31.2), (121.502, 31.2), (121.501, 31.201)),
            ),
        )
    )
    assert digest_of(site(title_en="Other")) == digest_of(site())
    assert digest_of(moved) != digest_of(site())
