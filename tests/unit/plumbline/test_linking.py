"""Scan → material line."""

from decimal import Decimal

import pytest

from plumbline.linking import Catalogue, Linked, Unlinked, identify, link
from plumbline.material import DeliveryUnit, Line
from plumbline.text import Text

SSCC = "095060001343000000"
GTIN = "09506000134352"


def line(number: str, *, site: str = "harbour", order: str = "PO-1", **more) -> Line:
    return Line(
        id=f"{order}~{number}",
        order=order,
        number=number,
        site=site,
        title=Text("Bolts", "螺栓"),
        unit="pcs",
        expected=Decimal(10),
        **more,
    )


LOT = line("10", gtin=GTIN, batch="LOT7")
ANY = line("20", gtin=GTIN)
FAR = line("10", site="airport", order="PO-9", gtin=GTIN)


def known(*lines: Line, units: tuple[DeliveryUnit, ...] = ()) -> Catalogue:
    orders: dict[str, list[Line]] = {}
    for each in lines:
        orders.setdefault(each.order, []).append(each)
    return Catalogue(
        units={SSCC: units} if units else {},
        items={GTIN: [each for each in lines if each.gtin]},
        orders=orders,
        labels={each.label: [each] for each in lines if each.label},
    )


def reason(found: Linked | Unlinked) -> str:
    assert isinstance(found, Unlinked)
    assert found.text.en
    assert found.text.zh
    return found.reason


def linked(found: Linked | Unlinked) -> tuple[list[tuple[str, Decimal]], str | None]:
    assert isinstance(found, Linked), found
    return [(share.line.id, share.quantity) for share in found.shares], found.piece


@pytest.mark.parametrize(
    ("text", "gs1", "expected"),
    [
        ("PL1:PO-1/10/3", None, ([("PO-1~10", 1)], "label:10/3")),
        ("PL1:PO-1/10", None, ([("PO-1~10", 1)], None)),
        ("any", [("01", GTIN), ("10", "LOT7")], ([("PO-1~10", 1)], None)),
        ("any", [("01", GTIN), ("10", "LOT7"), ("21", "S1")], ([("PO-1~10", 1)], f"item:{GTIN}/S1")),
        ("any", [("02", GTIN), ("10", "LOT7"), ("37", "24")], ([("PO-1~10", 24)], None)),
        ("any", [("01", GTIN), ("10", "LOT7"), ("30", "6")], ([("PO-1~10", 6)], None)),
        ("any", [("00", SSCC), ("02", GTIN), ("10", "LOT7"), ("37", "24")], ([("PO-1~10", 24)], f"sscc:{SSCC}")),
        ("any", [("01", GTIN), ("10", "OTHER")], ([("PO-1~20", 1)], None)),
        ("9506000134352", None, ([("PO-1~20", 1)], None)),
        ("STEEL-A", None, ([("PO-1~30", 1)], None)),
    ],
)
def test_a_scan_finds_its_line_its_quantity_and_its_piece(text, gs1, expected):
    catalogue = known(LOT, ANY, line("30", label="STEEL-A"))
    assert linked(link(identify(text, gs1), "harbour", catalogue)) == expected


@pytest.mark.parametrize(
    ("text", "gs1", "lines", "expected"),
    [
        ("hello", None, (LOT,), "unknown_code"),
        ("9506000134352", None, (), "unknown_item"),
        ("any", [("00", SSCC)], (LOT,), "unknown_unit"),
        ("any", [("01", "00000000000000")], (LOT,), "unknown_item"),
        ("PL1:PO-7/10/1", None, (LOT,), "unknown_order"),
        ("PL1:PO-1/77/1", None, (LOT,), "unknown_line"),
        ("PL1:PO-9/10/1", None, (FAR,), "wrong_site"),
        ("any", [("01", GTIN), ("10", "OTHER")], (LOT,), "wrong_batch"),
        ("any", [("01", GTIN)], (LOT,), "batch_missing"),
        ("any", [("01", GTIN), ("10", "LOT7")], (FAR,), "wrong_site"),
        ("any", [("01", GTIN)], (ANY, line("40", gtin=GTIN)), "ambiguous"),
        ("any", [("01", GTIN), ("10", "LOT7"), ("30", "0")], (LOT,), "bad_quantity"),
        ("any", [("01", GTIN), ("10", "LOT7"), ("30", "²")], (LOT,), "bad_quantity"),
    ],
)
def test_a_scan_that_cannot_be_linked_says_why_in_both_languages(text, gs1, lines, expected):
    assert reason(link(identify(text, gs1), "harbour", known(*lines))) == expected


def test_a_unit_brings_what_its_delivery_note_says_on_every_line():
    units = (DeliveryUnit(SSCC, LOT, Decimal(8), "DN-1"), DeliveryUnit(SSCC, ANY, Decimal("2.5"), "DN-1"))
    found = link(identify("any", [("00", SSCC)]), "harbour", known(LOT, ANY, units=units))
    assert linked(found) == ([("PO-1~10", 8), ("PO-1~20", Decimal("2.5"))], f"sscc:{SSCC}")


def test_a_unit_of_another_site_is_told_apart_from_an_unknown_one():
    found = link(identify("any", [("00", SSCC)]), "harbour", known(units=(DeliveryUnit(SSCC, FAR, Decimal(8), "DN-1"),)))
    assert reason(found) == "wrong_site"


def test_the_exact_batch_wins_over_a_line_that_takes_any():
    found = link(identify("any", [("01", GTIN), ("10", "LOT7")]), "harbour", known(ANY, LOT))
    assert linked(found)[0] == [("PO-1~10", 1)]
