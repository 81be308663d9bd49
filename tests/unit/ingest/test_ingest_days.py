"""A site's day is what its calendar says, whatever daylight saving time does."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.days import SiteDays

ZONES = ["UTC", "Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo", "America/Havana", "Africa/Cairo", "Pacific/Apia"]


@given(st.sampled_from(ZONES), st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=20))
def test_every_time_falls_into_the_day_that_the_zone_shows(zone, times):
    days = SiteDays(zone)
    for at in times:
        assert days.day(at) == datetime.fromtimestamp(at // 10**9, ZoneInfo(zone)).date().isoformat()


@given(st.sampled_from(ZONES), st.integers(0, 4_000_000_000), st.lists(st.integers(-90_000, 90_000), max_size=20))
def test_times_near_each_other_share_no_day_by_mistake(zone, around, offsets):
    days = SiteDays(zone)
    for seconds in [around, *(max(0, around + offset) for offset in offsets)]:
        assert days.day(seconds * 10**9) == datetime.fromtimestamp(seconds, ZoneInfo(zone)).date().isoformat()


@pytest.mark.parametrize(("hours", "day"), [(22, "2026-03-29"), (23, "2026-03-30"), (46, "2026-03-30"), (47, "2026-03-31")])
def test_the_day_on_which_summer_begins_has_23_hours(hours, day):
    midnight_utc = int(datetime(2026, 3, 29, tzinfo=ZoneInfo("Europe/Berlin")).timestamp())
    assert SiteDays("Europe/Berlin").day((midnight_utc + hours * 3600) * 10**9) == day
