"""The benchmark's judgement: what counts as read, misread, missed."""

import json

import cv2
import numpy as np
import pytest
import zxingcpp
from typer.testing import CliRunner

from edge_agent.decode import decode
from edge_agent.decode.benchmark import measure, measure_rendered, same_text
from edge_agent.decode.rendered import clean, pictures
from edge_agent.decode.upce import expand
from plumbline.command.bench import app
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
    assert (figures.pictures, figures.with_code, figures.ours.read, len(figures.ours.missed)) == (6, 4, 2, 1)
    assert [texts for _, texts in figures.ours.misread] == [["OTHER"], ["GHOST"]]
    assert figures.as_dict()["decode"]["read_percent"] == 50.0
    assert figures.zxing_alone.read == 2

    assert figures.as_dict()["decode"]["none_found_where_none"] == figures.ours.quiet == 1
    assert figures.as_dict()["without_code"] == 2


def test_photos_are_tallied_by_folder_and_in_each_turn_and_unreadable_files_are_named(tmp_path):
    (tmp_path / "itf-1").mkdir()
    barcode = zxingcpp.create_barcode("TURN-ME", zxingcpp.BarcodeFormat.Code128)
    cv2.imwrite(
        str(tmp_path / "itf-1" / "a.png"), np.array(zxingcpp.write_barcode_to_image(barcode, scale=3, add_quiet_zones=True))
    )
    (tmp_path / "broken.png").write_bytes(b"no picture")
    rows = [{"file": "itf-1/a.png", "expect": ["TURN-ME"]}, {"file": "broken.png", "text": "X"}]
    (tmp_path / "expected.json").write_text(json.dumps(rows))
    figures = measure(tmp_path, turns=(90, 180)).as_dict()
    assert figures["photos"] == figures["with_code"] == 4
    assert figures["groups"]["itf-1"]["decode"]["read"] == 2
    assert figures["decode"]["read"] == 2
    assert "broken.png" in figures["refused_photos"][0]


def test_every_symbology_is_drawn_and_read_when_not_spoilt():
    for label in clean():
        found = [symbol.text for symbol in decode(label.pixels, budget_ms=2000)]
        assert any(same_text(text, label.text) for text in found), (label.name, label.text, found)


def test_a_seed_draws_the_same_labels_again():
    first, second = list(pictures(6, seed=3)), list(pictures(6, seed=3))
    other = next(pictures(1, seed=4))
    assert all(a.text == b.text and np.array_equal(a.pixels, b.pixels) for a, b in zip(first, second, strict=True))
    assert other.text != first[0].text
    assert sum(p.symbology == "GS1-128" for p in pictures(25)) == 7


def test_spoilt_labels_are_read_better_than_by_zxing_alone():
    figures = measure_rendered(count=25, seed=2, budget_ms=2000)
    assert figures.pictures == figures.with_code == 25
    assert figures.ours.read > figures.zxing_alone.read
    assert figures.ours.misread == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "name a folder of photos, or give --rendered"),
        (["somewhere", "--rendered"], "name a folder of photos, or give --rendered"),
        (["somewhere", "--turn", "45"], "90, 180 or 270"),
    ],
)
def test_the_command_says_what_it_wants(arguments, complaint):
    result = CliRunner().invoke(app, ["decode", *arguments])
    assert result.exit_code == 2
    assert complaint in result.output


def test_the_command_prints_a_table_for_people_and_json_for_machines():
    shown = CliRunner().invoke(app, ["decode", "--rendered", "--count", "4"])
    assert "GS1-128" in shown.output
    figures = json.loads(CliRunner().invoke(app, ["decode", "--rendered", "--count", "4", "--json"]).output)
    assert {"read", "read_percent", "misread", "p50_ms", "p95_ms", "p95_cpu_ms"} <= set(figures["decode"])


def test_a_folder_without_expectations_is_named(tmp_path):
    with pytest.raises(PlumblineError, match=r"expected\.json: there is no such file"):
        measure(tmp_path)
