"""A site's day is what its calendar says, whatever daylight saving time does."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.ledger.days import SiteDays

ZONES = [
    "UTC",
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/Sao_Paulo",
    "America/Havana",
    "America/Santiago",  # summer begins and ends at midnight
    "America/Asuncion",
    "Africa/Cairo",
    "Asia/Beirut",
    "Pacific/Apia",  # had no 2011-12-30
    "Pacific/Kwajalein",  # had no 1993-08-21
    "America/St_Johns",  # one minute past midnight
    "Australia/Lord_Howe",  # half an hour
    "Africa/Monrovia",  # offsets with seconds
    "Africa/Casablanca",
    "Antarctica/Troll",
    "Asia/Kathmandu",
]
NS = 1_000_000_000
LAST_S = 2**63 // NS


def shown(second, zone):
    """What the zone's wall clock shows, asked of zoneinfo directly."""
    return datetime.fromtimestamp(second, ZoneInfo(zone)).date().isoformat()


def changes(zone):
    """Seconds at which the zone's offset changes, 1970 to 2037, found by bisection."""
    ahead = lambda second: datetime.fromtimestamp(second, ZoneInfo(zone)).utcoffset()  # noqa: E731
    found = []
    for low, high in pairwise(range(0, 2_145_916_800, 43_200 * 7)):
        if ahead(low) != ahead(high):
            start, end = low, high
            while end - start > 1:
                middle = (start + end) // 2
                start, end = (middle, end) if ahead(middle) == ahead(start) else (start, middle)
            found.append(end)
    return found


CHANGES = [(zone, second) for zone in ZONES for second in changes(zone)]


@given(st.sampled_from(ZONES), st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=20))
def test_every_time_falls_into_the_day_that_the_zone_shows(zone, times):
    days = SiteDays(zone)
    for at in times:
        assert days.day(at) == shown(at // NS, zone)


@given(st.sampled_from(CHANGES), st.lists(st.integers(-100_000, 100_000), min_size=1, max_size=30))
def test_around_a_change_of_the_clocks_each_time_has_its_day_in_any_order(change, offsets):
    zone, second = change
    days = SiteDays(zone)
    for at in (max(0, second + offset) for offset in offsets):
        assert days.day(at * NS) == shown(at, zone)


@given(st.sampled_from(CHANGES), st.lists(st.integers(-100_000, 100_000), min_size=2, max_size=2).map(sorted))
def test_a_day_that_times_share_is_that_of_every_time_between(change, offsets):
    zone, second = change
    first, last = (max(0, second + offset) for offset in offsets)
    day = SiteDays(zone).shared(first * NS, last * NS)
    if day is not None:
        step = max(1, (last - first) // 500)
        assert {shown(at, zone) for at in [*range(first, last, step), last]} == {day}


@pytest.mark.parametrize(("first", "last"), [(0, 3600), (3600, 80_000), (0, 86_399)])
def test_times_of_an_ordinary_day_share_it(first, last):
    midnight = int(datetime(2026, 6, 11, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp())
    assert SiteDays("Asia/Shanghai").shared((midnight + first) * NS, (midnight + last) * NS) == "2026-06-11"


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/Santiago", "2026-09-06", 23),
        ("America/Santiago", "2026-04-04", 25),
        ("Africa/Cairo", "2026-04-24", 23),
        ("Asia/Beirut", "2026-03-29", 23),
        ("Asia/Beirut", "2026-10-24", 25),
        ("Pacific/Apia", "2011-12-30", 0),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Asia/Shanghai", "2026-06-11", 24),
    ],
)
def test_a_day_has_as_many_hours_as_the_zone_gives_it(zone, day, hours):
    days = SiteDays(zone)
    noon = int(datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC).timestamp())
    quarters = [second for second in range(noon - 3 * 86_400, noon + 3 * 86_400, 900) if days.day(second * NS) == day]
    assert len(quarters) * 0.25 == hours
