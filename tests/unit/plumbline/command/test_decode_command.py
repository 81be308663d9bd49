"""`plumbline decode`, as a person and as a script use it."""

import base64
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp
from typer.testing import CliRunner

from plumbline.command.decode import app

RUN = CliRunner()


def write_label(path: Path, text: str) -> Path:
    barcode = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    image = np.array(zxingcpp.write_barcode_to_image(barcode, scale=4, add_quiet_zones=True))
    cv2.imwrite(str(path), image)
    return path


def test_each_photo_is_a_json_line(tmp_path):
    photos = [write_label(tmp_path / "a.png", "甲 ONE"), write_label(tmp_path / "b.png", "TWO")]
    result = RUN.invoke(app, ["--json", *map(str, photos)])
    assert result.exit_code == 0
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["file"] for line in lines] == [str(p) for p in photos]
    (symbol,) = lines[0]["symbols"]
    assert (symbol["format"], symbol["text"], symbol["gs1"]) == ("QRCode", "甲 ONE", None)
    assert base64.b64decode(json.loads(result.stdout.splitlines()[1])["symbols"][0]["bytes"]) == b"TWO"
    assert np.shape(symbol["points"]) == (4, 2)
    assert lines[0]["ms"] > 0


def test_an_unreadable_photo_says_why_and_the_rest_is_read(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xffno")
    good = write_label(tmp_path / "good.png", "FINE")
    result = RUN.invoke(app, ["--json", str(tmp_path / "bad.jpg"), str(tmp_path / "gone.png"), str(good)])
    bad, gone, fine = (json.loads(line) for line in result.stdout.splitlines())
    assert result.exit_code == 1
    assert (bad["symbols"], gone["symbols"]) == ([], [])
    assert "cut off" in bad["error"]
    assert "there is no such file" in gone["error"]
    assert fine["symbols"][0]["text"] == "FINE"
    assert "error" not in fine


def test_folders_are_walked_for_pictures(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    write_label(tmp_path / "deep" / "er" / "a.png", "DEEP")
    (tmp_path / "deep" / "notes.txt").write_text("no picture")
    result = RUN.invoke(app, ["--json", str(tmp_path)])
    assert [json.loads(line)["symbols"][0]["text"] for line in result.stdout.splitlines()] == ["DEEP"]


def test_without_json_it_is_a_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_label(Path("a.png"), "READABLE")
    cv2.imwrite("empty.png", np.full((50, 50), 255, np.uint8))
    result = RUN.invoke(app, ["a.png", "empty.png"])
    assert result.exit_code == 0
    assert "READABLE" in result.stdout
    assert "no code found" in result.stdout


def test_control_characters_of_a_label_do_not_reach_the_terminal(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_label(Path("a.png"), "\x1b[31mred")
    result = RUN.invoke(app, ["a.png"])
    assert "\x1b[31m" not in result.stdout
    assert r"\x1b[31mred" in result.stdout


def test_a_gs1_label_carries_its_element_strings(tmp_path):
    barcode = zxingcpp.create_barcode("(01)09506000134352(10)AB-123", zxingcpp.BarcodeFormat.Code128, gs1=True)
    cv2.imwrite(str(tmp_path / "a.png"), np.array(zxingcpp.write_barcode_to_image(barcode, scale=3, add_quiet_zones=True)))
    result = RUN.invoke(app, ["--json", str(tmp_path / "a.png")])
    assert json.loads(result.stdout)["symbols"][0]["gs1"] == [["01", "09506000134352"], ["10", "AB-123"]]


@pytest.mark.parametrize("argument", ["--help"])
def test_help_says_what_it_takes(argument):
    assert "PHOTO" in RUN.invoke(app, [argument]).stdout
