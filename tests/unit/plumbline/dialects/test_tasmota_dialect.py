"""What Tasmota publishes becomes readings in our units, and never in another device's name."""

import pytest

from plumbline.dialects import make
from tests.unit.plumbline.dialects.said_events import hear, values_of


@pytest.fixture
def tasmota():
    return make({"dialect": "tasmota"}, {}, "d")


def values(dialect, document: dict, topic: str = "tele/a/SENSOR") -> dict:
    return {name: round(value, 3) for name, value in values_of(hear(dialect, topic, document)[0]).items()}


def test_energy_environment_and_counters_go_to_their_own_series(tasmota):
    document = {
        "Time": "2026-11-20T08:00:00",
        "ENERGY": {
            "TotalStartTime": "2026-01-01T00:00:00",
            "Total": 12.5,
            "Today": 0.4,
            "Power": 1500,
            "Factor": 0.9,
            "Voltage": 231,
        },
        "SHT3X-0x44": {"Temperature": 21.5, "Humidity": 55, "DewPoint": 12.1},
        "COUNTER": {"C1": 7, "C2": 9},
        "TempUnit": "C",
    }
    events, troubles = hear(tasmota, "tele/a/SENSOR", document)
    assert troubles == []
    assert {event["measurement"]: event["values"] for event in events} == {
        "energy": {"energy_kwh": 12.5, "energy_today_kwh": 0.4, "power_w": 1500, "power_factor": 0.9, "voltage_v": 231},
        "environment": {"temperature_c": 21.5, "humidity": 55, "dew_point_c": 12.1},
        "equipment": {"count_1": 7, "count_2": 9},
    }
    assert not any("at_ns" in event for event in events)


def test_the_units_of_the_message_are_converted(tasmota):
    document = {"BME280": {"Temperature": 68, "Pressure": 750}, "TempUnit": "F", "PressureUnit": "mmHg"}
    assert values(tasmota, document) == {"temperature_c": 20, "pressure_hpa": 999.918}
    assert values(tasmota, {"VL53L0X": {"Distance": 120}, "SR04": {"Distance": 120}}) == {
        "distance_m_vl53l0x": 0.12,
        "distance_m_sr04": 1.2,
    }


def test_phases_and_relays_are_numbered(tasmota):
    assert values(tasmota, {"ENERGY": {"Power": [1, 2, 3]}}) == {"power_w_1": 1, "power_w_2": 2, "power_w_3": 3}
    state = {"POWER1": "ON", "POWER2": "OFF", "Wifi": {"RSSI": 90, "Signal": -55, "AP": 1}, "Uptime": "0T01:00:00"}
    assert values(tasmota, state, "tele/a/STATE") == {"on_1": 1, "on_2": 0, "rssi_dbm": -55}
    assert values(tasmota, {"POWER": "ON", "Dimmer": 50, "Foo": 1}, "stat/a/RESULT") == {"on": 1}


def test_two_sensors_of_one_sort_are_never_mixed_even_when_one_falls_out(tasmota):
    both = {"DS18B20-1": {"Id": "0A", "Temperature": 20}, "DS18B20-2": {"Id": "0B", "Temperature": 30}}
    assert values(tasmota, {"DS18B20-1": {"Temperature": 20}}) == {"temperature_c": 20}
    assert values(tasmota, both) == {"temperature_c_ds18b20-1": 20, "temperature_c_ds18b20-2": 30}
    assert values(tasmota, {"DS18B20-2": {"Temperature": 31}}) == {"temperature_c_ds18b20-2": 31}
    assert values(tasmota, {"DS18B20": {"Temperature": 31}}, "tele/b/SENSOR") == {"temperature_c": 31}


def test_measured_and_smoothed_carbon_dioxide_of_one_sensor_are_two_metrics(tasmota):
    assert values(tasmota, {"SCD40": {"CarbonDioxide": 811, "eCO2": 800}}) == {"co2_ppm": 811, "co2_ppm_eco2": 800}
    assert values(tasmota, {"CCS811": {"eCO2": 700, "TVOC": 20}}, "tele/b/SENSOR") == {"co2_ppm": 700, "tvoc_ppb": 20}


def test_a_second_value_of_one_name_is_reported_and_never_taken_for_the_first(tasmota):
    events, troubles = hear(tasmota, "tele/a/SENSOR", {"TSL": {"Illuminance": 500, "Ambient": 3}})
    assert values_of(events) == {"illuminance_lx": 500}
    assert troubles == ["a: 'TSL.Ambient' would be named illuminance_lx as another value is; name it under 'metrics'"]


def test_what_is_declared_is_never_overwritten_by_what_is_built_in():
    declared = {"temperature_c": {"unit": "Cel", "title_en": "T", "title_zh": "T", "path": "Probe.Celsius"}}
    dialect = make({"dialect": "tasmota", "metrics": declared}, {}, "d")
    for document in (
        {"Probe": {"Celsius": 20}, "BME280": {"Temperature": 30}},
        {"BME280": {"Temperature": 30}, "Probe": {"Celsius": 20}},
    ):
        assert values(dialect, document) == {"temperature_c": 20}


def test_bluetooth_sensors_and_zigbee_devices_behind_a_bridge_keep_their_names(tasmota):
    assert values(tasmota, {"ATC-a1b2c3": {"Temperature": 20}}) == {"temperature_c_atc-a1b2c3": 20}
    received = {"ZbReceived": {"0x1F2C": {"Device": "0x1F2C", "Name": "hall", "Temperature": 21.5, "LinkQuality": 90}}}
    events, _ = hear(tasmota, "tele/bridge/SENSOR", received)
    assert events[0]["device"].startswith("bridge-hall-")
    assert values_of(events) == {"temperature_c": 21.5}
    named = make({"dialect": "tasmota", "names": {"0x1F2C": "hall"}}, {}, "d")
    assert hear(named, "tele/bridge/SENSOR", received)[0][0]["device"] == "hall"


def test_offline_is_trouble_and_never_a_reading(tasmota):
    assert hear(tasmota, "tele/a/LWT", b"Offline") == ([], ["a: is offline; check its power and Wi-Fi"])
    assert hear(tasmota, "tele/a/LWT", b"Online") == ([], [])
    assert "where Online or Offline belongs" in hear(tasmota, "tele/a/LWT", b"Gone")[1][0]


def test_what_the_table_does_not_know_is_reported_once_until_it_is_declared(tasmota):
    document = {"HALL": {"Teslas": 3}}
    [trouble] = hear(tasmota, "tele/a/SENSOR", document)[1]
    assert trouble == (
        "a: not declared: 'HALL.Teslas' (3); add metrics.hall_teslas with path = 'HALL.Teslas', or list it under 'ignore'"
    )
    assert hear(tasmota, "tele/a/SENSOR", document) == ([], [])
    metric = {"unit": "mT", "title_en": "Field", "title_zh": "磁场", "path": "HALL.Teslas"}
    declared = make({"dialect": "tasmota", "own": {"a": {"metrics": {"field_mt": metric}, "measurement": "lab"}}}, {}, "d")
    assert hear(declared, "tele/a/SENSOR", document)[0] == [
        {"kind": "reading", "device": "a", "measurement": "lab", "values": {"field_mt": 3.0}}
    ]
    assert hear(make({"dialect": "tasmota", "ignore": ["HALL.Teslas"]}, {}, "d"), "tele/a/SENSOR", document) == ([], [])


def test_a_switch_may_be_a_machines_state():
    own = {"mixer": {"state": {"state": "POWER", "words": {"ON": "working", "OFF": "off"}}}}
    heard = make({"dialect": "tasmota", "own": own}, {}, "d")
    assert hear(heard, "stat/mixer/RESULT", {"POWER": "ON"})[0] == [{"kind": "state", "device": "mixer", "state": "working"}]


def test_a_broken_sensor_is_reported_and_the_others_go_out(tasmota):
    events, [trouble] = hear(tasmota, "tele/a/SENSOR", {"DS18B20": {"Temperature": -127}, "AM2301": {"Humidity": 40}})
    assert values_of(events) == {"humidity": 40}
    assert "-127 Cel is not plausible" in trouble


@pytest.mark.parametrize("template", ["%topic%/%prefix%/", "site/%prefix%/%topic%", "%prefix%/hall/%topic%/"])
def test_another_order_of_levels_is_declared_as_the_devices_have_it(template):
    heard = make({"dialect": "tasmota", "full_topic": template}, {}, "d")
    topic = template.strip("/").replace("%prefix%", "tele").replace("%topic%", "pump") + "/SENSOR"
    assert hear(heard, topic, {"AM2301": {"Humidity": 40}})[0][0]["device"] == "pump"
    assert hear(heard, "tele/pump/x/SENSOR", {"AM2301": {"Humidity": 40}}) == ([], [])
