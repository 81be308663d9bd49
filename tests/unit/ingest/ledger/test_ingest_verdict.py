"""The ledger's figures in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.ledger.verdict import Standing, ago, ranges_text, verdict

SECOND = 10**9
NOW = 1_781_150_400 * SECOND


def standing(**figures) -> Standing:
    fields = {
        "received": 10,
        "dead": 0,
        "thinned": 0,
        "lost": 0,
        "missing": 0,
        "missing_ranges": (),
        "lost_ranges": (),
        "highest": 10,
        "asked_times": 0,
        "asked_at": None,
        "closed": False,
        "offline_since": None,
    }
    return Standing(**(fields | figures))


MISSING = {"received": 6, "missing": 4, "missing_ranges": ((3, 5), (9, 9))}


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({}, "complete"),
        ({"received": 8, "thinned": 2}, "complete"),
        ({"received": 9, "dead": 1}, "complete; 1 refused: 'plumbline deadletters list'"),
        (MISSING, "waits for 4 numbers (3-5, 9), not asked for yet"),
        (
            MISSING | {"asked_times": 3, "asked_at": NOW - 120 * SECOND},
            "waits for 4 numbers (3-5, 9), asked 3 times, last 2 min ago",
        ),
        (
            MISSING | {"offline_since": NOW},
            "waits for 4 numbers (3-5, 9), not asked for yet, the gateway is offline since 2026-06-11 04:00:00Z",
        ),
        (
            MISSING | {"closed": True},
            (
                "4 numbers (3-5, 9) never came: the gateway has begun a new outbox since; what could be saved of the old one"
                " has new numbers"
            ),
        ),
        (
            {"received": 5, "lost": 5, "lost_ranges": ((1, 5),)},
            "5 lost: the gateway does not have them any more (1-5)",
        ),
    ],
)
def test_each_state_is_told_in_one_line(figures, words):
    assert verdict(standing(**figures), NOW) == words


def test_books_that_do_not_balance_are_told_before_anything_else():
    said = verdict(standing(received=9), NOW)
    assert said.startswith("THE BOOKS DO NOT BALANCE: received 9 ")
    assert "is 1 less than the highest number 10" in said


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "0 s ago"), (59, "59 s ago"), (60, "1 min ago"), (7199, "119 min ago"), (7200, "2 h ago"), (200_000, "2 d ago")],
)
def test_a_time_is_told_in_its_largest_unit(seconds, words):
    assert ago(NOW - seconds * SECOND, NOW) == words


@given(st.lists(st.tuples(st.integers(1, 2**62), st.integers(0, 10**6)), max_size=50))
def test_the_text_of_ranges_stays_short(pairs):
    assert len(ranges_text(tuple((first, first + more) for first, more in pairs))) < 250
