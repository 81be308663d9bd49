"""Percentiles are nearest ranks."""

import math

import pytest

from plumbline.bench.figures import percentile, spread_ms


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 5), (0.9, 9), (0.91, 10), (0.99, 10), (1.0, 10)])
def test_a_percentile_is_a_value_that_occurred(share, expected):
    assert percentile(range(1, 11), share) == expected


def test_nothing_measured_is_no_number():
    assert math.isnan(spread_ms([])["p50_ms"])
    assert spread_ms([0.001, 0.003])["max_ms"] == 3.0
