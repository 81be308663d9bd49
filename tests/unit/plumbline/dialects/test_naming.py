"""Names for devices and metrics, whatever they call themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.dialects import make
from plumbline.dialects.naming import Namer, joined, metric_name, slug
from plumbline.ids import is_name
from tests.unit.plumbline.dialects.said_events import hear

TEXTS = st.text(min_size=1, max_size=200)
LEVELS = st.lists(st.text(min_size=1, max_size=9), min_size=2, max_size=3)


@given(TEXTS)
def test_any_text_makes_a_name_and_always_the_same(text):
    assert is_name(slug(text))
    assert is_name(Namer({}).name(text))
    assert is_name(metric_name(text))
    assert slug(text) == slug(text)


@given(TEXTS, TEXTS)
def test_two_texts_are_never_one_device(one, other):
    namer = Namer({"门": "gate"})
    assert (namer.name(one) == namer.name(other)) == (one == other)


@given(LEVELS, LEVELS)
def test_levels_are_joined_without_mixing_them_up(one, other):
    if not any("/" in level for level in (*one, *other)):
        assert (joined(*one) == joined(*other)) == (one == other)


@pytest.mark.parametrize(("told", "name"), [("Motor/Speed", "motor_speed"), ("PM2.5", "pm2_5"), ("Öl temp", "l_temp")])
def test_a_metrics_name_is_what_is_readable_of_its_key(told, name):
    assert metric_name(told) == name
    assert metric_name("油温").startswith("value_")
    assert len(metric_name("x" * 80)) == 64


def test_what_a_slug_stands_for_is_said_once():
    namer = Namer({})
    name = namer.name("a b")
    assert namer.remark("a b", name) == f"'a b' is named {name}; give it a name of your own under 'names'"
    assert namer.remark("a b", name) is None
    assert namer.remark("ab", namer.name("ab")) is None


def test_a_message_with_more_values_than_a_reading_holds_is_several():
    heard = make({"dialect": "tasmota"}, {}, "d")
    events, troubles = hear(heard, "tele/a/SENSOR", {"COUNTER": {f"C{i}": i for i in range(150)}})
    assert troubles == []
    assert [len(event["values"]) for event in events] == [64, 64, 22]
