"""What labels say of weight, length, area and volume, in the units in which orders count."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.linking import Catalogue, identify, link
from plumbline.material import Coded, Line
from plumbline.measured import in_unit, measures
from plumbline.text import Text

GTIN = "09506000134352"


def line(unit):
    return Line("PO~1", "PO", "1", "yard", Text("Rebar", "钢筋"), unit, Decimal(38), gtin=GTIN)


def brought(unit, *elements, quantity=1):
    catalogue = (
        Catalogue(items={GTIN: [line(unit)]})
        if quantity == 1
        else Catalogue(codes={GTIN: [Coded(line(unit), Decimal(quantity))]})
    )
    return link(identify("x", elements), "yard", catalogue).shares[0].quantity


@pytest.mark.parametrize(
    ("unit", "elements", "expected"),
    [
        ("t", [("3103", "020000")], "0.02"),
        ("kg", [("3103", "020000")], "20"),
        ("KG", [("3100", "000020")], "20"),
        ("吨", [("3103", "020000")], "0.02"),
        ("m", [("3112", "001250")], "12.5"),
        ("m²", [("3141", "000155")], "15.5"),
        ("l", [("3150", "000025")], "25"),
        ("m3", [("3161", "000075")], "7.5"),
        ("kg", [("3200", "000100")], "45.359237"),
        ("pcs", [("3103", "020000")], "1"),
        ("t", [("3112", "001250")], "1"),
        ("t", [("3303", "020000")], "1"),  # gross weight is the lorry's business
        ("t", [("3103", "02000")], "1"),
        ("t", [("3103", "000000")], "1"),
        ("pcs", [("3103", "020000"), ("30", "4")], "4"),
        ("kg", [("3103", "020000"), ("30", "4")], "80"),
    ],
)
def test_a_measure_in_the_lines_unit_counts_before_the_number_of_things(unit, elements, expected):
    assert brought(unit, ("01", GTIN), *elements) == Decimal(expected)


def test_what_a_unit_contains_is_weighed_all_together():
    assert brought("kg", ("02", GTIN), ("3103", "020000"), ("37", "4")) == 20
    assert brought("pcs", ("02", GTIN), ("3103", "020000"), ("37", "4")) == 4


def test_a_pack_counts_what_it_holds_unless_it_was_weighed():
    assert brought("pcs", ("01", GTIN), ("30", "3"), quantity=20) == 60
    assert brought("kg", ("01", GTIN), ("3102", "001234"), quantity=20) == Decimal("12.34")


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=8)), max_size=5), st.text(max_size=8))
def test_any_elements_measure_something_above_nothing_or_nothing(elements, unit):
    told = measures(elements)
    assert all(amount > 0 for amount in told.values())
    found = in_unit(told, unit)
    assert found is None or found > 0


@given(st.integers(0, 5), st.integers(1, 999_999))
def test_the_last_digit_of_the_identifier_is_the_number_of_decimals(decimals, number):
    assert measures([(f"310{decimals}", f"{number:06}")])["mass"] == Decimal(number) / 10**decimals
