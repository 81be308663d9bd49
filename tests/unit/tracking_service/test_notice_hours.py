"""Quiet hours, digests and weekly reports, also on days on which the clocks change."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking_service.domain.hours import Quiet, last_weekly, next_daily

BERLIN = ZoneInfo("Europe/Berlin")
SHANGHAI = ZoneInfo("Asia/Shanghai")
ZONES = [BERLIN, SHANGHAI, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Asia/Kathmandu")]
MINUTES = st.integers(0, 24 * 60 - 1)
TIMES = st.integers(1_500_000_000, 2_100_000_000).map(lambda s: s * 10**9)
HOUR = 3_600 * 10**9


def utc(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("now", "minute", "zone", "then"),
    [
        ("2026-11-22T00:00", 7 * 60, SHANGHAI, "2026-11-22T23:00"),
        ("2026-11-21T22:00", 7 * 60, SHANGHAI, "2026-11-21T23:00"),
        ("2026-03-28T12:00", 7 * 60, BERLIN, "2026-03-29T05:00"),  # the night in between lost an hour
        ("2026-10-24T12:00", 7 * 60, BERLIN, "2026-10-25T06:00"),  # and here it was given back
        ("2026-03-28T12:00", 2 * 60 + 30, BERLIN, "2026-03-29T01:30"),  # 02:30 is not shown that day: 03:30 is
        ("2026-10-24T12:00", 2 * 60 + 30, BERLIN, "2026-10-25T00:30"),  # 02:30 is shown twice: the first counts
        ("2026-10-25T00:31", 2 * 60 + 30, BERLIN, "2026-10-26T01:30"),  # and only the first
    ],
)
def test_a_digest_goes_at_the_persons_hour_on_the_clock(now, minute, zone, then):
    assert next_daily(utc(now), minute, zone) == utc(then)


@pytest.mark.parametrize(
    ("now", "quiet", "zone", "ends"),
    [
        ("2026-11-22T12:00", Quiet(22 * 60, 6 * 60), SHANGHAI, None),  # 20:00
        ("2026-11-22T14:00", Quiet(22 * 60, 6 * 60), SHANGHAI, "2026-11-22T22:00"),  # 22:00, till 06:00
        ("2026-11-22T20:00", Quiet(22 * 60, 6 * 60), SHANGHAI, "2026-11-22T22:00"),  # 04:00
        ("2026-11-22T22:00", Quiet(22 * 60, 6 * 60), SHANGHAI, None),  # 06:00 sharp
        ("2026-03-28T23:00", Quiet(22 * 60, 6 * 60), BERLIN, "2026-03-29T04:00"),  # the short night
        ("2026-10-24T23:00", Quiet(22 * 60, 6 * 60), BERLIN, "2026-10-25T05:00"),  # the long one
        ("2026-11-22T04:30", Quiet(12 * 60, 13 * 60), SHANGHAI, "2026-11-22T05:00"),
        ("2026-11-22T05:30", Quiet(12 * 60, 13 * 60), SHANGHAI, None),
        ("2026-11-22T05:30", Quiet(60, 60), SHANGHAI, None),  # no hours at all
    ],
)
def test_quiet_hours_hold_by_the_clock_of_the_place_also_across_midnight(now, quiet, zone, ends):
    assert quiet.over_at(utc(now), zone) == (None if ends is None else utc(ends))


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("2026-11-22T12:00", "2026-11-15T23:00"),  # Sunday in Shanghai: the Monday before
        ("2026-11-22T23:00", "2026-11-22T23:00"),
        ("2026-11-22T22:59", "2026-11-15T23:00"),
    ],
)
def test_the_weekly_report_is_due_on_its_weekday_in_the_place_it_is_for(now, then):
    assert last_weekly(utc(now), 1, 7 * 60, SHANGHAI) == utc(then)


@given(TIMES, MINUTES, st.sampled_from(ZONES))
def test_a_day_has_one_digest(now, minute, zone):
    first = next_daily(now, minute, zone)
    second = next_daily(first, minute, zone)
    assert now < first < now + 26 * HOUR
    assert 22 * HOUR < second - first < 26 * HOUR


@given(TIMES, MINUTES, st.integers(1, 7), st.sampled_from(ZONES))
def test_a_week_has_one_report(now, minute, weekday, zone):
    last = last_weekly(now, weekday, minute, zone)
    assert last <= now < last + 7 * 24 * HOUR + 2 * HOUR
    assert last_weekly(last, weekday, minute, zone) == last
    shown = datetime.fromtimestamp(last // 10**9, zone)
    assert shown.isoweekday() == weekday


@given(TIMES, MINUTES, MINUTES, st.sampled_from(ZONES))
def test_quiet_hours_end_and_are_over_then(now, start, end, zone):
    ends = Quiet(start, end).over_at(now, zone)
    if ends is not None:
        assert now < ends < now + 26 * HOUR
        assert Quiet(start, end).over_at(ends, zone) is None or start == end
