"""Events become presence: a set, with a largest weight for each member."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.heat.limits import METRICS, MOST, NOISE, PM10, limit_at
from ingest.heat.presence import PARTS, PresenceMaker, centroid
from plumbline.event import CheckIn, Fix
from plumbline.grid import Cell
from tests.batches import NOON, SECOND, SITE, check_in, fix, health, reading, scan, state

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
maker = PresenceMaker(SITE)


def presence(*events):
    return maker.presence(list(events)).weights


def measured(device="node", at=NOON, **values):
    return msgspec.structs.replace(reading(1, at=at), device=device, values=values)


def test_a_device_in_a_cell_in_a_minute_counts_once_however_often_it_reports():
    (one,) = presence(*(fix(i) for i in range(1, 59))).items()
    where, weight = one
    assert (where.minute, where.source, where.device) == (NOON // MINUTE, "machines", "crane")
    assert Cell(where.column, where.row) == SITE.grid.cell(31.2001, 121.4001)
    assert weight == PARTS
    assert len(presence(*(fix(i) for i in range(1, 180)))) == 3


def test_the_source_follows_from_the_kind_of_device_and_the_place_from_the_zone_of_a_fixed_one():
    sources = {
        where.device: where.source for where in presence(scan(1), check_in(1), state(1), fix(1, device="helmet"), fix(1))
    }
    assert sources == {
        "scanner": "scans",
        "badge": "people",
        "mixer": "machines",
        "helmet": "people",
        "crane": "machines",
    }
    (scanned,), (checked,) = presence(scan(1)), presence(check_in(1))
    assert (scanned.column, scanned.row) == (checked.column, checked.row)


def test_a_check_in_counts_where_it_says_and_one_at_an_unknown_place_where_its_reader_stands():
    elsewhere = msgspec.structs.replace(check_in(1), place="Tor 3", device="scanner")
    assert isinstance(elsewhere, CheckIn)
    (where,) = presence(elsewhere)
    assert where.source == "people"


def test_what_is_unsure_idle_or_nowhere_leaves_no_heat():
    elsewhere = msgspec.structs.replace(check_in(1), place="moon")
    quiet = measured(temperature_c=21.0)
    assert presence(fix(1, accuracy_m=51.0), state(1, "idle"), quiet, health(1), elsewhere) == {}


@pytest.mark.parametrize(
    ("values", "source", "share"),
    [
        ({"noise_db": 70.0}, "noise", 1.0),
        ({"noise_dba": 35.0}, "noise", 0.5),
        ({"pm10": 240.0}, "dust", 2.0),
        ({"pm10_ugm3": 120.0, "pm25_ugm3": 120.0}, "dust", 2.0),
        ({"pm2_5": 1e300}, "dust", MOST),
    ],
)
def test_noise_and_dust_weigh_by_their_share_of_the_legal_limit_the_worst_counting(values, source, share):
    (where,) = (found := presence(measured(**values)))
    assert (where.source, found[where]) == (source, share * PARTS)


def test_the_highest_value_of_a_minute_counts():
    events = [measured(at=NOON + i * SECOND, noise_db=50.0 + (i * 7) % 20) for i in range(60)]
    assert list(presence(*events).values()) == [round(69 / 70 * PARTS)]


def test_what_is_not_above_nothing_or_stands_nowhere_weighs_nothing():
    assert presence(measured(noise_db=0.0), measured(noise_db=-20.0), measured("walker", noise_db=90.0)) == {}


def test_at_night_less_noise_is_allowed_by_the_sites_own_clock():
    zone = maker._zone
    shares = {}
    for hour in range(24):
        at = NOON + (hour - 12) * HOUR
        shares[hour] = limit_at(NOISE, zone, at // MINUTE)
        assert limit_at(PM10, zone, at // MINUTE) == 120
    assert shares == {hour: 55.0 if hour in {22, 23, 0, 1, 2, 3, 4, 5} else 70.0 for hour in range(24)}
    (weight,) = presence(measured(at=NOON + 10 * HOUR, noise_db=55.0)).values()
    assert weight == PARTS


def test_every_metric_of_the_table_is_noise_or_dust():
    assert {limit.source for limit in METRICS.values()} == {"noise", "dust"}


EVENTS = st.one_of(
    st.builds(
        fix, st.integers(1, 200), lat=st.sampled_from([31.2001, 31.2003, 31.25]), device=st.sampled_from(["crane", "helmet"])
    ),
    st.builds(scan, st.integers(1, 200)),
    st.builds(check_in, st.integers(1, 200)),
    st.builds(state, st.integers(1, 200), st.sampled_from(["working", "idle"])),
    st.builds(
        lambda seconds, metric, value: measured(at=NOON + seconds * SECOND, **{metric: value}),
        st.integers(0, 200),
        st.sampled_from([*METRICS, "temperature_c"]),
        st.floats(-1e6, 1e6),
    ),
)


@given(st.lists(EVENTS, max_size=20), st.data())
def test_presence_of_many_is_that_of_each_with_the_largest_weights_in_any_order(events, data):
    apart = {}
    for event in events:
        for where, weight in presence(event).items():
            apart[where] = max(weight, apart.get(where, 0))
    assert presence(*data.draw(st.permutations(events))) == apart


@given(st.floats(-90, 90), st.floats(-180, 180), st.integers(0, 2**63 - 1), st.none() | st.floats(0, 1e9))
def test_any_position_and_time_is_taken(lat, lon, at, accuracy):
    event = fix(1, lat=lat, lon=lon, accuracy_m=accuracy, at=at)
    assert isinstance(event, Fix)
    assert len(presence(event)) == (accuracy is None or accuracy <= 50)
    assert len(presence(measured(at=at, noise_db=60.0))) == 1


def test_the_centroid_of_an_l_shape_is_that_of_its_area_and_a_line_has_its_middle():
    lat, lon = centroid([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])
    assert (round(lat, 9), round(lon, 9)) == (round(5 / 6, 9), round(5 / 6, 9))
    assert centroid([(0, 0), (2, 2), (0, 0), (2, 2)]) == (1, 1)
