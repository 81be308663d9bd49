"""Dates, float and the critical path; working days and the clock's days."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking_service.planning.calendar import WEEKDAYS, Calendar
from tracking_service.planning.network import Link, RingError, Task, schedule

S = 10**9
SHANGHAI = ZoneInfo("Asia/Shanghai")


def ns(text: str, zone=SHANGHAI) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * S


def after(*links) -> tuple[Link, ...]:
    return tuple(link if isinstance(link, Link) else Link(link) for link in links)


def test_the_longest_way_through_is_critical_and_the_other_has_float():
    dates = schedule(
        [
            Task("dig", 5),
            Task("pour", 3, after("dig")),
            Task("cure", 7, after("pour")),
            Task("order", 2),
            Task("steel", 6, after("order")),
            Task("erect", 4, after("cure", "steel")),
        ]
    )
    assert [key for key, one in dates.items() if one.critical] == ["dig", "pour", "cure", "erect"]
    assert (dates["erect"].early_start, dates["erect"].early_finish) == (15, 19)
    assert (dates["order"].total_float, dates["order"].free_float) == (7, 0)
    assert (dates["steel"].total_float, dates["steel"].free_float) == (7, 7)


@pytest.mark.parametrize(
    ("kind", "lag", "start"), [("FS", 0, 10), ("FS", 2, 12), ("FS", -3, 7), ("SS", 4, 4), ("FF", 1, 7), ("SF", 9, 5)]
)
def test_each_kind_of_link_moves_the_start_by_its_own_rule(kind, lag, start):
    dates = schedule([Task("a", 10), Task("b", 4, after(Link("a", kind, lag)))])
    assert dates["b"].early_start == start


def test_what_waits_for_a_summary_waits_for_all_its_parts():
    dates = schedule(
        [
            Task("phase", 0),
            Task("a", 2, parent="phase"),
            Task("b", 5, parent="phase"),
            Task("next", 1, after("phase")),
        ]
    )
    assert dates["next"].early_start == 5
    assert dates["phase"][:2] == (0, 5)
    assert dates["phase"].critical


@pytest.mark.parametrize(("kind", "lag", "start"), [("FS", 2, 7), ("SS", 1, 1), ("FF", 0, 4), ("SF", 5, 4)])
def test_phases_wait_for_each_other_however_many_parts_they_have(kind, lag, start):
    first = [Task("one", 0), *(Task(f"a{n}", n, parent="one") for n in range(6))]
    second = [Task("two", 0, after(Link("one", kind, lag))), *(Task(f"b{n}", 1, parent="two") for n in range(900))]
    dates = schedule([*first, *second])
    assert {dates[f"b{n}"].early_start for n in range(900)} == {start}
    assert len(dates) == len(first) + len(second)


def test_what_was_done_stays_and_what_was_not_begun_waits_for_now():
    dates = schedule(
        [
            Task("a", 5, started=0, finished=8),
            Task("b", 2, after("a"), started=6),
            Task("c", 1, after("b")),
            Task("d", 1),
        ],
        now=10,
    )
    assert dates["a"][:2] == (0, 8)
    assert dates["b"][:2] == (6, 12)
    assert dates["c"].early_start == 12
    assert dates["d"].early_start == 10


def test_a_date_that_cannot_be_kept_gives_negative_float():
    dates = schedule([Task("a", 5), Task("b", 5, after("a"))], due=8)
    assert dates["a"].total_float == dates["b"].total_float == -2
    assert dates["b"].critical


@pytest.mark.parametrize(
    "tasks",
    [
        [Task("a", 1, after("b")), Task("b", 1, after("a"))],
        [Task("s", 0, after("x")), Task("a", 1, parent="s"), Task("x", 1, after("s"))],
        [Task("s", 0), Task("a", 1, after("s"), parent="s")],
        [Task("s", 0, parent="t"), Task("t", 0, parent="s")],
    ],
)
def test_a_ring_is_refused_with_a_name_in_it(tasks):
    with pytest.raises(RingError, match=r"ring|part of itself"):
        schedule([*tasks, Task("outside", 1)])


def networks():
    def tasks(rows):
        return [
            Task(f"t{n}", duration, tuple(Link(f"t{first % n}", kind, lag) for first, kind, lag in links) if n else ())
            for n, (duration, links) in enumerate(rows)
        ]

    link = st.tuples(st.integers(0, 30), st.sampled_from(["FS", "SS", "FF", "SF"]), st.integers(-5, 9))
    return st.lists(st.tuples(st.integers(0, 20), st.lists(link, max_size=4)), min_size=1, max_size=25).map(tasks)


@given(networks())
def test_no_link_is_broken_by_early_or_late_dates_and_some_task_is_critical(tasks):
    dates = schedule(tasks)
    by_key = {task.key: task for task in tasks}
    for task in tasks:
        one = dates[task.key]
        assert one.early_finish - one.early_start == task.duration
        assert one.late_finish - one.late_start == task.duration
        assert one.total_float >= 0
        assert 0 <= one.free_float <= one.total_float
        for link in task.after:
            for start, finish in (("early_start", "early_finish"), ("late_start", "late_finish")):
                first = dates[link.task]
                begin = getattr(first, finish if link.kind[0] == "F" else start)
                end = getattr(one, start if link.kind[1] == "S" else finish)
                assert end >= begin + link.lag
    end = max(one.early_finish for one in dates.values())
    assert any(one.critical and one.early_finish == end for one in dates.values())
    for key in by_key:  # one day more on a critical task moves the end by a day; on the others as much as float allows
        longer = [Task(task.key, task.duration + (task.key == key), task.after) for task in tasks]
        moved = max(one.early_finish for one in schedule(longer).values()) - end
        assert moved <= 1
        if not dates[key].critical:
            assert moved == 0 or dates[key].total_float < 1


def test_days_without_work_do_not_count():
    calendar = Calendar(SHANGHAI, ns("2026-11-20T00:00:00"), WEEKDAYS[:5], [date(2026, 11, 24)])  # a Friday
    assert calendar.day(ns("2026-11-20T12:00:00")) == 0.5
    assert calendar.day(ns("2026-11-21T15:00:00")) == 1
    assert calendar.day(ns("2026-11-23T06:00:00")) == 1.25
    assert calendar.day(ns("2026-11-25T00:00:00")) == 2
    assert calendar.at(2.5) == ns("2026-11-25T12:00:00")
    assert calendar.day(ns("2026-11-19T12:00:00")) == -0.5
    assert (calendar.at(1), calendar.end(1)) == (ns("2026-11-23T00:00:00"), ns("2026-11-21T00:00:00"))


def test_a_day_on_which_the_clocks_change_is_one_day():
    berlin = ZoneInfo("Europe/Berlin")
    calendar = Calendar(berlin, ns("2026-10-24T00:00:00", berlin))
    assert calendar.at(2) - calendar.at(1) == 25 * 3600 * S
    assert calendar.day(calendar.at(1.5)) == 1.5


@given(
    st.sets(st.sampled_from(WEEKDAYS)),
    st.sets(st.dates(date(2026, 1, 1), date(2026, 3, 1)), max_size=30),
    st.integers(-200, 600).map(lambda n: n / 4),
)
def test_a_working_day_comes_back_as_itself(workdays, holidays, day):
    calendar = Calendar(SHANGHAI, ns("2026-01-01T00:00:00"), workdays, holidays)
    at = calendar.at(day)
    assert calendar.day(at) == pytest.approx(day, abs=1e-9)
    local = datetime.fromtimestamp(at // S, UTC).astimezone(SHANGHAI) - timedelta(microseconds=1)
    if day % 1:
        assert local.date() not in holidays
        assert not workdays or WEEKDAYS[local.weekday()] in workdays


@pytest.mark.parametrize("workdays", [(), ("sun",)])
def test_plans_of_centuries_end_at_the_end_of_what_can_be_told(workdays):
    calendar = Calendar(SHANGHAI, ns("2026-01-01T00:00:00"), workdays)
    assert calendar.end(1e12) == calendar.end(1e9) < 2**63
    assert calendar.at(-1e12) == calendar.at(-1e9)
