"""Range arithmetic says what the arithmetic of plain sets says."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from plumbline import ranges

numbers = st.sets(st.integers(1, 60), max_size=40)


def expand(pairs):
    return {n for first, last in pairs for n in range(first, last + 1)}


@given(numbers)
def test_ranges_of_numbers_hold_exactly_those(ns):
    pairs = ranges.of(ns)
    assert expand(pairs) == ns
    assert ranges.count(pairs) == len(ns)
    assert all(a[1] + 1 < b[0] for a, b in pairwise(pairs))


@given(numbers, numbers)
def test_union_and_difference_are_those_of_sets(a, b):
    assert expand(ranges.union(ranges.of(a), ranges.of(b))) == a | b
    assert expand(ranges.difference(ranges.of(a), ranges.of(b))) == a - b


@given(numbers, st.integers(1, 60))
def test_contains_is_membership(ns, n):
    assert ranges.contains(ranges.of(ns), n) == (n in ns)


@given(numbers)
def test_the_watermark_is_how_far_everything_from_one_is_there(ns):
    upto, beyond = ranges.watermark(ranges.of(ns))
    assert set(range(1, upto + 1)) <= ns
    assert upto + 1 not in ns
    assert expand(beyond) == {n for n in ns if n > upto}
