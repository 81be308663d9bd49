"""How lines and orders stand, and which day it is on a site: pure arithmetic."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.series import Point
from tracking_service.domain.facts import Arrival
from tracking_service.domain.milestone import WARN_NS, Silence
from tracking_service.domain.order import line_standing, on_time, order_percent
from tracking_service.mirror.deliveries import day_of
from tracking_service.mirror.evidence import places
from tracking_service.mirror.lately import AGAIN_NS, Lately

NOW = 1_790_000_000 * 10**9
HOUR = 3_600 * 10**9


@pytest.mark.parametrize(
    ("arrived", "needed_by", "silent", "state", "rag"),
    [
        (10, NOW - 1, (), "complete", "green"),
        (11, None, (), "complete", "green"),
        (0, None, (), "nothing", "green"),
        (3, NOW + WARN_NS + 1, (), "partial", "green"),
        (3, NOW + WARN_NS, (), "partial", "yellow"),
        (0, NOW + 1, (), "nothing", "yellow"),
        (0, NOW, (), "late", "red"),
        (9, NOW - HOUR, (), "late", "red"),
        (9, NOW - HOUR, (Silence("gw", NOW - 2 * HOUR),), "partial", "unknown"),
        (9, NOW - HOUR, (Silence("gw", NOW - HOUR),), "late", "red"),
    ],
)
def test_a_line_stands_by_the_rule_for_milestones(arrived, needed_by, silent, state, rag):
    found = line_standing(expected=Decimal(10), arrived=Decimal(arrived), needed_by=needed_by, now=NOW, silent=silent)
    assert found == (state, rag)


@pytest.mark.parametrize(
    ("parts", "kept"),
    [
        ([], None),
        ([(None, 5)], None),
        ([(10, None)], None),
        ([(10, 10)], True),
        ([(10, 11)], False),
        ([(10, 9), (None, 99)], True),
        ([(10, 9), (None, None)], None),
        ([(10, 9), (10, 11)], False),
    ],
)
def test_an_order_was_in_time_when_all_of_it_is_done_and_what_was_due_was_done_by_then(parts, kept):
    assert on_time(parts) is kept


def test_an_order_is_as_far_as_its_parts_are_on_average_rounded_down():
    assert order_percent([]) == 0.0
    assert order_percent([100.0, 99.999]) == 99.99
    assert order_percent([100.0, 100.0]) == 100.0


ZONES = (
    "UTC",
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/Havana",
    "Asia/Beirut",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "Africa/Cairo",
)


@given(st.integers(0, 2_000_000_000), st.sampled_from(ZONES))
def test_a_day_is_the_calendars_whatever_the_clocks_do(second, name):
    zone, now = ZoneInfo(name), second * 10**9
    day = day_of(now, zone)

    def date(at: int):
        return datetime.fromtimestamp(at // 10**9, zone).date()

    assert day.start <= now < day.end
    assert date(day.start) == date(now) == date(day.end - 10**9)
    assert date(day.start - 10**9) < date(now) < date(day.end)


def test_a_day_has_23_or_25_hours_where_the_clocks_change():
    berlin = ZoneInfo("Europe/Berlin")
    for text, hours in (("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-22", 24)):
        noon = int(datetime.fromisoformat(f"{text}T12:00").replace(tzinfo=berlin).timestamp()) * 10**9
        day = day_of(noon, berlin)
        assert day.end - day.start == hours * HOUR


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=20, unique=True))
def test_every_piece_of_evidence_has_a_time_of_its_own_and_the_order_stays(pieces):
    arrivals = [Arrival(at, f"event-{n}", "line", "piece", Decimal(1)) for at, n in pieces]
    found = places("PO-1~m", arrivals)
    assert len(found) == len(arrivals)
    assert [mark.event_id for _, mark in sorted(found.items())] == [arrival.id for arrival in sorted(arrivals)]
    assert places("PO-1~m", arrivals[::-1]) == found


def test_what_says_nothing_new_is_left_out_until_it_is_old(monkeypatch):
    def point(at: int, percent: float = 1.0, line: str = "10") -> Point:
        return Point("material", {"site": "s", "line": line}, {"percent": percent, "title": "x"}, at)

    lately = Lately()
    assert lately.news([point(NOW)]) == [point(NOW)]
    assert lately.news([point(NOW)]) == [point(NOW)]  # it was not said to be written
    lately.wrote([point(NOW)])
    assert lately.news([point(NOW + AGAIN_NS - 1)]) == []
    assert lately.news([point(NOW + AGAIN_NS)]) != []
    assert lately.news([point(NOW + 1, 2.0)]) != []
    assert lately.news([point(NOW - 1)]) != []  # the clock was set back
    monkeypatch.setattr("tracking_service.mirror.lately.MOST", 1)
    lately.wrote([point(NOW, line="20")])
    assert lately.news([point(NOW, line="20")]) != []  # more than are remembered
