"""The two engines behind one shape: zxing-cpp decides, zbar seconds; and OpenCV's reader for crumpled QR codes."""

import re
from functools import cache
from typing import Any, Final, cast

import cv2
import numpy as np
import structlog
import zxingcpp
from zxingcpp import Binarizer, TextMode

from edge_agent.decode.symbol import Damaged, Reading
from edge_agent.decode.view import Quad, View

_log = structlog.get_logger()

_ALL: Final = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.AllReadable])
_LINEAR: Final = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.AllLinear])
_MATRIX: Final = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.AllMatrix])
_CODE_39: Final = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.Code39Std])
_SHIFTED: Final = re.compile(r"[$+/%][A-Z]")
_DIGITS_CODE_32: Final = "0123456789BCDFGHJKLMNPQRSTUVWXYZ"
#: First digit of an Italian medicine's number: for people, for animals, not a medicine.
_KINDS_CODE_32: Final = "019"
#: So many of the six are letters in two thirds of all Codes 32, and hardly ever on a label.
_LETTERS_CODE_32: Final = 4

#: zbar's name → zxing-cpp's name, AIM identifier where the symbology has one only. Its DataBar, UPC-E and Codabar are not
#: asked: they misread. It loses a leading FNC1, so Code 128 and QR Code may or may not be GS1: no identifier.
_ZBAR: Final = {
    "EAN13": ("EAN13", "]E0"),
    "EAN8": ("EAN8", "]E4"),
    "UPCA": ("EAN13", "]E0"),
    "CODE128": ("Code128", None),
    "CODE39": ("Code39", None),
    "CODE93": ("Code93", "]G0"),
    "I25": ("ITF", None),
    "QRCODE": ("QRCode", None),
}
_SHORTEST_ZBAR_ITF: Final = 8


def zxing(view: View, *, linear_only: bool = False, matrix_only: bool = False, whole_histogram: bool = False) -> list[Reading]:
    """Everything zxing-cpp reads in `view`: in all directions, also reduced and inverted."""
    binarizer = Binarizer.GlobalHistogram if whole_histogram else Binarizer.LocalAverage
    formats = _LINEAR if linear_only else _MATRIX if matrix_only else _ALL
    found = _read(view, formats=formats, binarizer=binarizer)
    return [_from_zxing(barcode, view) for barcode in found]


def zxing_with_damaged(view: View) -> tuple[list[Reading], list[Damaged]]:
    """What `zxing` gives, and the symbols that were found but not read: error correction or a check digit gave up."""
    found = _read(view, formats=_ALL, return_errors=True)
    readings = [_from_zxing(barcode, view) for barcode in found if barcode.valid]
    return readings, [Damaged(b.format.name, view.locate(_corners(b))) for b in found if not b.valid]


def zxing_strip(view: View) -> list[Reading]:
    """Everything zxing-cpp reads in a strip with upright bars: linear codes, no turning, no scaling. About a millisecond."""
    found = _read(view, formats=_LINEAR, try_rotate=False, try_downscale=False, try_invert=False)
    return [_from_zxing(barcode, view, whole_height=True) for barcode in found]


def zbar(view: View, *, strip: bool = False) -> list[Reading]:
    """Everything zbar reads in `view`; nothing where libzbar is not installed (said once in the log)."""
    library = _load_zbar()
    if library is None:
        return []
    wanted = [library.ZBarSymbol[name] for name in _ZBAR]
    image = (_contiguous(view).tobytes(), view.width, view.height)
    found: list[Reading] = []
    for result in library.decode(image, symbols=wanted):
        name, identifier = _ZBAR.get(result.type, (None, None))
        data = b"0" + result.data if result.type == "UPCA" else bytes(result.data)
        if name is None or (name == "ITF" and len(data) < _SHORTEST_ZBAR_ITF):
            continue
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
        points = view.locate(_quad_of_zbar(result, view, strip=strip))
        found.append(Reading("zbar", name, text, data, identifier, points))
    return found


def opencv_qr(view: View) -> list[Reading]:
    """QR codes as OpenCV reads them: it follows bent paper; Reed-Solomon keeps it honest."""
    detector = cv2.QRCodeDetector()
    try:
        text, corners, _ = detector.detectAndDecodeCurved(view.pixels)
    except (cv2.error, UnicodeDecodeError):  # it asserts on odd geometry, and cannot give binary content
        return []
    if not text:
        return []
    quad = cast("Quad", tuple((float(x), float(y)) for x, y in np.asarray(corners).reshape(-1, 2)[:4]))
    return [Reading("opencv", "QRCode", text, text.encode(), None, view.locate(quad))]


def _read(view: View, **options: Any) -> list[zxingcpp.Barcode]:
    """What zxing-cpp reads, with Code 39 as it is printed unless it surely stands for something else.

    A Code 39 does not say whether it is 'full ASCII' (ISO/IEC 16388, annex A), where `/A` stands for `!`, or an Italian
    pharmacy's Code 32, six characters that stand for nine digits. zxing-cpp takes it for either wherever it could be, and so
    makes another number of `PO/A12`, and of every tenth label with six digits.
    """
    image = _contiguous(view)
    found = zxingcpp.read_barcodes(image, text_mode=TextMode.Plain, **options)
    doubtful = [barcode for barcode in found if barcode.valid and _is_doubtful(barcode)]
    if not doubtful:
        return found
    again: dict[str, Any] = {**options, "formats": _CODE_39}
    printed = zxingcpp.read_barcodes(image, text_mode=TextMode.Plain, **again)
    sure = [barcode for barcode in found if not (barcode.valid and _is_doubtful(barcode))]
    return sure + [one for one in printed if any(_stands_for(one.text, barcode) for barcode in doubtful)]


def _is_doubtful(barcode: zxingcpp.Barcode) -> bool:
    """People choose full ASCII for its small letters. Most characters of a Code 32 are letters, those of a label are digits."""
    text = barcode.text
    if barcode.format == zxingcpp.BarcodeFormat.Code39Ext:
        return not (any("a" <= character <= "z" for character in text) and text.isprintable())
    if barcode.format == zxingcpp.BarcodeFormat.Code32:
        return text[1] not in _KINDS_CODE_32 or sum(map(str.isalpha, _pharmacode(text))) < _LETTERS_CODE_32
    return False


def _stands_for(printed: str, barcode: zxingcpp.Barcode) -> bool:
    """Whether what was read is what full ASCII, or Code 32, makes of `printed`."""
    read = barcode.text
    if barcode.format == zxingcpp.BarcodeFormat.Code32:
        return printed == _pharmacode(read)
    shifted = _SHIFTED.sub("\0", printed)
    return len(shifted) == len(read) and all(one in {"\0", other} for one, other in zip(shifted, read, strict=True))


def _pharmacode(text: str) -> str:
    """The six characters that are printed for a Code 32's `A` and nine digits."""
    number = int(text[1:])
    return "".join(_DIGITS_CODE_32[number >> shift & 31] for shift in range(25, -1, -5))


def _contiguous(view: View) -> Any:
    return np.ascontiguousarray(view.pixels)


def _corners(barcode: zxingcpp.Barcode) -> Quad:
    p = barcode.position
    a, b, c, d = ((float(q.x), float(q.y)) for q in (p.top_left, p.top_right, p.bottom_right, p.bottom_left))
    return a, b, c, d


def _from_zxing(barcode: zxingcpp.Barcode, view: View, *, whole_height: bool = False) -> Reading:
    corners = _corners(barcode)
    if whole_height:
        left, right = (corners[0][0] + corners[3][0]) / 2, (corners[1][0] + corners[2][0]) / 2
        corners = (left, 0.0), (right, 0.0), (right, float(view.height)), (left, float(view.height))
    return Reading(
        "zxing",
        barcode.format.name,
        barcode.text,
        bytes(barcode.bytes),
        barcode.symbology_identifier or None,
        view.locate(corners),
    )


def _quad_of_zbar(result: Any, view: View, *, strip: bool) -> Quad:
    points = [(float(p.x), float(p.y)) for p in result.polygon]
    if not points:
        return (0.0, 0.0), (float(view.width), 0.0), (float(view.width), float(view.height)), (0.0, float(view.height))
    if result.type == "QRCODE" and len(points) == 4:
        return points[0], points[3], points[2], points[1]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    top, bottom = (0.0, float(view.height)) if strip else (min(ys), max(ys))
    return (min(xs), top), (max(xs), top), (max(xs), bottom), (min(xs), bottom)


@cache
def _load_zbar() -> Any:
    try:
        from pyzbar import pyzbar  # noqa: PLC0415 - it loads libzbar when imported, which may be missing
    except (ImportError, OSError) as error:
        _log.warning("zbar is missing, hard labels are read by zxing-cpp alone", error=str(error), remedy="install libzbar0")
        return None
    return pyzbar
