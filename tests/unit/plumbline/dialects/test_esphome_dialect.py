"""What ESPHome publishes: values as text, their units announced elsewhere."""

import pytest

from plumbline.dialects import make
from tests.unit.plumbline.dialects.said_events import hear, values_of


@pytest.fixture
def esphome():
    return make({"dialect": "esphome"}, {}, "d")


def announce(dialect, topic: str, **keys: str) -> None:
    component, object_id = topic.split("/")[-3:-1]
    assert hear(dialect, f"homeassistant/{component}/node/{object_id}/config", {"stat_t": topic, **keys}) == ([], [])


def test_an_announced_unit_is_converted_and_the_object_id_names_the_metric(esphome):
    announce(esphome, "node/sensor/outside_temp/state", dev_cla="temperature", unit_of_meas="°F")
    announce(esphome, "node/sensor/temperature/state", dev_cla="temperature", unit_of_meas="°C")
    [event], [] = hear(esphome, "node/sensor/outside_temp/state", b"68.0")
    assert (event["device"], event["measurement"]) == ("node", "environment")
    assert event["values"] == {"outside_temp": pytest.approx(20)}
    assert values_of(hear(esphome, "node/sensor/temperature/state", b"21.50")[0]) == {"temperature_c": 21.5}


def test_the_long_form_and_the_base_topic_are_understood(esphome):
    config = {"~": "node/sensor/power", "state_topic": "~/state", "unit_of_measurement": "kW", "device_class": "power"}
    hear(esphome, "homeassistant/sensor/power/config", config)
    assert values_of(hear(esphome, "node/sensor/power/state", b"1.5")[0]) == {"power_w": 1500}


def test_a_unit_without_a_class_is_kept_as_announced(esphome):
    announce(esphome, "node/sensor/tank/state", unit_of_meas="L")
    assert values_of(hear(esphome, "node/sensor/tank/state", b"700")[0]) == {"tank": 700}


def test_what_has_no_unit_is_reported_once_until_it_is_declared(esphome):
    [trouble] = hear(esphome, "node/sensor/temperature/state", b"21.5")[1]
    assert "not declared: 'temperature' (21.5); add metrics.temperature" in trouble
    assert hear(esphome, "node/sensor/temperature/state", b"21.6") == ([], [])
    metric = {"unit": "Cel", "title_en": "T", "title_zh": "温"}
    declared = make({"dialect": "esphome", "metrics": {"temperature": metric}}, {}, "d")
    assert values_of(hear(declared, "node/sensor/temperature/state", b"21.5")[0]) == {"temperature": 21.5}


def test_switches_and_binary_sensors_are_0_and_1(esphome):
    assert values_of(hear(esphome, "node/binary_sensor/door/state", b"ON")[0]) == {"door": 1}
    assert values_of(hear(esphome, "node/switch/pump/state", b"OFF")[0]) == {"pump": 0}


@pytest.mark.parametrize("payload", [b"nan", b"NaN", b"unknown", b"unavailable", b""])
def test_a_node_that_does_not_know_says_nothing(esphome, payload):
    announce(esphome, "node/sensor/temperature/state", dev_cla="temperature", unit_of_meas="°C")
    assert hear(esphome, "node/sensor/temperature/state", payload) == ([], [])


def test_a_value_that_is_no_number_is_reported(esphome):
    announce(esphome, "node/sensor/temperature/state", dev_cla="temperature", unit_of_meas="°C")
    assert hear(esphome, "node/sensor/temperature/state", b"warm") == ([], ["node: temperature: 'warm' is not a number"])


def test_offline_is_trouble(esphome):
    assert hear(esphome, "node/status", b"offline") == ([], ["node: is offline; check its power and Wi-Fi"])
    assert hear(esphome, "node/status", b"online") == ([], [])


def test_a_text_may_be_a_machines_state():
    own = {"mixer": {"state": {"state": "mode", "words": {"Mixing": "working"}}}}
    heard = make({"dialect": "esphome", "own": own}, {}, "d")
    assert hear(heard, "mixer/text_sensor/mode/state", b"Mixing")[0] == [
        {"kind": "state", "device": "mixer", "state": "working"}
    ]
    assert hear(heard, "other/text_sensor/mode/state", b"Mixing") == ([], [])


def test_a_prefix_of_several_levels_names_the_node_by_what_it_leaves_open():
    heard = make({"dialect": "esphome", "prefixes": ["site/+", "hall/lamp"]}, {}, "d")
    assert hear(heard, "site/n1/switch/a/state", b"ON")[0][0]["device"] == "n1"
    assert hear(heard, "hall/lamp/switch/a/state", b"ON")[0][0]["device"].startswith("hall-lamp-")
    assert hear(heard, "n1/switch/a/state", b"ON") == ([], [])


def test_announcements_of_others_are_not_remembered(esphome):
    for i in range(50):
        hear(esphome, f"homeassistant/sensor/x{i}/config", {"stat_t": f"tele/x{i}/SENSOR", "unit_of_meas": "W"})
    assert len(esphome._discovery._known) == 0
