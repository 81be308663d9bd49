"""Stamps never repeat or run backwards for a device, whatever the wall clock does."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from plumbline.clock import AHEAD_NS, EventClock, boot_id, system_quality


@given(st.lists(st.integers(0, 2**62), min_size=1, max_size=30))
def test_times_of_a_device_strictly_increase_whatever_the_wall_clock_does(walls):
    source = iter(walls)
    clock = EventClock(wall_ns=lambda: next(source), mono_ns=lambda: 0, quality=lambda: "free", boot="b")
    times = [clock.stamp("d").at for _ in walls]
    assert all(a < b for a, b in pairwise(times))
    assert times[0] == walls[0]


def test_devices_do_not_push_each_other():
    clock = EventClock(wall_ns=lambda: 5, mono_ns=lambda: 7, quality=lambda: "ntp", boot="b")
    first, second = clock.stamp("a"), clock.stamp("b")
    assert first.at == second.at == 5
    assert (first.clock.quality, first.clock.boot, first.clock.mono) == ("ntp", "b", 7)


def test_a_receivers_own_time_is_taken_and_marked_as_such():
    stamp = EventClock(wall_ns=lambda: 5, mono_ns=lambda: 7, quality=lambda: "free", boot="b").stamp("gps", told_ns=99)
    assert (stamp.at, stamp.clock.quality) == (99, "gps")


def clock_at(wall: int, quality: str) -> EventClock:
    return EventClock(wall_ns=lambda: wall, mono_ns=lambda: 7, quality=lambda: quality, boot="b")


def test_times_that_a_device_tells_are_kept_in_whatever_order_they_come():
    clock = clock_at(10**18, "ntp")
    told = [5_000, 9_000, 7_000, 7_000, 7_000, 1_000]
    assert [clock.stamp("phone", at, "ntp").at for at in told] == [5_000, 9_000, 7_000, 7_001, 7_002, 1_000]
    assert clock.stamp("phone").at == 10**18


def test_a_told_time_a_minute_ahead_of_a_disciplined_clock_is_not_believed():
    wall = 1_790_000_000 * 10**9
    disciplined = clock_at(wall, "ntp")
    assert disciplined.stamp("a", wall + AHEAD_NS, "ntp").at == wall + AHEAD_NS
    stamp = disciplined.stamp("b", wall + AHEAD_NS + 1, "gps")
    assert (stamp.at, stamp.clock.quality) == (wall, "ntp")
    assert clock_at(wall, "free").stamp("c", wall + AHEAD_NS + 1, "gps").at == wall + AHEAD_NS + 1


def test_devices_without_end_do_not_fill_the_memory():
    clock = clock_at(5, "ntp")
    for i in range(20_000):
        clock.stamp(f"d{i}")
        clock.stamp(f"d{i}", 3)
    assert len(clock._last) == len(clock._told) == 16_384


def test_the_kernel_is_asked_at_most_once_in_ten_seconds_and_when_the_clock_was_set():
    now, asked = [0], []
    wall = [10**18]
    clock = EventClock(
        wall_ns=lambda: wall[0] + now[0], mono_ns=lambda: now[0], quality=lambda: asked.append(1) or "ntp", boot="b"
    )
    for now[0] in (0, 1, 9_999_999_999, 10_000_000_000):
        clock.stamp("d")
    assert len(asked) == 2
    wall[0] += 2 * 10**9  # somebody set the clock
    clock.stamp("d")
    assert len(asked) == 3


def test_this_machine_has_a_boot_and_a_quality():
    assert boot_id()
    assert system_quality() in {"ntp", "free"}
