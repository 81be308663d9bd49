"""Troubles of single devices: shown while they last, forgotten when they are over, bounded whatever is reported."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.troubles import STANDS_S, Troubles, told


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def troubles(clock):
    return Troubles(mono_s=clock, wall_s=lambda: 1_700_000_000.0)


def test_a_silent_device_stays_in_trouble_for_as_long_as_it_is_silent(troubles, clock):
    troubles.report("meter-3", "no answer")
    clock.now_s += 100 * STANDS_S
    assert list(told(troubles.now())) == ["meter-3: no answer (since 22:13 UTC)"]


def test_a_device_that_is_heard_again_is_well_after_a_while(troubles, clock):
    troubles.report("meter-3", "no answer")
    troubles.heard("meter-3")
    assert troubles.now()
    clock.now_s += STANDS_S + 1
    assert not troubles.now()


def test_a_fault_that_comes_again_keeps_its_beginning_and_is_counted(troubles, clock):
    for _ in range(3):
        troubles.report("meter-3", "no answer")
        troubles.heard("meter-3")
        clock.now_s += 10
    assert "3 times" in next(told(troubles.now()))


@given(st.lists(st.tuples(st.text(max_size=80), st.text(max_size=500)), max_size=200))
def test_whatever_is_reported_a_line_and_the_memory_stay_bounded(reports):
    troubles = Troubles(mono_s=lambda: 0.0, wall_s=lambda: 0.0)
    for device, what in reports:
        troubles.report(device, what)
    assert len(troubles.now()) <= 64
    assert len(list(told(troubles.now()))) <= 4
