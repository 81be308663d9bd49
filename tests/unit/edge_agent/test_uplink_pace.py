"""How much may be under way, on links of every kind: played by arithmetic, without a network."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.uplink.pace import LEAST, MOST, Pace


def play(pace, *, bytes_per_s, round_trip_s, seconds, message=20_000, limit=256 * 1024):
    """A backlog sent over a link that carries so much; returns the longest time that anything waited, and what went over."""
    now, free_at, worst, carried = 0.0, 0.0, 0.0, 0
    under_way = deque()  # in the order in which they arrive
    pace.round_trip(round_trip_s)
    while now < seconds:
        while under_way and under_way[0][0] <= now:
            at, size, flight, sent = under_way.popleft()
            pace.acknowledged(size, flight, at - sent)
        if pace.room and pace.late_in_s(now) == 0:
            size = min(message, pace.event_bytes(limit))
            flight = pace.sent(size, size, now, late=True)
            free_at = max(now, free_at) + size / bytes_per_s
            under_way.append((free_at + round_trip_s, size, flight, now))
            worst = max(worst, free_at - now)
            carried += size
        else:
            now = under_way[0][0] if under_way else now + 0.05
    return worst, carried


@pytest.mark.parametrize("round_trip_s", [0.001, 0.1, 1.0])
@pytest.mark.parametrize("bytes_per_s", [2_000, 20_000, 500_000, 10_000_000])
def test_a_backlog_fills_the_link_and_delays_live_data_by_a_few_seconds_at_most(bytes_per_s, round_trip_s):
    worst, carried = play(Pace(drain_bytes_per_s=0), bytes_per_s=bytes_per_s, round_trip_s=round_trip_s, seconds=60)
    assert worst < 12, "live data waits too long behind the backlog"
    assert carried > 0.4 * 60 * bytes_per_s * min(1, 0.5 / round_trip_s), "the link is idle while a backlog waits"


def test_the_backlog_keeps_to_its_rate():
    _, carried = play(Pace(drain_bytes_per_s=50_000), bytes_per_s=10_000_000, round_trip_s=0.01, seconds=60)
    assert 0.8 * 60 * 50_000 < carried < 1.2 * 60 * 50_000


def test_live_data_is_not_counted_against_the_rate_of_the_backlog():
    pace = Pace(drain_bytes_per_s=1000)
    pace.sent(1_000_000, 1_000_000, 0.0, late=False)
    assert pace.late_in_s(0.0) == 0
    pace.sent(2_000, 2_000, 0.0, late=True)
    assert pace.late_in_s(0.5) == 1.5


def test_batches_are_cut_so_that_they_are_small_after_compression():
    pace = Pace(drain_bytes_per_s=0, start=10_000)
    assert pace.event_bytes(256_000) == 10_000
    pace.sent(1_000, 8_000, 0.0, late=False)
    assert pace.event_bytes(256_000) == 80_000
    assert pace.event_bytes(50_000) == 50_000


@given(st.lists(st.tuples(st.integers(0, 10**7), st.floats(0, 1000), st.booleans()), max_size=50))
def test_whatever_happens_something_may_be_sent_when_nothing_is_under_way(messages):
    pace, flights = Pace(drain_bytes_per_s=0), []
    for size, took_s, answered in messages:
        flights.append((size, pace.sent(size, size, 0.0, late=True), took_s))
        if answered:
            pace.acknowledged(*flights.pop(0))
    for flight in flights:
        pace.acknowledged(*flight)
    assert pace.room
    assert LEAST <= pace.allowance <= MOST
    assert pace.event_bytes(10**6) >= LEAST
