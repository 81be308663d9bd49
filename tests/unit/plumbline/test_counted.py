"""Quantities as people say them."""

from decimal import Decimal

import pytest

from plumbline.counted import counted
from plumbline.text import Text


@pytest.mark.parametrize(
    ("quantity", "unit", "said"),
    [
        ("1", "boxes", Text("1 box", "1 箱")),
        ("12.0", "box", Text("12 boxes", "12 箱")),
        ("0", "box", Text("0 boxes", "0 箱")),
        ("0.5", "Boxes", Text("0.5 boxes", "0.5 箱")),
        ("-1", "pcs", Text("-1 pc", "-1 件")),
        ("2", "箱", Text("2 boxes", "2 箱")),
        ("1", "t", Text("1 t", "1 t")),
        ("3", "formwork tie", Text("3 formwork tie", "3 formwork tie")),
    ],
)
def test_a_unit_follows_its_quantity_and_the_language(quantity, unit, said):
    assert counted(Decimal(quantity), unit) == said
