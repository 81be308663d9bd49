"""Whatever is published, a dialect answers with events that ingest can read, or with short troubles; and keeps its memory small."""

import importlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.dialects import DIALECTS, make
from plumbline.dialects.memory import Memory
from plumbline.dialects.topic_filter import is_filter, overlap
from plumbline.errors import SettingsError
from tests.unit.plumbline.dialects.said_events import sort

#: A table for each dialect that needs more than its name, and words that its messages are made of.
TABLES = {
    "declared": {
        "topic": "d/+",
        "measurement": "environment",
        "metrics": {"t": {"unit": "Cel", "title_en": "T", "title_zh": "温"}},
        "state": {},
        "check_in": {},
        "fix": {},
    },
}
TOPICS = {
    "declared": ["d/x", "d/ü", "d/"],
    "esphome": ["n/sensor/t/state", "a b/switch/x/state", "n/status", "homeassistant/sensor/n/t/config", "//sensor//state"],
    "owntracks": ["owntracks/u/p", "owntracks/u/p/event", "owntracks//", "owntracks/a.b/门"],
    "sparkplug": ["spBv1.0/g/NBIRTH/n", "spBv1.0/g/DDATA/n/d", "spBv1.0/g/NDEATH/n", "spBv1.0//NDATA/"],
    "tasmota": ["tele/a/SENSOR", "tele/a b/STATE", "tele/a/LWT", "stat/a/RESULT", "tele//SENSOR"],
    "zigbee2mqtt": [
        "zigbee2mqtt/a",
        "zigbee2mqtt/a b/门",
        "zigbee2mqtt/a/availability",
        "zigbee2mqtt/bridge/devices",
        "zigbee2mqtt/",
    ],
}
WORDS = [
    "t", "state", "person", "place", "direction", "lat", "lon", "alt", "acc", "vel", "cog", "tst", "_type", "batt", "event",
    "desc", "Time", "ENERGY", "Power", "Temperature", "POWER", "ZbReceived", "TempUnit", "temperature", "contact", "voltage",
    "last_seen", "friendly_name", "ieee_address", "definition", "exposes", "property", "unit", "features", "stat_t",
    "dev_cla", "unit_of_meas", "~",
]  # fmt: skip
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(
        ["location", "transition", "enter", "ON", "OFF", "°C", "n/sensor/t/state", "2026-11-20T10:00:00Z", 1790000000]
    )
)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=20,
)
PAYLOADS = (
    st.binary(max_size=200)
    | DOCUMENTS.map(lambda document: json.dumps(document).encode())
    | st.dictionaries(st.sampled_from(WORDS), DOCUMENTS).map(lambda document: json.dumps(document).encode())
    | st.sampled_from([b"", b"online", b"Offline", b"NaN", b"1e999", b"[" * 5000, b'{"a":' * 5000, b"\xff\xfe", b"21.5"])
)


def dialect(name: str):
    return make({"dialect": name, **TABLES.get(name, {})}, {}, "test")


@pytest.mark.parametrize("name", TOPICS)
@given(st.data())
def test_any_bytes_on_any_topic_give_events_that_ingest_reads_or_short_troubles(name, data):
    heard = dialect(name)
    for topic, payload in data.draw(
        st.lists(st.tuples(st.sampled_from(TOPICS[name]) | st.text(max_size=30), PAYLOADS), max_size=6)
    ):
        _, troubles = sort(heard.read(topic, payload))
        assert all(len(trouble) < 1000 for trouble in troubles)


@pytest.mark.parametrize("name", TOPICS)
def test_filters_are_filters_and_take_no_message_twice(name):
    filters = dialect(name).filters
    assert all(map(is_filter, filters))
    assert not [(a, b) for i, a in enumerate(filters) for b in filters[:i] if overlap(a, b)]


@pytest.mark.parametrize("name", DIALECTS)
def test_each_registered_dialect_keeps_the_convention(name):
    module = importlib.import_module(DIALECTS[name])
    assert callable(module.build)
    assert module.Settings.__struct_config__.forbid_unknown_fields


def test_an_unknown_dialect_is_named_with_its_neighbour():
    with pytest.raises(SettingsError, match=r"devices\[2\]: dialect: there is no dialect 'tasmote'; did you mean 'tasmota'"):
        make({"dialect": "tasmote"}, {}, "devices[2]")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"dialect": "tasmota", "full_topic": "%topic%"}, "full_topic: must hold"),
        ({"dialect": "tasmota", "full_topic": "%prefix%/a+b/%topic%"}, "full_topic: makes"),
        ({"dialect": "zigbee2mqtt", "base_topic": "a/+"}, "base_topic: 'a/\\+' is not a topic"),
        ({"dialect": "esphome", "prefixes": ["a/#"]}, "prefixes: 'a/#' is not a topic prefix"),
        ({"dialect": "esphome", "discovery": "+"}, "discovery: '\\+' is not a topic"),
        ({"dialect": "owntracks", "base_topic": ""}, "base_topic: '' is not a topic"),
        ({"dialect": "sparkplug", "group": "a/b"}, "group: 'spBv1.0/a/b' is not"),
        ({"dialect": "sparkplug", "names": {"a": "x", "b": "x"}}, "names: 'b' and 'a' are both named 'x'"),
        ({"dialect": "tasmota", "names": {"a": "not a name"}}, "names"),
        ({"dialect": "tasmota", "name": "x"}, "name: is not a setting here"),
    ],
)
def test_a_wrong_table_is_named(table, message):
    with pytest.raises(SettingsError, match=message):
        make(table, {}, "devices[0]")


def test_what_is_remembered_is_bounded_and_the_longest_unused_goes_first():
    memory: Memory[int, int] = Memory(3)
    for i in range(3):
        memory.put(i, i)
    memory.get(0)
    memory.put(3, 3)
    assert (len(memory), memory.get(0), memory.get(1), memory.get(3)) == (3, 0, None, 3)


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("tasmota", "tele/d{}/SENSOR"),
        ("zigbee2mqtt", "zigbee2mqtt/d{}"),
        ("owntracks", "owntracks/u/d{}"),
        ("esphome", "d{}/sensor/x/state"),
    ],
)
def test_devices_without_end_do_not_fill_the_memory(name, topic):
    heard = dialect(name)
    for i in range(6000):
        list(heard.read(topic.format(i), b'{"unknown": 1, "Temperature": 3, "temperature": 3}'))
    kept = [one for one in vars(heard._family).values() if isinstance(one, Memory)]
    assert all(len(one) <= 4096 for one in kept)
