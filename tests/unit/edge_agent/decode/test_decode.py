"""`decode` on pictures that the test draws itself."""

import io
import subprocess
import sys
import zlib
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import segno
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.decode import DecodeError, decode
from edge_agent.decode import engines as engines_module
from edge_agent.decode.picture import MAX_PIXELS
from edge_agent.decode.view import centre


def drawn(format_: zxingcpp.BarcodeFormat, text: str, scale: int = 3) -> np.ndarray:
    barcode = zxingcpp.create_barcode(text, format_)
    return np.array(zxingcpp.write_barcode_to_image(barcode, scale=scale, add_quiet_zones=True))


def qr(text: str, scale: int = 4) -> np.ndarray:
    buffer = io.BytesIO()
    segno.make(text, error="m", micro=False).save(buffer, kind="png", scale=scale, border=4)
    return cv2.imdecode(np.frombuffer(buffer.getvalue(), np.uint8), cv2.IMREAD_GRAYSCALE)


def turned(image: np.ndarray, degrees: float) -> np.ndarray:
    height, width = image.shape
    side = int(np.hypot(height, width)) + 8
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    turn[:, 2] += side / 2 - width / 2, side / 2 - height / 2
    return cv2.warpAffine(image, turn, (side, side), borderValue=255)


def sheet(width: int, height: int, *placed: tuple[int, int, np.ndarray]) -> np.ndarray:
    paper = np.full((height, width), 255, np.uint8)
    for x, y, image in placed:
        paper[y : y + image.shape[0], x : x + image.shape[1]] = image
    return paper


def png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


F = zxingcpp.BarcodeFormat


def test_every_code_of_a_pallet_label_is_returned():
    label = sheet(
        1200,
        900,
        (40, 40, drawn(F.Code128, "PLB-ORDER-4711")),
        (40, 300, drawn(F.EAN13, "4006381333931")),
        (700, 60, qr("https://example.org/lot/7")),
        (700, 400, drawn(F.DataMatrix, "REBAR B500B Ø16", 6)),
        (40, 600, drawn(F.Code39, "LOT-0815")),
    )
    found = {(s.format, s.text) for s in decode(label)}
    assert found == {
        ("Code128", "PLB-ORDER-4711"),
        ("EAN13", "4006381333931"),
        ("QRCode", "https://example.org/lot/7"),
        ("DataMatrix", "REBAR B500B Ø16"),
        ("Code39", "LOT-0815"),
    }


@pytest.mark.parametrize("degrees", [0, 30, 90])
@pytest.mark.parametrize("text", ["PO/A12", "A/B-12", "W/O 12%A", "4711$L03", "R/M/N/O 8", "BEAM/I/J"])
def test_a_code_39_with_a_slash_is_read_as_printed(text: str, degrees: float):
    assert [(s.format, s.text, s.bytes) for s in decode(turned(drawn(F.Code39, text), degrees))] == [
        ("Code39", text, text.encode())
    ]


@pytest.mark.parametrize("text", ["495765", "405259", "911989", "H309DB", "L840K1", "9CMBFB", "PCHP5R"])
def test_a_code_39_of_six_characters_is_no_pharmacys_code(text: str):
    assert [(s.format, s.text, s.identifier) for s in decode(drawn(F.Code39, text))] == [("Code39", text, "]A0")]


def test_a_pharmacys_code_32_is_read_as_its_number():
    assert [(s.format, s.text) for s in decode(drawn(F.Code39, "3PRM8N"))] == [("Code32", "A123456788")]


def test_a_code_39_with_small_letters_is_full_ascii():
    assert [s.text for s in decode(drawn(F.Code39, "A+A-1234"))] == ["Aa-1234"]


def test_two_codes_39_are_each_read_as_they_are():
    label = sheet(900, 500, (20, 20, drawn(F.Code39, "PO/A12")), (20, 250, drawn(F.Code39, "12+A+B")))
    assert {s.text for s in decode(label)} == {"PO/A12", "12ab"}


@pytest.mark.parametrize("format_", [F.DataMatrix, F.Aztec, F.Code128, F.QRCode, F.DataBarExp])
@pytest.mark.parametrize("lot", ["R", "LOT-0815/7"])  # of different sizes: square and rectangular symbols
def test_fnc1_in_first_position_means_gs1_whatever_the_symbol(format_: F, lot: str):
    barcode = zxingcpp.create_barcode(f"(01)09506000134352(10){lot}(21)A1", format_, gs1=True)
    [symbol] = decode(np.array(zxingcpp.write_barcode_to_image(barcode, scale=4, add_quiet_zones=True)))
    assert symbol.gs1 == (("01", "09506000134352"), ("10", lot), ("21", "A1"))


def test_pdf417_in_both_directions_are_returned_on_a_full_sheet():
    texts = [f"PALLET-{i:02}" for i in range(12)]
    images = [drawn(F.PDF417, text, 2) for text in texts]
    placed = [
        (40 + 300 * (i % 4), 40 + 300 * (i // 4), np.rot90(image) if i % 4 > 1 else image) for i, image in enumerate(images)
    ]
    assert sorted(s.text for s in decode(sheet(1300, 1000, *placed))) == texts


def test_codes_that_lie_at_an_angle_are_returned_beside_upright_ones():
    slanted = turned(drawn(F.Code128, "SLANTED-35"), 35)
    steep = turned(drawn(F.Code128, "STEEP-60"), 60)
    label = sheet(1500, 1000, (40, 40, drawn(F.Code128, "UPRIGHT-0")), (40, 400, slanted), (800, 300, steep))
    assert {s.text for s in decode(label, budget_ms=1000)} == {"UPRIGHT-0", "SLANTED-35", "STEEP-60"}


def test_two_labels_with_the_same_content_are_two_symbols():
    one = drawn(F.Code128, "SAME-AGAIN")
    label = sheet(900, 800, (40, 40, one), (40, 500, one))
    found = decode(label)
    assert [s.text for s in found] == ["SAME-AGAIN", "SAME-AGAIN"]
    assert centre(found[1].points)[1] - centre(found[0].points)[1] == pytest.approx(460, abs=40)


def test_one_tall_code_is_one_symbol():
    tall = cv2.resize(drawn(F.Code128, "ONE-TALL-CODE"), None, fx=1, fy=6, interpolation=cv2.INTER_NEAREST)
    label = sheet(tall.shape[1] + 80, tall.shape[0] + 80, (40, 40, tall))
    assert [s.text for s in decode(label)] == ["ONE-TALL-CODE"]


def test_points_are_the_corners_in_the_picture():
    (symbol,) = decode(sheet(800, 600, (300, 200, qr("corner", 5))))
    xs, ys = [x for x, _ in symbol.points], [y for _, y in symbol.points]
    assert min(xs) == pytest.approx(320, abs=6)
    assert min(ys) == pytest.approx(220, abs=6)
    assert symbol.points[0] == pytest.approx((min(xs), min(ys)), abs=3)


def test_a_large_photo_with_a_small_label_is_read():
    photo = sheet(6000, 4000, (4200, 3000, qr("small in a large photo", 4)))
    assert [s.text for s in decode(photo, budget_ms=5000)] == ["small in a large photo"]


def test_an_identifier_and_the_bytes_come_with_a_code_128():
    (symbol,) = decode(drawn(F.Code128, "ABC"))
    assert (symbol.identifier, symbol.bytes, symbol.engine) == ("]C0", b"ABC", "zxing")


@pytest.mark.parametrize("shape", [(200, 300), (200, 300, 1), (200, 300, 3), (200, 300, 4)])
def test_an_empty_frame_has_no_symbols(shape):
    assert decode(np.full(shape, 255, np.uint8)) == []


def test_noise_has_no_symbols():
    assert decode(np.random.default_rng(7).integers(0, 256, (480, 640), np.uint8)) == []


def test_transparent_paper_is_white():
    gray = qr("on glass")
    clear = np.dstack([np.zeros((*gray.shape, 3), np.uint8), np.where(gray < 128, 255, 0).astype(np.uint8)])
    assert [s.text for s in decode(png(clear))] == ["on glass"]


def test_a_file_and_its_bytes_say_the_same(tmp_path):
    (tmp_path / "label.png").write_bytes(png(qr("twice")))
    assert decode(tmp_path / "label.png") == decode((tmp_path / "label.png").read_bytes())


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (b"", "is empty"),
        (b"neither of ours", "is not a JPEG"),
        (b"GIF89a", "is a GIF picture, which is not read here; save it as JPEG or PNG"),
        (b"%PDF-1.7", "is a PDF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "is a HEIC"),
        (b"II*\0", "is a TIFF"),
        (b"\xff\xd8\xff\xe0", "cut off"),
        (b"\x89PNG\r\n\x1a\n", "cut off"),
        (np.zeros((4, 4, 7), np.uint8), "is no picture"),
        (np.zeros((4, 4), np.float32), "uint8"),
        (np.zeros((0, 4), np.uint8), "is no picture"),
    ],
)
def test_what_is_no_picture_is_refused_with_a_reason(image, reason):
    with pytest.raises(DecodeError, match=reason):
        decode(image)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_picture_that_is_cut_off_is_refused(suffix):
    data = cv2.imencode(suffix, np.random.default_rng(1).integers(0, 256, (300, 300), np.uint8))[1].tobytes()
    with pytest.raises(DecodeError, match="cut off"):
        decode(data[: len(data) // 2])


def test_a_decompression_bomb_is_refused_by_its_header():
    side = 30_000
    header = side.to_bytes(4, "big") * 2 + b"\x08\x00\x00\x00\x00"
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    body = b"".join(len(d).to_bytes(4, "big") + k + d + zlib.crc32(k + d).to_bytes(4, "big") for k, d in chunks)
    with pytest.raises(DecodeError, match="30000 x 30000"):
        decode(b"\x89PNG\r\n\x1a\n" + body)


def test_a_picture_of_a_hundred_megapixels_is_refused():
    huge = np.broadcast_to(np.uint8(255), (10_000, 10_001))
    assert huge.size > MAX_PIXELS
    with pytest.raises(DecodeError, match="64 megapixels"):
        decode(huge)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(DecodeError, match=r"gone\.png: there is no such file"):
        decode(tmp_path / "gone.png")
    with pytest.raises(DecodeError, match="is not a file"):
        decode(tmp_path)


def outcome(data: bytes) -> list[tuple[str, str]] | str:
    """What came out: the contents, or the reason of the refusal; anything else fails the test."""
    try:
        return [(s.format, s.text) for s in decode(data, budget_ms=20)]
    except DecodeError as error:
        return str(error)


@settings(max_examples=150, deadline=None)
@given(
    start=st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x10\0\0\0WEBPVP8 ", b"BM", b"P5 9 9 255\n"]),
    rest=st.binary(max_size=400),
)
def test_hostile_bytes_are_a_list_or_a_clear_refusal(start, rest):
    assert outcome(start + rest) != ""


_WHOLE = {
    suffix: cv2.imencode(suffix, qr("a damaged picture"))[1].tobytes() for suffix in (".png", ".jpg", ".webp", ".bmp", ".pgm")
}


@settings(max_examples=150, deadline=None)
@given(
    suffix=st.sampled_from(sorted(_WHOLE)),
    hits=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_a_damaged_picture_is_a_list_or_a_clear_refusal(suffix, hits):
    data = bytearray(_WHOLE[suffix])
    for at, value in hits:
        data[at % len(data)] = value
    found = outcome(bytes(data))
    assert found if isinstance(found, str) else set(found) <= {("QRCode", "a damaged picture")}


def test_symbols_are_ordered_from_top_to_bottom():
    label = sheet(700, 900, *((40, y, drawn(F.Code128, f"LINE-{y:04}")) for y in (600, 320, 40)))
    tops = [min(y for _, y in s.points) for s in decode(label)]
    assert len(tops) == 3
    assert all(a <= b for a, b in pairwise(tops))


def test_without_libzbar_it_says_so_and_goes_on(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyzbar", None)
    engines_module._load_zbar.cache_clear()
    try:
        assert engines_module._load_zbar() is None
        assert [s.text for s in decode(qr("zxing alone"))] == ["zxing alone"]
    finally:
        engines_module._load_zbar.cache_clear()


def test_importing_it_loads_no_zbar():
    code = "import sys, edge_agent.decode; sys.exit('pyzbar' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[4]).returncode == 0


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_points_follow_a_turned_picture(turns):
    """Also where only a turned copy could be read: MaxiCode."""
    paper = np.rot90(sheet(600, 500, (60, 40, drawn(F.MaxiCode, "MAXI", 3))), turns)
    (symbol,) = decode(np.ascontiguousarray(paper), budget_ms=2000)
    dark = np.argwhere(paper < 128)
    assert centre(symbol.points) == pytest.approx((dark[:, 1].mean(), dark[:, 0].mean()), abs=25)


def test_many_slanted_labels_on_a_pallet_are_all_returned():
    rng = np.random.default_rng(5)
    texts = [f"PALLET-7-BOX-{i:02}" for i in range(9)]
    photo = np.full((2100, 2400), 235, np.uint8)
    for i, text in enumerate(texts):
        box = turned(drawn(F.Code128, text, 2), float(rng.uniform(25, 65)))
        y, x = 40 + 680 * (i // 3), 40 + 780 * (i % 3)
        photo[y : y + box.shape[0], x : x + box.shape[1]] = np.minimum(box, 235)
    photo = cv2.GaussianBlur(photo, (0, 0), 0.8)
    assert sorted(s.text for s in decode(photo, budget_ms=3000)) == texts
