"""`decode` on codes that are damaged, blurred or faint, alone and beside readable ones."""

import cv2
import numpy as np
import pytest
import zxingcpp

from edge_agent.decode import decode, engines
from edge_agent.decode.engines import zxing_with_damaged
from edge_agent.decode.strips import Region
from edge_agent.decode.treatment import deblurred
from edge_agent.decode.view import View
from edge_agent.decode.wholeness import is_read_along, lies_on_paper

F = zxingcpp.BarcodeFormat
PATIENT_MS = 5000


def drawn(format_: zxingcpp.BarcodeFormat, text: str, scale: int = 3, *, gs1: bool = False) -> np.ndarray:
    barcode = zxingcpp.create_barcode(text, format_, gs1=gs1)
    return np.array(zxingcpp.write_barcode_to_image(barcode, scale=scale, add_quiet_zones=True))


def turned(image: np.ndarray, degrees: float) -> np.ndarray:
    height, width = image.shape
    side = int(np.hypot(height, width)) + 8
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    turn[:, 2] += side / 2 - width / 2, side / 2 - height / 2
    return cv2.warpAffine(image, turn, (side, side), borderValue=255)


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(cv2.copyMakeBorder(image, 30, 30, 30, 30, cv2.BORDER_CONSTANT, value=255), (0, 0), sigma)


def zxing_alone(image: np.ndarray) -> set[str]:
    return {barcode.text for barcode in zxingcpp.read_barcodes(image, text_mode=zxingcpp.TextMode.Plain)}


def blurred_beyond_zxing(image: np.ndarray, text: str) -> np.ndarray:
    """The code with just so much blur that zxing-cpp alone does not read it, whatever its version can do."""
    return next(seen for sigma in np.arange(1.0, 12.0, 0.1) if text not in zxing_alone(seen := blurred(image, float(sigma))))


@pytest.mark.parametrize("format_", [F.QRCode, F.DataMatrix, F.Aztec])
def test_a_blurred_matrix_code_beside_readable_ones_is_read_too(format_):
    spoilt = blurred_beyond_zxing(drawn(format_, "PALLET 7 SPOILT", 4), "PALLET 7 SPOILT")
    sheet = np.full((1300, 1500), 255, np.uint8)
    placed = [(60, 60, spoilt)]
    texts = {"PALLET 7 SPOILT"}
    for i, (other, text) in enumerate(
        [
            (F.Code128, "BESIDE-1"),
            (F.EAN13, "4006381333931"),
            (F.QRCode, "BESIDE 3"),
            (F.DataMatrix, "BESIDE 4"),
            (F.Code39, "BESIDE-5"),
        ]
    ):
        placed.append((60 + 720 * (i % 2), 420 + 290 * (i // 2), drawn(other, text)))
        texts.add(text)
    for x, y, image in placed:
        sheet[y : y + image.shape[0], x : x + image.shape[1]] = image
    assert {s.text for s in decode(sheet, budget_ms=PATIENT_MS)} == texts


def test_codes_beside_each_other_are_each_returned_once():
    one, two = drawn(F.QRCode, "LEFT", 5), drawn(F.QRCode, "RIGHT", 5)
    sheet = np.full((500, 900), 255, np.uint8)
    for x, image in ((40, one), (460, two)):
        sheet[60 : 60 + image.shape[0], x : x + image.shape[1]] = image
    assert sorted(s.text for s in decode(sheet, budget_ms=PATIENT_MS)) == ["LEFT", "RIGHT"]


def test_a_gs1_128_too_blurred_for_zxing_is_read():
    text = "010950110153000310AB12"
    label = drawn(F.Code128, "(01)09501101530003(10)AB12", 3, gs1=True)
    (symbol,) = decode(blurred_beyond_zxing(label, text), budget_ms=PATIENT_MS)
    assert symbol.text == text
    assert symbol.gs1 == (("01", "09501101530003"), ("10", "AB12"))


def test_deblurring_brings_back_bars_that_an_engine_reads():
    label = drawn(F.Code128, "SHARP-AGAIN", 4)
    strip = cv2.GaussianBlur(label[60:90], (0, 0), 3.4)
    assert not engines.zxing_strip(View.of(strip))
    assert [r.text for r in engines.zxing_strip(View.of(deblurred(strip, 3.4)))] == ["SHARP-AGAIN"]


def test_a_symbol_that_was_found_but_not_read_is_known_with_its_place():
    code = drawn(F.QRCode, "https://example.org/a/long/enough/address", 6)
    height = code.shape[0]
    code[height // 2 - 8 :, height // 2 - 8 :] = 255
    readings, damaged = zxing_with_damaged(View.of(code))
    assert readings == []
    assert any(d.format == "QRCode" for d in damaged)


@pytest.mark.parametrize("degrees", [11, 15, 20, 25, 30])
def test_a_piece_of_a_slanted_interleaved_2_of_5_is_never_taken_for_the_whole(degrees):
    for text in ("6788973645", "2276809595", "9328968360"):
        found = [s.text for s in decode(turned(drawn(F.ITF, text, 4), degrees), budget_ms=PATIENT_MS)]
        assert found in ([text], [])


def test_a_code_with_bars_beside_it_is_a_piece():
    label = drawn(F.ITF, "1234567890", 4)
    dark = np.argwhere(label < 128)
    (top, left), (bottom, right) = dark.min(0), dark.max(0)
    middle = ((left + right) / 2, (top + bottom) / 2)
    whole = Region(middle, 0.0, right - left, bottom - top).quad
    half = Region(middle, 0.0, (right - left) / 2, bottom - top).quad
    assert lies_on_paper(label, whole, 9 * 10 + 9)
    assert not lies_on_paper(label, half, 9 * 5 + 9)


def test_a_line_that_crosses_the_bars_askew_is_told_from_one_that_crosses_them_squarely():
    slanted = turned(drawn(F.ITF, "1234567890", 4), 30)
    middle = (slanted.shape[1] / 2, slanted.shape[0] / 2)
    assert is_read_along(slanted, Region(middle, -30.0, 300, 60).quad)
    assert not is_read_along(slanted, Region(middle, 0.0, 300, 60).quad)


def test_glare_beside_a_piece_does_not_make_it_a_whole_code():
    label = cv2.copyMakeBorder(drawn(F.ITF, "6638825241", 4), 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=255)
    height, width = label.shape
    label[height // 2 :, int(width * 0.6) :] = 255
    assert [s.text for s in decode(label, budget_ms=PATIENT_MS)] in (["6638825241"], [])


def test_a_code_of_one_pixel_a_module_is_read_in_each_turn():
    barcode = zxingcpp.create_barcode("c++", F.DataMatrix)
    tiny = np.array(zxingcpp.write_barcode_to_image(barcode, scale=1, add_quiet_zones=True))
    for turns in range(4):
        assert [s.text for s in decode(np.ascontiguousarray(np.rot90(tiny, turns)), budget_ms=PATIENT_MS)] == ["c++"]
