"""Where a class stands: what becomes backlog, what is live, and how few holes that tears."""

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.outbox.file import Stream
from edge_agent.uplink.lanes import MOST_HOLES, Lane
from plumbline import ranges


def lane(stream, few=10):
    one = Lane("telemetry", 0.1, 16)
    one.resume(stream, 0.0, same=False, few=few, few_bytes=10**6)
    return one


def test_a_backlog_lies_behind_what_comes_now():
    one = lane(Stream(last=1000, committed=((1, 400), (600, 650))))
    assert (one.cursor, one.owed) == (1000, ((401, 599), (651, 1000)))
    assert one.progress == 400


def test_what_fits_a_batch_is_no_backlog():
    one = lane(Stream(last=405, committed=((1, 400),)))
    assert (one.cursor, one.owed, one.progress) == (400, (), 400)


def waited(seconds=60):
    """A lane of which nothing could leave, with a hundred events a second."""
    one = lane(Stream())
    for second in range(seconds):
        one.note(float(second), (second + 1) * 100)
        assert len(one.marks) <= 33, "memory grows while nothing leaves"
    return one


def test_live_data_that_could_not_leave_for_long_becomes_backlog_and_the_newest_goes_first():
    one = waited()
    assert one.leap(60.0, 100)
    assert (one.cursor, one.owed) == (5900, ((1, 5900),)), "what came in the last two seconds is still live"
    assert not one.leap(60.0, 100), "it leapt already"


def test_after_a_silence_what_nobody_could_have_told_of_in_time_stays_live():
    one = waited()
    one.cover(0, (), 60.0)
    assert one.leap(60.0, 1000)
    assert (one.cursor, one.owed) == (3100, ((1, 3100),))
    one = waited()
    one.cover(0, (), 60.0)
    assert one.leap(60.0, 100)
    assert one.cursor == 6000 - 4 * 100, "but not more than a few batches"


def test_on_a_new_connection_the_last_half_minute_goes_first():
    one = waited()
    one.resume(Stream(last=6000, committed=((1, 50),)), 60.0, same=True, few=1000, few_bytes=10**6)
    assert (one.cursor, one.owed) == (3100, ((51, 3100),))


def test_data_that_leaves_in_time_stays_live():
    one = lane(Stream())
    for second in range(60):
        one.note(float(second), (second + 1) * 100)
        one.cursor = max(0, second - 5) * 100
        assert not one.leap(float(second), 10)


def test_a_link_that_is_always_too_slow_does_not_tear_a_hole_each_time():
    one = lane(Stream())
    now = 0.0
    for _ in range(1000):
        for _ in range(15):
            now += 1.0
            one.note(now, int(now) * 100)
        one.leap(now, 10)
        one.cursor += 50  # a little leaves
        one.heard_at, one.silence_s = now, 1.0
    assert len(one.owed) <= MOST_HOLES


@given(
    st.integers(0, 300),
    st.lists(st.tuples(st.integers(1, 300), st.integers(0, 40)), max_size=8),
    st.integers(0, 50),
)
def test_on_a_new_connection_every_number_that_ingest_does_not_hold_is_owed_or_live(last, held, few):
    committed = tuple((a, b) for a, b in ranges.union((a, min(a + n, last)) for a, n in held if a <= last))
    one = lane(Stream(last=last, committed=committed), few=few)
    live = ((one.cursor + 1, last),) if one.cursor < last else ()
    assert ranges.difference(((1, last),), committed) == ranges.union(one.owed, ranges.difference(live, one.held))
