"""What Zigbee2MQTT publishes becomes readings in our units, under names that stay."""

import pytest

from plumbline.dialects import make
from tests.unit.plumbline.dialects.said_events import hear, values_of

DEVICES = [
    {"friendly_name": "Coordinator", "ieee_address": "0x00", "type": "Coordinator", "definition": None},
    {
        "friendly_name": "floor 2/门磁",
        "ieee_address": "0x01",
        "type": "EndDevice",
        "definition": {
            "exposes": [
                {"type": "numeric", "property": "temperature", "unit": "°F"},
                {"type": "numeric", "property": "voltage", "unit": "mV"},
                {"type": "numeric", "property": "sensitivity", "category": "config"},
                {"type": "numeric", "property": "voc", "unit": "µg/m³"},
            ]
        },
    },
    {
        "friendly_name": "plug",
        "ieee_address": "0x02",
        "definition": {"exposes": [{"type": "switch", "features": [{"property": "voltage", "unit": "V"}]}]},
    },
    {"friendly_name": 5},
    "nonsense",
]


@pytest.fixture
def zigbee():
    dialect = make({"dialect": "zigbee2mqtt", "names": {"0x01": "door-2"}}, {}, "d")
    assert hear(dialect, "zigbee2mqtt/bridge/devices", DEVICES) == ([], [])
    return dialect


def test_units_are_those_that_the_bridge_announces(zigbee):
    document = {
        "temperature": 68,
        "voltage": 3015,
        "battery": 88,
        "linkquality": 120,
        "contact": False,
        "voc": 40,
        "sensitivity": "low",
    }
    events, troubles = hear(zigbee, "zigbee2mqtt/floor 2/门磁", document)
    assert troubles == []
    assert {event["device"] for event in events} == {"door-2"}
    values = values_of(events)
    assert values.pop("temperature_c") == pytest.approx(20)
    assert values == {"battery_v": 3.015, "battery": 88, "link_quality": 120, "contact": 0, "tvoc_ug_m3": 40}


def test_volts_and_millivolts_are_told_apart_also_before_the_bridge_said_anything():
    heard = make({"dialect": "zigbee2mqtt"}, {}, "d")
    assert values_of(hear(heard, "zigbee2mqtt/a", {"voltage": 231})[0]) == {"voltage_v": 231}
    assert values_of(hear(heard, "zigbee2mqtt/a", {"voltage": 2985})[0]) == {"battery_v": 2.985}


@pytest.mark.parametrize(
    ("last_seen", "at_s"),
    [
        (1_790_000_000_000, 1_790_000_000),
        ("2026-09-21T14:13:20.000Z", 1_790_000_000),
        ("2026-09-21T22:13:20+08:00", 1_790_000_000),
        (None, None),
    ],
)
def test_the_time_is_when_the_device_was_heard(zigbee, last_seen, at_s):
    [event], [] = hear(zigbee, "zigbee2mqtt/plug", {"power": 5, "last_seen": last_seen})
    assert event.get("at_ns") == (at_s and at_s * 10**9)


def test_a_local_time_without_a_zone_is_not_believed_and_reported_once(zigbee):
    document = {"power": 5, "last_seen": "2026-09-21T22:13:20"}
    [event], [trouble] = hear(zigbee, "zigbee2mqtt/plug", document)
    assert "at_ns" not in event
    assert "set last_seen to ISO_8601 or epoch" in trouble
    assert hear(zigbee, "zigbee2mqtt/plug", document)[1] == []


@pytest.mark.parametrize("payload", [b"offline", {"state": "offline"}])
def test_offline_in_old_and_new_form_is_trouble(zigbee, payload):
    assert hear(zigbee, "zigbee2mqtt/floor 2/门磁/availability", payload) == (
        [],
        ["door-2: is offline; check its battery or power, and its way to the coordinator"],
    )


def test_online_commands_groups_and_the_bridges_own_business_say_nothing(zigbee):
    hear(zigbee, "zigbee2mqtt/bridge/groups", [{"friendly_name": "all lamps", "id": 1}])
    for topic, payload in (
        ("plug/availability", {"state": "online"}),
        ("plug/set", {"state": "ON"}),
        ("plug/set/state", b"ON"),
        ("plug/get", {"state": ""}),
        ("all lamps", {"state": "ON"}),
        ("bridge/logging", {"level": "info"}),
        ("bridge/state", {"state": "online"}),
        ("plug", b""),
    ):
        assert hear(zigbee, f"zigbee2mqtt/{topic}", payload) == ([], [])
    assert "Zigbee2MQTT itself is offline" in hear(zigbee, "zigbee2mqtt/bridge/state", b"offline")[1][0]


def test_a_device_may_be_called_like_a_command(zigbee):
    hear(zigbee, "zigbee2mqtt/bridge/devices", [{"friendly_name": "hall/set", "ieee_address": "0x03"}])
    assert values_of(hear(zigbee, "zigbee2mqtt/hall/set", {"occupancy": True})[0]) == {"occupancy": 1}


def test_names_that_are_none_get_a_slug_of_their_own_and_never_the_same(zigbee):
    devices = {
        hear(zigbee, f"zigbee2mqtt/{told}", {"power": 1})[0][0]["device"] for told in ("a b", "a/b", "a-b", "门", "窗", "a  b")
    }
    assert len(devices) == 6
    assert "a-b" in devices


def test_a_name_that_was_given_to_another_is_not_shared():
    heard = make({"dialect": "zigbee2mqtt", "names": {"0x09": "hall"}}, {}, "d")
    [event], [trouble] = hear(heard, "zigbee2mqtt/hall", {"power": 1})
    assert event["device"].startswith("hall-")
    assert "since 'hall' is given to '0x09'" in trouble


def test_endpoints_are_channels_and_attributes_may_have_topics_of_their_own(zigbee):
    assert values_of(hear(zigbee, "zigbee2mqtt/plug", {"state_l1": "ON", "power_phase_b": 7})[0]) == {
        "on_l1": 1,
        "power_w_phase_b": 7,
    }
    assert values_of(hear(zigbee, "zigbee2mqtt/plug/power", b"12.5")[0]) == {"power_w": 12.5}
    assert values_of(hear(zigbee, "zigbee2mqtt/plug/state", b"OFF")[0]) == {"on": 0}


def test_two_properties_of_one_quantity_are_told_apart(zigbee):
    events, troubles = hear(zigbee, "zigbee2mqtt/soil", {"temperature": 21, "soil_temperature": 9})
    assert troubles == []
    assert values_of(events) == {"temperature_c_temperature": 21, "temperature_c_soil_temperature": 9}
    assert values_of(hear(zigbee, "zigbee2mqtt/bed", {"soil_temperature": 8})[0]) == {"temperature_c": 8}


def test_words_that_are_no_measurement_are_reported_once(zigbee):
    document = {"state": "LOCK", "mode": "eco", "action": "single"}
    assert len(hear(zigbee, "zigbee2mqtt/plug", document)[1]) == 2
    assert hear(zigbee, "zigbee2mqtt/plug", document) == ([], [])


def test_what_is_no_json_names_the_device(zigbee):
    assert hear(zigbee, "zigbee2mqtt/plug", b"\xff")[1][0].startswith("plug: is not JSON")
    assert "is not the list" in hear(zigbee, "zigbee2mqtt/bridge/devices", b"{}")[1][0]
    assert values_of(hear(zigbee, "zigbee2mqtt/plug", {"voltage": 231})[0]) == {"voltage_v": 231}
