"""Colours, shortages, forecasts and scores: what an order's plan says of it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.text import Text
from tracking_service.domain.milestone import Silence
from tracking_service.planning.colour import assess, planned
from tracking_service.planning.forecast import Delivery, forecast
from tracking_service.planning.history import Cases
from tracking_service.planning.network import Link, Task, schedule
from tracking_service.planning.score import Standing, score
from tracking_service.planning.shortage import Wanted, shortages

DAY = 24 * 3600 * 10**9
START, DUE = 1_000 * DAY, 1_100 * DAY  # a percent a day


def colour(percent, at, *, start=START, due=DUE, silent=(), done_at=None):
    return assess(percent=Decimal(percent), done_at=done_at, start=start, due=due, now=at, silent=silent, clock="14:02")


@pytest.mark.parametrize(
    ("percent", "day", "rag"),
    [
        ("40", 40, "green"),
        ("35", 40, "green"),
        ("34.99", 40, "yellow"),
        ("30", 40, "yellow"),
        ("29.99", 40, "red"),
        ("99.99", 100, "red"),
        ("0", -5, "green"),
    ],
)
def test_more_than_five_percent_behind_is_yellow_more_than_ten_or_past_due_red(percent, day, rag):
    assert colour(percent, START + day * DAY).rag == rag


def test_without_a_start_the_last_three_days_are_yellow():
    assert colour(0, DUE - 4 * DAY, start=None).rag == "green"
    assert colour(0, DUE - 3 * DAY, start=None).rag == "yellow"
    assert colour(0, DUE + 1, start=None).reason.en == "Past its date with 0 % done"
    assert colour(0, DUE, due=None).rag == "green"


def test_the_sentence_says_how_far_it_is_and_should_be():
    assert colour("28", START + 40 * DAY).reason == Text(
        "28 % done, 40 % by plan: 12 % behind, 60 days left", "已完成 28%，计划 40%：落后 12%，剩余 60 天"
    )
    assert colour("50", START + 40 * DAY).reason.en == "50 % done, 40 % by plan, 60 days left"
    assert colour("50", DUE + 3 * DAY).reason.en == "3 days past its date with 50 % done"


def test_what_may_have_come_right_behind_a_silent_gateway_is_unknown_not_late():
    def quiet(day):
        return (Silence("gw-1", START + day * DAY),)

    assert colour("30", START + 41 * DAY, silent=quiet(32)).reason.en == "Unknown since 14:02: gateway gw-1 is offline"
    assert colour("30", START + 39 * DAY, silent=quiet(32)).rag == "unknown"
    assert colour("30", START + 39 * DAY, silent=quiet(38)).rag == "yellow"  # it was so before it fell silent
    assert colour("30", START + 34 * DAY, silent=quiet(32)).rag == "green"
    assert colour("100", DUE + DAY, silent=quiet(90), done_at=DUE).rag == "green"
    assert colour("80", DUE + DAY, silent=(Silence("gw-1", DUE + 1),)).rag == "red"


@given(st.integers(0, 100), st.integers(0, 100), st.integers(-10, 130), st.integers(-10, 130))
def test_more_evidence_never_looks_worse_and_more_time_never_better(percent, other, day, later):
    worse = ["green", "yellow", "red"]
    low, high = sorted((percent, other))
    first, second = sorted((day, later))
    at = START + first * DAY
    assert worse.index(colour(high, at).rag) <= worse.index(colour(low, at).rag)
    assert worse.index(colour(low, at).rag) <= worse.index(colour(low, START + second * DAY).rag)
    assert planned(START, DUE, at) <= planned(START, DUE, START + second * DAY)


def line(**changes):
    usual = {"line": "PO~1", "title": Text("Beam", "钢梁"), "unit": "pcs", "expected": Decimal(10), "arrived": Decimal(4)}
    return Wanted(**(usual | {"needed_by": DUE} | changes))


@pytest.mark.parametrize(
    ("changes", "now", "kind"),
    [
        ({}, DUE - 8 * DAY, None),
        ({}, DUE - 7 * DAY, "soon"),
        ({"arrived": Decimal(10)}, DUE + DAY, None),
        ({"needed_by": None}, DUE, None),
        ({}, DUE, "missing"),
        ({"promised": DUE + 2 * DAY}, DUE - 90 * DAY, "promised_late"),
        ({"promised": DUE - 2 * DAY, "supplier": "slow"}, DUE - 90 * DAY, "likely_late"),
        ({"promised": DUE - 9 * DAY, "supplier": "slow"}, DUE - 90 * DAY, None),
        ({"promised": DUE - 2 * DAY, "supplier": "new"}, DUE - 90 * DAY, None),
    ],
)
def test_a_shortage_is_told_before_it_hurts(changes, now, kind):
    delays = {"slow": Cases.of([0, 1, 5, 5, 6]), "new": Cases.of([30, 30])}
    found = shortages([line(**changes)], now, delays)
    assert [one.kind for one in found] == ([kind] if kind else [])


def test_a_shortage_says_what_and_why():
    (one,) = shortages([line()], DUE - 3 * DAY)
    assert one.why == Text("6 pcs Beam not there, needed in 3 days", "钢梁 6 件 未到，3 天后需要")
    late = line(promised=DUE - 2 * DAY, supplier="slow")
    (one,) = shortages([late], DUE - 30 * DAY, {"slow": Cases.of([0, 1, 5, 5, 6])})
    assert one.why.en == (
        "6 pcs Beam likely 3 days too late: 4 of 5 deliveries of this supplier came at most 5.2 days behind their promise (5 cases)"
    )


CHAIN = [Task("a", 10), Task("b", 10, (Link("a"),)), Task("c", 5, (Link("a"),))]


def test_few_cases_say_nothing():
    assert forecast("PO-1", CHAIN, now=0, pace=Cases.of([1.5] * 4)) is None
    assert Cases.of([1.0] * 4).quantile(0.5) is None
    done = [Task("a", 10, started=0, finished=12)]
    assert forecast("PO-1", done, now=20, pace=Cases.of([1.5] * 9)) is None


def test_a_pace_that_never_varied_gives_the_plan_at_that_pace():
    found = forecast("PO-1", CHAIN, now=0, pace=Cases.of([1.5] * 6))
    assert (found.p50, found.p80, found.paces, found.delays) == (30, 30, 6, 0)


def test_a_supplier_that_is_always_late_moves_the_finish():
    pace = Cases.of([1.0] * 5)
    steel = Delivery("steel", 12.0, ("a",))
    late = steel._replace(arrivals=(20.0,) * 5, cases=5)
    assert forecast("PO-1", CHAIN, now=0, pace=pace, deliveries=[late]).p50 == 30
    assert forecast("PO-1", CHAIN, now=0, pace=pace, deliveries=[late]).delays == 5
    assert forecast("PO-1", CHAIN, now=0, pace=pace, deliveries=[steel]).p50 == 22


@given(st.lists(st.floats(0.5, 3.0), min_size=5, max_size=20), st.integers(0, 30), st.text(max_size=8))
def test_the_forecast_is_the_same_each_time_and_lies_between_the_best_and_the_worst(paces, now, name):
    cases = Cases.of(paces)
    found = forecast(name, CHAIN, now=now, pace=cases, draws=50)
    assert found == forecast(name, CHAIN, now=now, pace=Cases.of(reversed(paces)), draws=50)

    def end(factor):
        tasks = [Task(task.key, task.duration * factor, task.after) for task in CHAIN]
        return max(one.early_finish for one in schedule(tasks, now=now).values())

    assert end(min(paces)) - 1e-6 <= found.p50 <= found.p80 <= end(max(paces)) + 1e-6


@st.composite
def networks(draw):
    """Tasks, some begun or done, some below summaries, with links of every kind."""
    tasks: list[Task] = []
    for n in range(draw(st.integers(1, 8))):
        kinds = st.sampled_from(["FS", "SS", "FF", "SF"])
        links = [Link(f"t{m}", draw(kinds), draw(st.integers(-2, 3))) for m in range(n) if draw(st.booleans())]
        begun, done = draw(st.sampled_from([(None, None), (2.0, None), (1.0, 4.0)]))
        parent = draw(st.sampled_from([None, "phase"]))
        tasks.append(Task(f"t{n}", draw(st.integers(0, 9)), tuple(links), parent, started=begun, finished=done))
    return [*tasks, Task("phase", 0)]


@given(networks(), st.integers(0, 9))
def test_what_is_drawn_at_the_planned_pace_is_what_the_network_says(tasks, now):
    found = forecast("PO-1", tasks, now=now, pace=Cases.of([1.0] * 5), draws=3)
    if found is None:
        parents = {task.parent for task in tasks}
        assert all(task.finished is not None for task in tasks if task.key not in parents)
    else:
        assert found.p50 == found.p80 == max(one.early_finish for one in schedule(tasks, now=now).values())


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (7 * 60, "needed in less than an hour"),
        (2 * 3600, "needed in 2 hours"),
        (-60, "needed now"),
        (-3 * 86_400, "needed 3 days ago"),
    ],
)
def test_a_shortage_says_hours_where_it_is_hours(left, words):
    (one,) = shortages([line()], DUE - left * 10**9)
    assert one.why.en.endswith(words)


USUAL = Standing(
    behind=Decimal(0), late=0, needed=4, short=0, checks=3, failed=0, gateways=2, silent=0, unlinked=0, contradictions=0
)


def test_a_healthy_order_has_all_points_and_each_part_says_why():
    whole = score(USUAL)
    assert whole.points == 100
    assert sum(part.of for part in whole.parts) == 100
    assert all(part.why.en and part.why.zh for part in whole.parts)


def test_what_is_not_known_counts_neither_way():
    whole = score(USUAL._replace(behind=None, needed=0, gateways=0))
    assert [part.name for part in whole.parts] == ["quality", "open_questions"]
    assert whole.points == 100


def test_an_order_of_which_nothing_is_known_is_not_healthy_because_its_site_is():
    assert score(USUAL._replace(behind=None, needed=0, checks=0)) is None


@given(
    st.sampled_from(["behind", "late", "short", "failed", "silent", "unlinked", "contradictions"]),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_more_trouble_never_scores_more(what, one, other):
    low, high = sorted((one, other))
    kind = Decimal if what == "behind" else int
    limit = {"failed": 3, "silent": 2}.get(what, 3)
    better, worse = (score(USUAL._replace(**{what: kind(min(n, limit))})).points for n in (low, high))
    assert worse <= better
