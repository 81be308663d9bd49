"""A window of heat is put together from the coarsest parts that hold exactly its minutes."""

from hypothesis import given
from hypothesis import strategies as st

from plumbline.heat import MAPS, MINUTE_NS, split

MINUTES = {measurement: minutes * MINUTE_NS for minutes, measurement in MAPS.items()}
NOON = 1_781_150_400_000_000_000


@given(st.integers(-(10**6), 10**6), st.integers(-(10**5), 10**6), st.integers(0, 59), st.integers(0, 59))
def test_the_parts_hold_each_minute_that_begins_in_the_window_once(first_s, length_s, a, b):
    start, end = first_s * 10**9 + a, (first_s + length_s) * 10**9 + b
    held = [minute for part in split(start, end) for minute in range(part.start // MINUTE_NS, part.end // MINUTE_NS)]
    assert sorted(held) == list(range(-(-start // MINUTE_NS), -(-end // MINUTE_NS)))
    for part in split(start, end):
        assert part.start % MINUTES[part.measurement] == part.end % MINUTES[part.measurement] == 0


@given(st.integers(-(2**63), 2**63), st.integers(-(2**63), 2**63))
def test_there_are_at_most_five_parts_and_no_finer_one_where_a_coarser_fits(start, end):
    found = split(start, end)
    assert len(found) <= 5
    for part in found:
        for measurement, every in MINUTES.items():
            if every > MINUTES[part.measurement]:
                assert -(-part.start // every) * every + every > part.end, measurement


def test_a_day_is_its_hours_and_an_hour_at_any_minute_has_quarters_between_minutes():
    assert [part.measurement for part in split(NOON, NOON + 24 * 60 * MINUTE_NS)] == ["heat_map_1h"]
    some = split(NOON + 20 * MINUTE_NS + 1, NOON + 80 * MINUTE_NS + 1)
    assert sorted((part.start - NOON) // MINUTE_NS for part in some) == [21, 30, 75]
    assert {part.measurement for part in some} == {"heat_map", "heat_map_15m"}
