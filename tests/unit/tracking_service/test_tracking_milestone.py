"""Milestones: percent, events, colours, as tables and as properties."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking_service.domain.milestone import (
    WARN_NS,
    Arrival,
    Completed,
    MaterialArrived,
    Passed,
    Progress,
    Reopened,
    Required,
    Silence,
    advance,
    arrived,
    changes,
    worst,
)
from tracking_service.planning.colour import assess

POLICY = MaterialArrived((Required("a", Decimal(4)), Required("b", Decimal(10))), Decimal(1))


def arrival(number: int, line: str = "a", quantity: object = 1, at: int | None = None, piece: str | None = None) -> Arrival:
    return Arrival(number if at is None else at, f"e{number}", line, piece or f"p{number}", Decimal(str(quantity)))


arrivals = st.lists(
    st.builds(
        Arrival,
        at=st.integers(0, 50),
        event_id=st.uuids().map(str),
        line=st.sampled_from("abc"),
        piece=st.sampled_from([f"p{i}" for i in range(8)]),
        quantity=st.decimals("0.000001", 20, places=3),
    ),
    max_size=30,
)
policies = st.builds(
    MaterialArrived,
    st.lists(st.sampled_from("ab"), min_size=1, unique=True).flatmap(
        lambda lines: st.tuples(*[st.builds(Required, st.just(line), st.decimals("0.001", 30, places=3)) for line in lines])
    ),
    st.decimals("0.01", 1, places=2),
)


@given(policies, arrivals, st.randoms())
def test_the_order_of_scans_does_not_change_the_state(policy, scans, random):
    once, _ = advance(policy, Progress(), scans)
    shuffled = list(scans)
    random.shuffle(shuffled)
    step = Progress()
    for scan in shuffled:
        step, _ = advance(policy, step, [scan])
    assert step == once


@given(policies, arrivals)
def test_scans_seen_again_change_nothing(policy, scans):
    once, _ = advance(policy, Progress(), scans)
    again, events = advance(policy, once, scans)
    assert again == once
    assert events == ()


@given(policies, arrivals)
def test_the_evidence_is_exactly_what_the_percentage_rests_on(policy, scans):
    progress, _ = advance(policy, Progress(), scans)
    lines = {required.line for required in policy.required}
    assert all(line in lines for line, _ in progress.counted)
    rebuilt, _ = advance(policy, Progress(), progress.counted.values())
    assert rebuilt == progress
    sums = arrived(progress.counted.values())
    complete = all(sums.get(required.line, 0) >= required.expected * policy.ratio for required in policy.required)
    assert (progress.percent == 100) == complete == (progress.done_at is not None)
    assert 0 <= progress.percent <= 100


@given(policies, arrivals)
def test_it_is_done_at_the_arrival_that_completed_it(policy, scans):
    progress, _ = advance(policy, Progress(), scans)
    if progress.done_at is None:
        return
    until, _ = advance(policy, Progress(), [scan for scan in progress.counted.values() if scan.at <= progress.done_at])
    before, _ = advance(policy, Progress(), [scan for scan in progress.counted.values() if scan.at < progress.done_at])
    assert until.done_at == progress.done_at
    assert before.done_at is None


def test_a_piece_seen_twice_is_one_arrival():
    progress, _ = advance(POLICY, Progress(), [arrival(1, piece="x"), arrival(2, piece="x")])
    assert [scan.event_id for scan in progress.counted.values()] == ["e1"]
    assert progress.percent == Decimal("12.5")


def test_one_line_in_excess_never_makes_up_for_another():
    progress, _ = advance(POLICY, Progress(), [arrival(1, quantity=500)])
    assert progress.percent == 50


def test_the_percentage_is_rounded_down_so_that_100_means_done():
    policy = MaterialArrived((Required("a", Decimal(30_000)),), Decimal(1))
    progress, _ = advance(policy, Progress(), [arrival(1, quantity=29_999)])
    assert progress.percent == Decimal("99.99")
    assert progress.done_at is None


@pytest.mark.parametrize(
    ("before", "scans", "expected"),
    [
        (0, [arrival(1)], ()),
        (0, [arrival(1, quantity=2)], (Passed(25),)),
        (0, [arrival(1, quantity=4)], (Passed(50),)),
        (0, [arrival(1, quantity=4), arrival(2, "b", 10, at=7)], (Completed(7),)),
        (50, [arrival(1, quantity=4)], ()),
        (100, [arrival(1, quantity=4)], (Reopened(),)),
    ],
)
def test_people_hear_the_highest_step_passed_or_that_it_is_done(before, scans, expected):
    after, _ = advance(POLICY, Progress(), scans)
    assert changes(before=Decimal(before), after=after) == expected


DAY = 24 * 3_600_000_000_000
NOW = 1_000 * DAY


@pytest.mark.parametrize(
    ("done_at", "due", "silent", "expected"),
    [
        (NOW - DAY, NOW - 2 * DAY, (), ("done", "green")),
        (None, None, (), ("open", "green")),
        (None, NOW + WARN_NS + 1, (), ("open", "green")),
        (None, NOW + WARN_NS, (), ("open", "yellow")),
        (None, NOW + 1, (Silence("gw", 0),), ("open", "yellow")),
        (None, NOW, (), ("open", "red")),
        (None, NOW - DAY, (Silence("gw", NOW - DAY + 1),), ("open", "red")),
        (None, NOW - DAY, (Silence("gw", NOW - DAY - 1),), ("unknown", "unknown")),
    ],
)
def test_the_default_rule_tells_late_from_unknown(done_at, due, silent, expected):
    found = assess(percent=Decimal(40), done_at=done_at, start=None, due=due, now=NOW, silent=silent, clock="14:02")
    assert (found.state, found.rag) == expected
    assert found.reason.en
    assert found.reason.zh
    assert ("14:02" in found.reason.zh) == (expected[0] == "unknown")


@pytest.mark.parametrize(
    ("colours", "expected"),
    [((), "unknown"), (("green", "red", "unknown"), "red"), (("green", "unknown", "yellow"), "unknown"), (("green",), "green")],
)
def test_an_order_has_the_colour_of_its_worst_milestone(colours, expected):
    assert worst(colours) == expected


def test_a_policy_reads_as_a_sentence():
    assert POLICY.sentence.en == "Done when 100 % of each of 2 material lines has arrived"
