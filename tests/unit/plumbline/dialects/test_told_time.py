"""The times that devices tell."""

from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.dialects.document import FieldError
from plumbline.dialects.told_time import told_ns

AT = 1_790_000_000
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (AT, "auto"),
        (AT * 1000, "auto"),
        (AT * 10**6, "auto"),
        (AT * 10**9, "auto"),
        (float(AT), "unix_s"),
        (str(AT), "auto"),
        (f"{AT * 1000}", "unix_ms"),
        ("2026-09-21T14:13:20Z", "iso"),
        ("2026-09-21T22:13:20+08:00", "auto"),
        ("2026-09-21 14:13:20.000+00:00", "auto"),
    ],
)
def test_one_instant_in_its_many_forms(value, form):
    assert told_ns(value, form) == AT * 10**9


def test_nothing_told_is_nothing():
    assert told_ns(None) is None
    assert told_ns("") is None


@pytest.mark.parametrize(
    ("value", "form", "message"),
    [
        (True, "auto", "not a time"),
        ([], "auto", "not a time"),
        (0, "auto", "no time between"),
        (5, "unix_s", "no time between"),
        (AT, "unix_ms", "no time between"),
        (AT, "iso", "not ISO 8601"),
        ("yesterday", "auto", "not ISO 8601"),
        ("2026-09-21T14:13:20", "auto", "has no zone"),
        ("2026-09-21T14:13:20Z", "unix_s", "not a number"),
        ("1970-01-01T00:00:00Z", "auto", "no time between"),
        (1e300, "auto", "no time between"),
        ("nan", "auto", "no time between"),
        ("9" * 39, "auto", "no time between"),
    ],
)
def test_what_is_no_time_is_refused_with_a_reason(value, form, message):
    with pytest.raises(FieldError, match=message):
        told_ns(value, form)


def test_a_declared_zone_says_what_local_time_means():
    assert told_ns("2026-09-21T22:13:20", "auto", ZoneInfo("Asia/Shanghai")) == AT * 10**9


@given(MOMENTS)
def test_any_moment_is_told_alike_in_all_forms(moment):
    ns = (int(moment.replace(microsecond=0).timestamp()) * 10**6 + moment.microsecond) * 1000
    assert told_ns(moment.isoformat()) == told_ns(ns) == told_ns(ns // 1000, "unix_us") == ns


@given(st.text() | st.floats() | st.integers() | st.sampled_from(["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"]))
def test_anything_is_a_time_or_refused(value):
    with suppress(FieldError):
        told_ns(value, "auto", ZoneInfo("Asia/Shanghai"))
