"""Hours of machines, held against a model that goes through every second."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking_service.domain.machine import STATES, Said
from tracking_service.mirror.utilisation import HOUR, MachineHour, hours, point

SECOND = 1_000_000_000
_states = st.sampled_from(["off", "idle", "working", "fault"])


def modelled(said: list[Said], start: int, end: int, known_until: int) -> list[MachineHour]:
    """Look at each second on its own."""
    found: list[MachineHour] = []
    for hour in range(start, end, HOUR):
        spent = dict.fromkeys(STATES, 0)
        for second in range(hour, min(hour + HOUR, end), SECOND):
            before = [one.state for one in said if one.at <= second]
            spent[before[-1] if before and second < known_until else "unknown"] += SECOND
        found.append(MachineHour(hour, spent))
    return found


@given(
    said=st.lists(st.tuples(st.integers(-4000, 9000), _states), max_size=12),
    length=st.integers(0, 8000),
    known=st.integers(-4000, 9000),
)
def test_hours_are_those_of_a_model_that_looks_at_every_second(said, length, known):
    told = sorted((Said(at * SECOND, state) for at, state in said), key=lambda one: one.at)
    end = length * SECOND
    expected = modelled(told, 0, end, known * SECOND)
    assert list(hours(told, start=0, end=end, known_until=known * SECOND)) == expected


@given(said=st.lists(st.tuples(st.integers(0, 3 * HOUR), _states), max_size=8), end=st.integers(0, 3 * HOUR))
def test_every_nanosecond_that_is_over_is_in_one_state(said, end):
    told = sorted((Said(at, state) for at, state in said), key=lambda one: one.at)
    found = list(hours(told, start=0, end=end, known_until=2 * HOUR))
    assert sum(sum(hour.spent.values()) for hour in found) == end
    assert all(time >= 0 for hour in found for time in hour.spent.values())


@given(said=st.lists(st.tuples(st.integers(0, 3 * HOUR), _states), min_size=1, max_size=8), cut=st.integers(1, 2))
def test_hours_are_the_same_when_only_the_last_word_before_them_is_known(said, cut):
    told = sorted((Said(at, state) for at, state in said), key=lambda one: one.at)
    whole = list(hours(told, start=0, end=3 * HOUR, known_until=3 * HOUR))[cut:]
    since = cut * HOUR
    before = [one for one in told if one.at < since][-1:]
    rest = [*before, *(one for one in told if one.at >= since)]
    assert list(hours(rest, start=since, end=3 * HOUR, known_until=3 * HOUR)) == whole


@pytest.mark.parametrize(
    ("spent", "percent"),
    [
        ({"working": 45, "idle": 15}, 75.0),
        ({"working": 30, "idle": 15, "fault": 15, "off": 60}, 50.0),
        ({"off": 60}, 0.0),
        ({"off": 30, "unknown": 30}, 0.0),
        ({"unknown": 60}, None),
        ({}, None),
    ],
)
def test_utilisation_is_of_the_time_in_which_it_could_have_worked(spent, percent):
    found = point("tower", "crane-1", MachineHour(HOUR, dict.fromkeys(STATES, 0) | {k: v * SECOND for k, v in spent.items()}))
    assert found.fields.get("percent") == percent
    assert found.at == HOUR
    assert {f"{state}_s": found.fields[f"{state}_s"] for state in spent} == {f"{k}_s": float(v) for k, v in spent.items()}
