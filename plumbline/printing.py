"""Codes and words on paper: what the scanner's card and the labels are drawn with.

Needs the extra `labels`: reportlab (BSD, maintained, pure Python) draws, zxing-cpp makes the codes. A gateway does neither.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import numpy as np
import zxingcpp
from reportlab.lib.colors import HexColor
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont

from plumbline.text import Language

Format = Literal["Code128", "Code39", "EAN13", "UPCA", "QRCode", "DataMatrix", "Aztec", "PDF417", "ITF"]
LINEAR: Final = frozenset({"Code128", "Code39", "EAN13", "UPCA", "ITF"})


@dataclass(frozen=True, slots=True)
class Fonts:
    """The fonts of a language, by reportlab's names."""

    plain: str
    bold: str


#: Chinese by the font that every PDF viewer and printer knows by name; it has no bold of its own.
FONTS: Final[Mapping[Language, Fonts]] = {
    "en": Fonts("Helvetica", "Helvetica-Bold"),
    "zh": Fonts("STSong-Light", "STSong-Light"),
}


def fonts(language: Language) -> Fonts:
    """The fonts of a language, made known to reportlab."""
    chosen = FONTS[language]
    if language == "zh":
        cast("Any", pdfmetrics).registerFont(UnicodeCIDFont(chosen.plain))
    return chosen


def dark_modules(content: str, form: Format, *, gs1: bool = False, level: str = "") -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """A code's dark modules without its quiet zone.

    Args:
        content: what scanning it gives; for GS1 element strings with their application identifiers in brackets.
        form: the symbology.
        gs1: with FNC1 in front and between (GS1 General Specifications, section 5).
        level: how much of a QR code may be spoilt: `L`, `M`, `Q`, `H` (ISO/IEC 18004); empty: the maker's choice.
    """
    options: dict[str, Any] = {"gs1": True} if gs1 else {}
    if form == "DataMatrix":
        options["force_square"] = True  # old scanners know no rectangular ones
    if level:
        options["ec_level"] = level
    make = cast("Any", zxingcpp)
    made = make.create_barcode(content, getattr(make.BarcodeFormat, form), **options)
    picture = np.array(made.to_image(scale=1, add_quiet_zones=False, add_hrt=False))
    dark = picture < 128
    return dark[:1] if form in LINEAR else dark


def draw_modules(
    canvas: Any,
    dark: "np.ndarray[Any, np.dtype[np.bool_]]",
    *,
    left: float,
    top: float,
    side: float,
    height: float | None = None,
) -> None:
    """Draw dark modules as vectors. `side` of a module, in points; `height` of a row, where it is not square."""
    tall = side if height is None else height
    canvas.setFillColor(HexColor(0x000000))
    path = canvas.beginPath()
    for y, row in enumerate(dark):
        for start, end in _runs(row):
            path.rect(left + start * side, top - (y + 1) * tall, (end - start) * side, tall)
    canvas.drawPath(path, stroke=0, fill=1)


def wrapped(text: str, font: str, size: float, width: float, lines: int = 2) -> list[str]:
    """The text in at most so many lines; the last ends with an ellipsis where there was more. Chinese breaks anywhere."""
    found: list[str] = []
    rest = _pieces(text)
    while rest and len(found) < lines:
        line = rest.pop(0)
        while rest and _width(line + rest[0], font, size) <= width:
            line += rest.pop(0)
        found.append(line.strip())
    if found and (rest or _width(found[-1], font, size) > width):
        last = found[-1]
        while last and _width(last + "…", font, size) > width:
            last = last[:-1]
        found[-1] = last.rstrip() + "…"
    return found


def _pieces(text: str) -> list[str]:
    """Where a line may break: behind a blank, and on either side of a character that is no Latin one."""
    pieces: list[str] = []
    for character in text:
        if (pieces and pieces[-1][-1] not in " -/" and pieces[-1][-1].isascii() and character.isascii()) or (
            pieces and character == " "
        ):
            pieces[-1] += character
        else:
            pieces.append(character)
    return pieces


def _width(text: str, font: str, size: float) -> float:
    return float(cast("Any", pdfmetrics).stringWidth(text, font, size))


def _runs(row: "np.ndarray[Any, np.dtype[np.bool_]]") -> Iterator[tuple[int, int]]:
    """Start and end of each run of dark modules."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], row.astype(np.int8), [0]))))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
