"""The colours of milestones and of orders, as tables."""

from decimal import Decimal

import pytest

from tracking_service.domain.milestone import WARN_NS, Silence, worst
from tracking_service.planning.colour import assess

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
