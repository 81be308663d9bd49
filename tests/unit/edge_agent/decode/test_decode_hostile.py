"""`decode` on pictures of every kind that a phone, a scanner or an enemy may send."""

import io
import struct

import cv2
import numpy as np
import pytest
import zxingcpp
from PIL import Image

from edge_agent.decode import DecodeError, decode

PATIENT_MS = 5000
CODE = np.array(
    zxingcpp.write_barcode_to_image(
        zxingcpp.create_barcode("hostile", zxingcpp.BarcodeFormat.QRCode), scale=5, add_quiet_zones=True
    )
)
PICTURE = Image.fromarray(CODE)


def saved(picture: Image.Image, format_: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format_, **options)
    return buffer.getvalue()


def turned_by_exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(PICTURE, "JPEG", exif=exif)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(saved(PICTURE.convert("CMYK"), "JPEG"), id="CMYK JPEG"),
        pytest.param(saved(PICTURE, "JPEG", progressive=True), id="progressive JPEG"),
        pytest.param(cv2.imencode(".png", CODE.astype(np.uint16) * 257)[1].tobytes(), id="16-bit PNG"),
        pytest.param(
            cv2.imencode(".png", np.dstack([*[CODE.astype(np.uint16) * 257] * 3, np.full_like(CODE, 65535, np.uint16)]))[
                1
            ].tobytes(),
            id="16-bit RGBA PNG",
        ),
        pytest.param(saved(PICTURE.convert("LA"), "PNG"), id="grey PNG with alpha"),
        pytest.param(saved(PICTURE.convert("RGBA"), "PNG"), id="RGBA PNG"),
        pytest.param(saved(PICTURE.convert("P"), "PNG"), id="PNG with palette"),
        pytest.param(saved(PICTURE.convert("1"), "PNG"), id="bilevel PNG"),
        pytest.param(saved(PICTURE, "PNG", save_all=True, append_images=[PICTURE]), id="animated PNG"),
        pytest.param(saved(PICTURE.convert("RGBA"), "WEBP", lossless=True), id="lossless WebP with alpha"),
        *(pytest.param(turned_by_exif(i), id=f"EXIF orientation {i}") for i in range(1, 9)),
    ],
)
def test_every_kind_of_picture_is_read(data):
    assert [s.text for s in decode(data, budget_ms=PATIENT_MS)] == ["hostile"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (saved(PICTURE, "GIF", save_all=True, append_images=[PICTURE]), "is a GIF"),
        (saved(PICTURE, "WEBP", save_all=True, append_images=[Image.new("L", PICTURE.size)]), "is an animation"),
        (saved(PICTURE, "TIFF"), "is a TIFF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(2000), "is a HEIC"),
        (b"P5 999999 999999 255\n", "megapixels"),
    ],
)
def test_what_is_not_read_is_refused_by_name(data, reason):
    with pytest.raises(DecodeError, match=reason):
        decode(data)


def test_a_jpeg_that_claims_to_be_huge_is_refused_before_it_is_unpacked():
    data = bytearray(saved(PICTURE, "JPEG"))
    at = data.find(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", 65_000, 65_000)
    with pytest.raises(DecodeError, match="65000 x 65000"):
        decode(bytes(data))


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (1, 2), (2, 1), (1, 5000), (5000, 1), (7, 7), (10, 30_000), (30_000, 10)]
)
@pytest.mark.parametrize("value", [0, 128, 255])
def test_pictures_of_odd_shape_have_no_symbols(height, width, value):
    assert decode(np.full((height, width), value, np.uint8)) == []


def test_a_code_in_a_picture_30000_pixels_wide_is_read():
    wide = np.full((600, 30_000), 255, np.uint8)
    wide[100 : 100 + CODE.shape[0], 22_000 : 22_000 + CODE.shape[1]] = CODE
    assert [s.text for s in decode(wide, budget_ms=PATIENT_MS)] == ["hostile"]


@pytest.mark.parametrize(
    "texture",
    [
        pytest.param(np.tile(np.array([0, 0, 0, 255, 255, 255], np.uint8), (400, 200)), id="stripes"),
        pytest.param(np.kron(np.indices((150, 150)).sum(0) % 2, np.ones((4, 4))).astype(np.uint8) * 255, id="checks"),
        pytest.param(
            np.repeat(np.random.default_rng(0).integers(0, 2, (1, 800)) * 255, 500, 0).astype(np.uint8), id="random bars"
        ),
    ],
)
def test_texture_that_looks_like_bars_has_no_symbols(texture):
    assert decode(texture) == []


def test_a_hundred_codes_in_one_picture_are_all_returned():
    assert len(decode(np.tile(CODE, (8, 12)), budget_ms=PATIENT_MS)) == 96
