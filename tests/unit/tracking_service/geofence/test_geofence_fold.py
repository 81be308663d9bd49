"""From fixes to visits: parked machines stay, crossings have their times, jumps and silences are what they are."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking_service.geofence import fold
from tracking_service.geofence.benchmark import Errors, spells
from tracking_service.geofence.fence import fence, sigma_of
from tracking_service.geofence.fold import Entered, Left, Silent, State, step
from tracking_service.geofence.stay import Seen

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
YARD = fence("yard", [(0, 0), (80, 0), (80, 60), (0, 60)])


def fixes(*way: tuple[float, float, float], accuracy: float | None = 5.0) -> list[Seen]:
    """Fixes at (second, east, north)."""
    return [Seen(START + round(s * SECOND), f"{n:05}", e, north, sigma_of(accuracy)) for n, (s, e, north) in enumerate(way)]


def told(seen, fences=(YARD,), state=None):
    state = State() if state is None else state
    return [one for fix in seen for one in step(state, fix, fences)]


def seconds(at: int) -> float:
    return (at - START) / SECOND


@pytest.mark.parametrize("lasting", [0, 60, 600])
@pytest.mark.parametrize("accuracy", [5.0, 15.0, None])
@pytest.mark.parametrize("depth", [3, 10, 30])
def test_a_parked_machine_never_leaves_with_15_m_of_noise_over_24_hours(lasting, accuracy, depth):
    errors = Errors(depth, sigma=15, last_s=lasting)
    seen = []
    for n in range(24 * 120):
        east, north = errors.after(30)
        seen.append(Seen(START + n * 30 * SECOND, f"{n:05}", depth + east, 30 + north, sigma_of(accuracy)))
    assert not [one for one in told(seen) if isinstance(one, Left)]


def test_it_is_found_inside_although_it_stands_three_metres_from_the_border():
    rolls = random.Random(1)
    seen = fixes(*((30 * n, 3 + rolls.gauss(0, 15), 30 + rolls.gauss(0, 15)) for n in range(240)), accuracy=15)
    assert [type(one) for one in told(seen)] == [Entered]


def test_times_are_those_of_the_crossing_not_of_the_decision():
    drive = [(n, -100 + 5.0 * n, 30) for n in range(60)]  # in at 20 s, out at 36 s
    stand = [(60 + 30 * n, 195, 30) for n in range(10)]
    came, left = told(fixes(*drive, *stand))
    assert isinstance(came, Entered)
    assert isinstance(left, Left)
    assert seconds(came.at) == pytest.approx(20, abs=1)
    assert seconds(left.at) == pytest.approx(36, abs=1)
    assert came.decided_at > came.at
    assert left.decided_at >= left.at + 30 * SECOND
    assert left.visit == came.id


def test_between_fixes_half_a_minute_apart_the_crossing_is_where_the_way_meets_the_border():
    way = [(30 * n, -95 + 60.0 * n, 30) for n in range(2)] + [(60 + 30 * n, 40, 30) for n in range(4)]
    (came,) = told(fixes(*way))
    assert 30 <= seconds(came.at) <= 60


def test_one_fix_inside_is_no_visit():
    way = [(10 * n, -60, 30) for n in range(10)] + [(100, 40, 30)] + [(110 + 10 * n, -60, 30) for n in range(20)]
    assert told(fixes(*way)) == []


def test_a_visit_that_is_over_within_seconds_does_not_count_in_a_yard_but_at_a_gate():
    way = [(n, -40 + 10.0 * n, 30) for n in range(30)]
    gate = fence("gate", YARD.ring, kind="gate")
    assert told(fixes(*way)) == []
    assert [type(one) for one in told(fixes(*way), [gate])] == [Entered, Left]


def test_an_absence_of_seconds_does_not_end_a_visit():
    inside = [(10 * n, 40, 30) for n in range(30)]
    out = [(300 + 5 * n, 40, 95) for n in range(3)]
    back = [(320 + 10 * n, 40, 30) for n in range(30)]
    assert [type(one) for one in told(fixes(*inside, *out, *back))] == [Entered]


def test_a_machine_that_was_driven_a_little_further_is_found_to_have_left():
    rolls = random.Random(3)
    inside = [(30 * n, 20 + rolls.gauss(0, 15), 30 + rolls.gauss(0, 15)) for n in range(480)]
    beside = [(30 * (480 + n), -40 + rolls.gauss(0, 15), 30 + rolls.gauss(0, 15)) for n in range(240)]
    happened = told(fixes(*inside, *beside, accuracy=15))
    assert [type(one) for one in happened] == [Entered, Left]
    assert abs(seconds(happened[1].at) - 480 * 30) < 1200


def test_zones_overlap_and_lie_within_each_other():
    site = fence("site", [(-200, -200), (300, -200), (300, 300), (-200, 300)])
    half = fence("half", [(40, 0), (160, 0), (160, 60), (40, 60)])
    way = [(5 * n, -300 + 5.0 * n, 30) for n in range(76)] + [(380 + 30 * n, 75, 30) for n in range(10)]
    entered = [one.zone for one in told(fixes(*way), [YARD, site, half])]
    assert entered == ["site", "yard", "half"]


def test_a_jump_that_nothing_can_make_is_not_believed_until_it_lasts():
    inside = [(10 * n, 40, 30) for n in range(60)]
    jump = [(600 + 10 * n, 12_000, 30) for n in range(6)]
    back = [(660 + 10 * n, 40, 30) for n in range(10)]
    stays = [(660 + 10 * n, 12_000, 30) for n in range(40)]
    assert [type(one) for one in told(fixes(*inside, *jump, *back))] == [Entered]
    happened = told(fixes(*inside, *jump, *stays))
    assert [type(one) for one in happened] == [Entered, Left]
    assert 590 <= seconds(happened[1].at) <= 600


def test_a_fix_that_is_good_to_a_kilometre_moves_nobody():
    inside = [(30 * n, 40, 30) for n in range(60)]
    coarse = [Seen(START + (1800 + 30 * n) * SECOND, f"c{n:04}", 700, 30, sigma_of(1000)) for n in range(20)]
    assert [type(one) for one in told([*fixes(*inside), *coarse])] == [Entered]


def test_who_was_silent_is_known_to_have_been_there_up_to_the_last_fix():
    inside = [(30 * n, 40, 30) for n in range(20)]
    later = [(570 + 4 * 3600 + 30 * n, 900, 30) for n in range(10)]
    happened = told(fixes(*inside, *later))
    assert [type(one) for one in happened] == [Entered, Silent, Left]
    silent, left = happened[1:]
    assert (seconds(silent.since), seconds(silent.until)) == (570, 570 + 4 * 3600)
    assert seconds(left.at) == 570


def test_after_a_week_of_silence_a_visit_begins_anew():
    """Else a clock that was 19 years wrong (the rollover of GPS weeks) would make a visit of 19 years."""
    years = 19 * 365 * 86_400
    happened = told(fixes(*((30 * n, 40, 30) for n in range(20)), *((years + 30 * n, 40, 30) for n in range(20))))
    assert [type(one) for one in happened] == [Entered, Silent, Left, Entered]
    assert (seconds(happened[2].at), seconds(happened[3].at)) == (570, years)


def test_a_machine_that_is_switched_off_over_the_weekend_has_one_visit():
    weekend = 62 * 3600
    happened = told(fixes(*((30 * n, 40, 30) for n in range(20)), *((weekend + 30 * n, 45, 32) for n in range(20))))
    assert [type(one) for one in happened] == [Entered, Silent]


def test_a_tracker_that_tells_its_place_once_an_hour_is_not_silent_between():
    hourly = [(3600 * n, 40, 30) for n in range(24)]
    silences = [one for one in told(fixes(*hourly)) if isinstance(one, Silent)]
    assert len(silences) <= 2


def test_a_new_span_starts_from_a_state_that_went_through_the_database():
    rolls = random.Random(5)
    seen = fixes(*((20 * n, rolls.gauss(0, 60), rolls.gauss(30, 60)) for n in range(400)))
    state, parts = State(), []
    for fix in seen:
        parts += step(state, fix, [YARD])
        state = fold.decode(fold.encode(state))
    assert parts == told(seen)


ways = st.lists(
    st.tuples(st.integers(0, 900), st.floats(-400, 400), st.floats(-400, 400), st.sampled_from([None, 1.0, 15.0, 800.0])),
    min_size=1,
    max_size=120,
)


@given(ways)
def test_visits_of_a_zone_never_overlap_and_come_before_they_go(way):
    at, seen = START, []
    for n, (pause, east, north, accuracy) in enumerate(way):
        at += pause * SECOND
        seen.append(Seen(at, f"{n:05}", east, north, sigma_of(accuracy)))
    spans = sorted(spells(seen, [YARD]))
    assert all(one.since <= one.until for one in spans)
    assert all(one.until <= other.since for one, other in pairwise(spans))
    ids = [(one.id, one.zone) for one in told(seen) if isinstance(one, Entered)]
    assert len(ids) == len(set(ids))
