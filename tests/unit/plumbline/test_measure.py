"""Scale, unit, plausibility."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.measure import ImplausibleError, measured
from plumbline.profile import Metric
from plumbline.units import convert, convertible, known_units


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        (212.0, "[degF]", "Cel", 100.0),
        (-40.0, "[degF]", "Cel", -40.0),
        (0.0, "Cel", "K", 273.15),
        (36.0, "km/h", "m/s", 10.0),
        (1.0, "[kn_i]", "km/h", 1.852),
        (1013.25, "hPa", "bar", 1.01325),
        (14.503773773, "[psi]", "bar", 1.0),
        (1.0, "kW.h", "MJ", 3.6),
        (0.05, "mg/m3", "ug/m3", 50.0),
        (180.0, "deg", "rad", 3.14159265358979),
        (1500.0, "kg", "t", 1.5),
        (7.0, "anything", "anything", 7.0),
    ],
)
def test_units_convert_as_defined(value, unit, to, expected):
    assert convert(value, unit, to) == pytest.approx(expected, rel=1e-9)


def test_a_converted_value_has_no_digits_that_only_arithmetic_made():
    assert repr(convert(64.4, "[degF]", "Cel")) == "18.0"


@given(st.sampled_from(sorted(known_units("Cel")) + sorted(known_units("Pa"))), st.floats(-1e6, 1e6))
def test_a_conversion_there_and_back_changes_nothing(unit, value):
    for to in known_units(unit):
        assert convert(convert(value, unit, to), to, unit) == pytest.approx(value, rel=1e-9, abs=1e-6)


def test_a_mass_is_no_length():
    assert not convertible("kg", "m")
    with pytest.raises(KeyError):
        convert(1.0, "kg", "m")


def test_scale_comes_before_the_unit():
    metric = Metric(unit="Cel", title_en="T", title_zh="温", from_unit="[degF]", scale=0.1)
    assert measured(metric, 2120) == pytest.approx(100.0)


@pytest.mark.parametrize("raw", [float("nan"), float("inf"), -float("inf"), -1, 101])
def test_what_cannot_be_true_is_refused(raw):
    with pytest.raises(ImplausibleError, match=r"not plausible \(0 to 100\)"):
        measured(Metric(unit="%", title_en="H", title_zh="湿", minimum=0, maximum=100), raw)


def test_a_unit_that_cannot_become_the_metrics_own_is_refused_with_those_that_can():
    with pytest.raises(ValueError, match=r"from_unit: 'kg' cannot become 'Cel'; known are Cel, K, \[degF\]"):
        Metric(unit="Cel", title_en="T", title_zh="温", from_unit="kg")
