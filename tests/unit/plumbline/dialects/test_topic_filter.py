"""Which topics a filter takes, and which filters take the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.dialects.topic_filter import is_filter, matches, overlap


@pytest.mark.parametrize(
    ("one", "topic", "taken"),
    [
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("a/+", "a/b/c", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("a", "a", True),
        ("+", "", True),
    ],
)
def test_a_filter_takes_what_the_standard_says(one, topic, taken):
    assert matches(one, topic) is taken


LEVELS = st.lists(st.sampled_from(["a", "b", "+"]), min_size=1, max_size=3)


@given(LEVELS, st.booleans(), LEVELS, st.booleans(), st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=4))
def test_filters_that_take_the_same_topic_overlap(one, rest, other, other_rest, topic):
    a, b = "/".join(one + ["#"] * rest), "/".join(other + ["#"] * other_rest)
    if matches(a, "/".join(topic)) and matches(b, "/".join(topic)):
        assert overlap(a, b)
        assert overlap(b, a)


@pytest.mark.parametrize("text", ["", "a/#/b", "a+", "a#", "$share/g/a", "a\0"])
def test_what_may_not_be_subscribed_to_is_no_filter(text):
    assert not is_filter(text)
