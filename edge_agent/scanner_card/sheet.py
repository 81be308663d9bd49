"""The card as one sheet of A4: vector codes with what they test, for a clerk who has never seen a profile.

Needs the extra `labels`: reportlab (BSD, maintained, pure Python) draws, zxing-cpp makes the codes. A gateway does neither.
"""

from typing import Any, Final, Literal, cast

import numpy as np
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from edge_agent.scanner_card.probes import GS, PROBES, Probe
from edge_agent.scanner_card.words import WORDS, Words
from plumbline import printing
from plumbline.printing import FONTS, LINEAR, Fonts, Format, dark_modules, draw_modules, wrapped

Language = Literal["en", "zh"]

#: The narrowest bar of the linear codes, and the side of a module: easy for every hand scanner, and for printers of 300 dpi.
_BAR_MM: Final = 0.33
_MODULE_MM: Final = 0.85
#: The widest 2D code with its quiet zone of four modules on each side.
_MATRIX_MM: Final = 42.0
_LINEAR_HEIGHT_MM: Final = 16.0

_INK: Final = HexColor(0x16212B)
_GREY: Final = HexColor(0x5F6B76)
_LINE: Final = HexColor(0xCBD3DA)
_ACCENT: Final = HexColor(0xC4581B)
_WIDTH, _HEIGHT = A4
_MARGIN: Final = 12 * mm


#: Where the codes stand: rows of numbers, with each cell's share of the width. In the order of scanning.
_ROWS: Final[tuple[tuple[tuple[int, float], ...], ...]] = (
    ((1, 0.5), (2, 0.5)),
    ((3, 0.25), (4, 0.25), (5, 0.25), (6, 0.25)),
    ((7, 0.67), (8, 0.33)),
    ((9, 0.5), (10, 0.5)),
    ((11, 0.25), (12, 0.25), (13, 0.25), (14, 0.25)),
)
_ROW_HEIGHTS_MM: Final = (36.0, 49.0, 36.0, 36.0, 62.0)


def draw(canvas_file: str, language: Language) -> None:
    """Write the card to `canvas_file` as PDF. Raises `OSError` where it cannot be written."""
    words, fonts = WORDS[language], printing.fonts(language)
    canvas: Any = Canvas(canvas_file, pagesize=A4, pageCompression=1, invariant=1)
    canvas.setTitle(words.title)
    canvas.setAuthor("Plumbline")
    top = _header(canvas, words, fonts)
    for row, height_mm in zip(_ROWS, _ROW_HEIGHTS_MM, strict=True):
        left = _MARGIN
        for number, share in row:
            width = share * (_WIDTH - 2 * _MARGIN)
            _cell(canvas, PROBES[number], language, (left, top - height_mm * mm, width, height_mm * mm), words)
            left += width
        top -= height_mm * mm
    _footer(canvas, words, fonts)
    canvas.showPage()
    canvas.save()


def modules(probe: Probe) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """The code's dark modules, one row of them for a linear code. Without quiet zone."""
    return dark_modules(_bracketed(probe.text) if probe.gs1 else probe.text, cast("Format", probe.format), gs1=probe.gs1)


def _bracketed(text: str) -> str:
    """`01…10…GS21…` with its application identifiers in brackets, as code makers want it."""
    first, _, second = text.partition(GS)
    return f"(01){first[2:16]}(10){first[18:]}(21){second[2:]}"


def _header(canvas: Any, words: Words, fonts: Fonts) -> float:
    y = _HEIGHT - 16 * mm
    canvas.setFillColor(_ACCENT)
    canvas.rect(_MARGIN, y - 1.5 * mm, 3 * mm, 9 * mm, stroke=0, fill=1)
    canvas.setFillColor(_INK)
    canvas.setFont(fonts.bold, 20)
    canvas.drawString(_MARGIN + 6 * mm, y, words.title)
    canvas.setFont(fonts.plain, 9)
    canvas.setFillColor(_GREY)
    canvas.drawRightString(_WIDTH - _MARGIN, y + 0.5 * mm, words.edition)
    y -= 8 * mm
    for number, step in enumerate(words.steps, 1):
        canvas.setFillColor(_ACCENT)
        canvas.setFont(fonts.bold, 9.5)
        canvas.drawString(_MARGIN + 6 * mm, y, f"{number}.")
        canvas.setFillColor(_INK)
        canvas.setFont(fonts.plain, 9.5)
        canvas.drawString(_MARGIN + 11 * mm, y, step)
        y -= 5 * mm
    return y


def _footer(canvas: Any, words: Words, fonts: Fonts) -> None:
    canvas.setFont(fonts.plain, 8)
    canvas.setFillColor(_GREY)
    for i, line in enumerate(reversed(words.footer)):
        canvas.drawString(_MARGIN, 9 * mm + i * 4 * mm, line)


def _cell(canvas: Any, probe: Probe, language: Language, box: tuple[float, float, float, float], words: Words) -> None:
    left, bottom, width, height = box
    fonts = FONTS[language]
    canvas.setStrokeColor(_LINE)
    canvas.setLineWidth(0.6)
    canvas.roundRect(left + 1 * mm, bottom + 1 * mm, width - 2 * mm, height - 2 * mm, 2 * mm, stroke=1, fill=0)
    _badge(canvas, probe, (left + 6 * mm, bottom + height - 6 * mm), _ACCENT if probe.needed else _GREY)
    canvas.setFillColor(_INK)
    text = probe.zh if language == "zh" else probe.en
    size = 8.5
    lines = wrapped(text, fonts.plain, size, width - 13 * mm)
    for i, line in enumerate(lines):
        canvas.setFont(fonts.plain, size)
        canvas.drawString(left + 10.5 * mm, bottom + height - 7 * mm - i * 3.6 * mm, line)
    if not probe.needed:
        canvas.setFillColor(_GREY)
        canvas.setFont(fonts.plain, 7)
        canvas.drawString(left + 10.5 * mm, bottom + height - 7 * mm - len(lines) * 3.6 * mm, words.optional)
    room = height - 14 * mm
    _code(canvas, probe, (left + width / 2, bottom + 2.5 * mm + room / 2))


def _badge(canvas: Any, probe: Probe, centre: tuple[float, float], colour: Color) -> None:
    canvas.setFillColor(colour)
    canvas.circle(*centre, 3 * mm, stroke=0, fill=1)
    canvas.setFillColor(HexColor(0xFFFFFF))
    canvas.setFont("Helvetica-Bold", 10)
    canvas.drawCentredString(centre[0], centre[1] - 3.4, str(probe.number))


def _code(canvas: Any, probe: Probe, centre: tuple[float, float]) -> None:
    dark = modules(probe)
    linear = probe.format in LINEAR
    x_side = (_BAR_MM if linear else min(_MODULE_MM, _MATRIX_MM / (dark.shape[1] + 8))) * mm
    y_side = _LINEAR_HEIGHT_MM * mm if linear else x_side
    left = centre[0] - dark.shape[1] * x_side / 2
    top = centre[1] + dark.shape[0] * y_side / 2
    draw_modules(canvas, dark, left=left, top=top, side=x_side, height=y_side)
