"""The ledger's arithmetic: whatever comes in whatever order, each number counts once."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.ledger.account import LATE_NS, Account, settle
from ingest.ledger.days import SiteDays
from ingest.ledger.report import missing_of_days
from plumbline import ranges
from plumbline.delivery import BatchHeader, StreamKey
from tests.batches import NOON, scan

KEY = StreamKey("yard", "gw", "e1", "business")
numbers = st.sets(st.integers(1, 60), max_size=30).map(ranges.of)


def account() -> Account:
    return Account(KEY, (), NOON, NOON)


def head(pairs, thinned=(), lost=()) -> BatchHeader:
    return BatchHeader(site="yard", gateway="gw", epoch="e1", event_class="business", ranges=pairs, thinned=thinned, lost=lost)


@given(st.lists(st.tuples(numbers, numbers, numbers), max_size=8))
def test_fresh_thinned_and_lost_numbers_are_disjoint_and_together_what_is_settled(batches):
    settled: ranges.Pairs = ()
    counted = []
    for pairs, thinned, lost in batches:
        result = settle(settled, pairs, thinned, lost)
        counted += [result.fresh, result.thinned, result.lost]
        settled = result.settled
    assert settled == ranges.union(*(pairs for batch in batches for pairs in batch))
    assert sum(map(ranges.count, counted)) == ranges.count(settled)


def test_numbers_that_the_gateway_lost_move_the_watermark_and_are_counted_once():
    it = account()
    it.enter(head(((4, 5),)), NOON, SiteDays())
    assert it.watermark().upto == 0
    for _ in range(2):
        it.enter(head((), lost=((1, 4),)), NOON, SiteDays())
    assert (it.watermark().upto, it.totals.lost, it.lost) == (5, 3, [(1, 3)])
    assert [(day.lost, day.thinned) for day in it.days.values()] == [(3, 0)]


@given(st.lists(numbers, max_size=8), st.randoms(use_true_random=False))
def test_order_and_repetition_of_batches_do_not_matter(batches, random):
    one, other = account(), account()
    again = [*batches, *batches]
    random.shuffle(again)
    for pairs in batches:
        one.enter(head(pairs), NOON, SiteDays())
    for pairs in again:
        other.enter(head(pairs), NOON, SiteDays())
    assert one.settled == other.settled
    assert one.watermark() == other.watermark()


def test_an_account_counts_received_duplicate_and_late_on_the_day_of_the_event():
    calendar = SiteDays("Asia/Shanghai")
    day_ns = 24 * 3600 * 10**9
    events = [scan(1, at=NOON - day_ns), scan(2), scan(3)]
    it = account()
    assert it.enter(head(((1, 3),)), NOON, calendar) == ((1, 3),)
    it.book(events, [], NOON + LATE_NS // 2, calendar)
    assert it.enter(head(((2, 3),)), NOON, calendar) == ()
    it.book([], events[1:], NOON, calendar)
    assert (it.totals.received, it.totals.duplicate, it.totals.late) == (3, 2, 1)
    assert {day: (c.received, c.duplicate, c.late) for day, c in it.days.items()} == {
        "2026-06-10": (1, 0, 1),
        "2026-06-11": (2, 2, 0),
    }
    assert it.watermark().upto == 3


def test_a_batch_that_would_tear_too_many_holes_is_not_entered():
    it = account()
    odd = tuple((n, n) for n in range(1, 20_001, 2))
    assert it.enter(head(odd), NOON, SiteDays()) == odd
    assert it.enter(head(((100_000, 100_000),)), NOON, SiteDays()) is None
    assert it.enter(head(((2, 20_000),)), NOON, SiteDays()) is not None
    assert it.watermark().upto == 20_000


@given(st.sets(st.integers(1, 60), min_size=1).map(ranges.of), st.lists(st.integers(1, 60), max_size=5))
def test_every_missing_number_belongs_to_one_day(settled, lasts):
    days = [*lasts, settled[-1][1]]
    missing = ranges.holes(settled)
    assert sum(map(ranges.count, missing_of_days(missing, days))) == ranges.count(
        tuple((a, b) for a, b in missing if a <= max(days))
    )
    assert ranges.count(missing) + ranges.count(settled) == settled[-1][1]
