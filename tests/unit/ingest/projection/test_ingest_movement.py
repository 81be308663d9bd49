"""Not each fix goes to tracking, but each movement does."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.projection.movement import SPAN_NS, Movements
from tests.batches import fix

METRE = 1 / 111_000


def test_a_device_that_stands_still_sends_one_fix_every_thirty_seconds():
    assert [f.seq for f in Movements().choose(fix(i) for i in range(1, 91)).fixes] == [1, 30, 60, 90]


def test_a_fix_further_away_than_both_accuracies_goes_at_once():
    near, far = fix(2, lat=31.2001 + 2 * METRE), fix(3, lat=31.2001 + 4 * METRE)
    assert Movements().choose([fix(1), near, far]).fixes == [fix(1), far]


def test_nothing_is_remembered_before_the_commit():
    movements = Movements()
    first = movements.choose([fix(1)])
    assert movements.choose([fix(1)]).fixes == first.fixes
    movements.remember(first)
    assert movements.choose([fix(2)]).fixes == []


@given(st.lists(st.integers(0, 300), min_size=1, max_size=40), st.integers(1, 10))
def test_every_span_with_a_fix_has_one_in_the_inbox_however_the_batches_are_cut(seconds, size):
    movements = Movements()
    fixes = [fix(i + 1, at=s * 10**9) for i, s in enumerate(seconds)]
    sent = []
    for start in range(0, len(fixes), size):
        selection = movements.choose(fixes[start : start + size])
        movements.remember(selection)
        sent += selection.fixes
    assert {f.at // SPAN_NS for f in sent} == {f.at // SPAN_NS for f in fixes}


steps = st.tuples(st.integers(0, 40), st.integers(-6, 6), st.integers(-6, 6), st.sampled_from([None, 0.0, 3.0, 20.0]))


@given(st.lists(steps, min_size=1, max_size=60), st.sampled_from([0.0, 121.4, 179.99999, -179.99999]), st.integers(1, 60))
def test_many_fixes_at_once_are_chosen_as_they_would_be_one_by_one(taken, lon, size):
    fixes, at = [], 0
    for number, (milliseconds, north, east, accuracy_m) in enumerate(taken, 1):
        at += milliseconds * 50_000_000
        where = (lon + east * METRE + 180) % 360 - 180
        fixes.append(
            fix(number, at=at, lat=31.2 + north * METRE, accuracy_m=accuracy_m, device="ab"[number % 7 == 0], lon=where)
        )
    together, single = Movements(), Movements()
    for start in range(0, len(fixes), size):
        group = fixes[start : start + size]
        selection = together.choose(group)
        together.remember(selection)
        one_by_one = []
        for one in group:
            alone = single.choose([one])
            single.remember(alone)
            one_by_one += alone.fixes
        assert selection.fixes == one_by_one
