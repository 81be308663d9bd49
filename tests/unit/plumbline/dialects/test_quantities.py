"""The built-in tables agree with each other."""

import pytest

from plumbline.dialects import discovery, esphome, tasmota, zigbee2mqtt
from plumbline.dialects.quantities import QUANTITIES
from plumbline.dialects.unit_words import ucum
from plumbline.ids import is_name
from plumbline.units import convertible


def test_each_dialects_words_mean_quantities_that_exist():
    words = [
        *zigbee2mqtt._PROPERTIES.values(),
        *esphome._PLAIN.values(),
        *discovery.CLASSES.values(),
        *(quantity for quantity, _ in tasmota._KEYS.values()),
        *(quantity for _, quantity in tasmota._NUMBERED),
    ]
    assert [word for word in words if word not in QUANTITIES] == []


def test_names_are_names_and_bounds_are_bounds():
    for name, quantity in QUANTITIES.items():
        metric = quantity.metric
        assert is_name(name)
        assert is_name(quantity.measurement)
        assert metric.title_en
        assert metric.title_zh
        assert metric.minimum < metric.maximum


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("°C", "Cel"),
        ("℃", "Cel"),
        ("µg/m³", "ug/m3"),
        ("μg/m³", "ug/m3"),
        ("kWh", "kW.h"),
        ("MWh", "MW.h"),
        ("mW", "mW"),
        ("MW", "MW"),
        ("hPa", "hPa"),
        ("kΩ", "kOhm"),
        (" lx ", "lx"),
        ("dBm", "dB[mW]"),
        ("furlong", None),
        ("", None),
    ],
)
def test_units_as_people_write_them(word, code):
    assert ucum(word) == code


@pytest.mark.parametrize(
    ("word", "quantity"), [("mmHg", "pressure_hpa"), ("mW", "power_w"), ("ppb", "co2_ppm"), ("kVA", "apparent_power_va")]
)
def test_told_units_can_become_ours(word, quantity):
    assert convertible(ucum(word), QUANTITIES[quantity].metric.unit)
