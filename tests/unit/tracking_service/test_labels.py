"""Labels say what scanning them is linked by, and can be read."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.cli import main
from plumbline.linking import identify, own_label, zone_label, zone_of
from plumbline.printing import dark_modules, wrapped
from tests import tracking_site as site
from tracking_service.document import OrderDocument
from tracking_service.labels.content import LabelError, of_order, of_zones
from tracking_service.labels.sheet import pdf
from tracking_service.labels.stock import STOCKS

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)


def order(**changes) -> OrderDocument:
    return OrderDocument.model_validate(site.order(**changes))


def scanned(label) -> zxingcpp.Barcode:
    gs1 = label.symbol == "gs1"
    dark = dark_modules(label.code, "DataMatrix" if gs1 else "QRCode", gs1=gs1, level="" if gs1 else "Q")
    picture = cv2.copyMakeBorder(np.where(dark, 0, 255).astype(np.uint8), 4, 4, 4, 4, cv2.BORDER_CONSTANT, value=255)
    (found,) = zxingcpp.read_barcodes(cv2.resize(picture, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST))
    return found


def test_a_label_of_each_piece_tells_the_pieces_apart():
    labels = of_order(order(), lines=["10"], pieces=True)
    assert [identify(label.code, None).own for label in labels] == [("PO-1", "10", str(n)) for n in (1, 2, 3, 4)]
    assert labels[1].under[1].zh == "第 2 件，共 4 件"
    (one,) = of_order(order(), lines=["10"])
    assert identify(one.code, None).own == ("PO-1", "10", None)


def test_what_is_weighed_has_no_pieces():
    rebar = site.order()["lines"][0] | {"unit": "t", "quantity": 38}
    (label,) = of_order(order(lines=[rebar], deliveries=[], milestones=[]), pieces=True)
    assert label.under[1].en == "38 t ordered"


def test_a_gs1_label_holds_item_batch_and_serial():
    (label, *_) = of_order(order(), lines=["20"], pieces=True, gs1=True)
    found = scanned(label)
    assert label.code == f"(01){site.GTIN}(10)LOT7(21)PO-1.20.1"
    assert found.text == label.code
    assert found.symbology_identifier == "]d2"
    assert [label.symbol for label in of_order(order(), gs1=True)] == ["qr", "gs1", "qr"]


@settings(max_examples=40)
@given(NAMES, NAMES, st.none() | st.integers(1, 10**6).map(str))
def test_any_own_label_is_read_back_as_what_it_was_made_of(number, line, piece):
    code = own_label(number, line, piece)
    assert identify(code, None).own == (number, line, piece)
    assert zone_of(code) is None


@settings(max_examples=20)
@given(NAMES, NAMES)
def test_any_zone_label_is_read_back_and_is_no_material(where, zone):
    code = zone_label(where, zone)
    assert zone_of(code) == (where, zone)
    assert identify(code, None).own is None


@pytest.mark.parametrize("label", [*of_order(order(), pieces=True, gs1=True)[:12], *of_zones(site.site)])
def test_a_scanner_reads_what_the_label_says(label):
    assert scanned(label).text == label.code


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"lines": ["99"]}, "order PO-1 has no line 99; it has 10, 20, 30"),
        ({"pieces": True, "quantity": 6000}, "6018 labels, at most 5000"),
        ({"gs1": True, "batch": "B" * 21}, "longer than the 20 characters of AI"),
    ],
)
def test_what_cannot_be_printed_is_said(arguments, said):
    lines = site.order()["lines"]
    lines[0]["quantity"] = arguments.pop("quantity", 4)
    lines[1]["batch"] = arguments.pop("batch", "LOT7")
    with pytest.raises(LabelError, match=said):
        of_order(order(lines=lines), **arguments)


@pytest.mark.parametrize("stock", STOCKS.values(), ids=STOCKS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_stock_takes_its_labels_and_a_used_sheet_the_rest(stock, language):
    labels = of_order(order(), pieces=True)
    whole = pdf(labels, stock, language, title="x")
    assert whole.startswith(b"%PDF-")
    assert whole.count(b"/Type /Page\n") == -(-len(labels) // stock.on_page)
    used = pdf(labels, stock, language, title="x", start=stock.on_page)
    assert used.count(b"/Type /Page\n") == -(-(len(labels) + stock.on_page - 1) // stock.on_page)
    left, top = stock.first
    assert left + (stock.columns - 1) * stock.step[0] + stock.size[0] <= stock.page[0]
    assert top + (stock.rows - 1) * stock.step[1] + stock.size[1] <= stock.page[1]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60), st.integers(1, 3))
def test_long_titles_end_with_an_ellipsis_and_never_take_more_lines(text, lines):
    found = wrapped(text, "Helvetica", 10, 80, lines=lines)
    assert len(found) <= lines
    shown = "".join("".join(found).split())
    assert shown.endswith("…") or shown == "".join(text.split())


def test_the_command_prints_from_a_document_and_says_what_it_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path, out = tmp_path / "PO-1.json", tmp_path / "labels.pdf"
    path.write_text(json.dumps(site.order()))
    with pytest.raises(SystemExit) as ended:
        main(["labels", "order", str(path), "--out", str(out), "--lang", "zh", "--stock", "a4-8"])
    assert ended.value.code in (0, None)
    assert "3 labels on A4, 8 labels of 99.1 × 67.7 mm" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["labels", "order", str(path), "--stock", "a3"])
    assert "there is no stock 'a3'; use a4-21" in capsys.readouterr().err
