"""A window is cut into parts that rollups can answer and the rest, without a gap."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.series.history import merged, pieces, worth
from plumbline.rollup import HOUR, MINUTE, MINUTE_NS, QUARTER, metrics_of
from plumbline.series import Bucket

moments = st.one_of(st.integers(-(10**14), 10**15), st.integers(-30, 2000).map(lambda minute: minute * MINUTE_NS))


@given(moments, moments, moments, st.one_of(st.integers(1, 10**13), st.integers(1, 300).map(lambda n: n * MINUTE_NS)))
def test_pieces_cover_the_window_once_in_order_with_whole_spans_of_what_is_complete(start, end, until, every):
    found = pieces(start, end, every, until)
    at = start
    for piece in found:
        assert piece.start == at < piece.end
        at = piece.end
        if piece.span is not None:
            assert every % piece.span.ns == piece.start % piece.span.ns == piece.end % piece.span.ns == 0
            assert piece.end <= until
    assert at == end or (start >= end and not found)


def test_an_even_window_of_hours_is_one_piece_and_ragged_edges_are_cut_off_finer():
    assert pieces(0, 5 * HOUR.ns, HOUR.ns, 9 * HOUR.ns) == [(HOUR, 0, 5 * HOUR.ns)]
    start, end, until = 44 * MINUTE_NS + 5, 3 * HOUR.ns + 20 * MINUTE_NS, 3 * HOUR.ns + 17 * MINUTE_NS + 7
    assert pieces(start, end, 2 * HOUR.ns, until) == [
        (None, start, 45 * MINUTE_NS),
        (QUARTER, 45 * MINUTE_NS, HOUR.ns),
        (HOUR, HOUR.ns, 3 * HOUR.ns),
        (QUARTER, 3 * HOUR.ns, 3 * HOUR.ns + 15 * MINUTE_NS),
        (MINUTE, 3 * HOUR.ns + 15 * MINUTE_NS, 3 * HOUR.ns + 17 * MINUTE_NS),
        (None, 3 * HOUR.ns + 17 * MINUTE_NS, end),
    ]


def test_short_windows_and_odd_intervals_are_left_to_the_raw_points():
    assert not worth(0, HOUR.ns - 1, MINUTE_NS)
    assert not worth(0, 9 * HOUR.ns, MINUTE_NS + 1)
    assert worth(0, HOUR.ns, 7 * MINUTE_NS)


def test_an_interval_that_was_cut_is_whole_again():
    one, other = Bucket("a", 0, 2.0, 1.0, 3.0, 1), Bucket("a", 0, 5.0, -1.0, 9.0, 2)
    assert merged([[one], [other, Bucket("A", 7, 1.0, 1.0, 1.0, 1)]]) == [
        Bucket("A", 7, 1.0, 1.0, 1.0, 1),
        Bucket("a", 0, 4.0, -1.0, 9.0, 3),
    ]


def test_metrics_are_those_of_which_all_statistics_are_there():
    words = ("min", "max", "mean", "count", "last")
    assert metrics_of({f"{name}_{word}" for name in ("t", "t_count") for word in words} | {"u_count"}) == ["t", "t_count"]
