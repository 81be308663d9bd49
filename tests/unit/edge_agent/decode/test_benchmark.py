"""The benchmark's judgement: what counts as read, misread, missed."""

import json

import cv2
import numpy as np
import pytest
import zxingcpp

from edge_agent.decode.benchmark import measure, same_text
from edge_agent.decode.upce import expand
from plumbline.errors import PlumblineError


@pytest.mark.parametrize(
    ("found", "expected", "same"),
    [
        ("10LOT\x1d21X", "10LOT21X", True),
        ("0889698000335", "889698000335", True),
        ("0049000006582", "04965802", True),
        ("4198716008901", "419871600890101", True),
        ("4198716008901", "419871600891101", False),
        ("A1234B", "1234", True),
        ("I2HGFG1B86BH501831", "2HGFG1B86BH501831", True),
        ("1334", "2167361334", False),
        ("", "x", False),
    ],
)
def test_texts_compare_as_a_label_reader_means_them(found, expected, same):
    assert same_text(found, expected) is same


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("04965802", "049000006582"),
        ("05096893", "050968000093"),
        ("01264904", "012000006494"),
        ("04965803", None),
        ("24965802", None),
        ("0496580", None),
    ],
)
def test_upc_e_expands_to_its_upc_a(short, long):
    assert expand(short) == long


def test_figures_count_read_missed_misread_and_quiet_photos(tmp_path):
    def qr(text):
        barcode = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
        return np.array(zxingcpp.write_barcode_to_image(barcode, scale=4, add_quiet_zones=True))

    blank = np.full((90, 90), 255, np.uint8)
    rows = []
    for name, image, expect in (
        ("right", qr("YES"), ["NO", "YES"]),
        ("any", qr("WHATEVER"), []),
        ("wrong", qr("OTHER"), ["YES"]),
        ("missed", blank, ["YES"]),
        ("quiet", blank, None),
        ("invented", qr("GHOST"), None),
    ):
        cv2.imwrite(str(tmp_path / f"{name}.png"), image)
        rows.append({"file": f"{name}.png", "expect": expect})
    (tmp_path / "expected.json").write_text(json.dumps(rows))
    figures = measure(tmp_path)
    assert (figures.photos, figures.with_code, figures.ours.read, len(figures.ours.missed)) == (6, 4, 2, 1)
    assert [texts for _, texts in figures.ours.misread] == [["OTHER"], ["GHOST"]]
    assert figures.as_dict()["decode"]["read_percent"] == 50.0
    assert figures.zxing_alone.read == 2


def test_a_folder_without_expectations_is_named(tmp_path):
    with pytest.raises(PlumblineError, match=r"expected\.json: there is no such file"):
        measure(tmp_path)
