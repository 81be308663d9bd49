"""Labels → PDF, ready for the printer at 100 %."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any, Final

from reportlab.lib.colors import HexColor
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from plumbline.printing import Fonts, dark_modules, draw_modules, fonts, wrapped
from plumbline.text import Language
from tracking_service.labels.content import Label
from tracking_service.labels.stock import Stock

_INK: Final = HexColor(0x16212B)
_GREY: Final = HexColor(0x5F6B76)
#: Around what is printed; printers and cutters are not exact.
_EDGE_MM: Final = 3.0
#: Quiet zones: QR four modules (ISO/IEC 18004), DataMatrix one (ISO/IEC 16022), and one for the print.
_QUIET: Final = {"qr": 4, "gs1": 2}


def pdf(labels: Sequence[Label], stock: Stock, language: Language, *, title: str, start: int = 1) -> bytes:
    """The labels as PDF.

    Args:
        labels: in the order in which they are printed.
        stock: what they are printed on.
        language: of what stands beside the codes.
        title: of the document.
        start: the first free label of the first sheet, counted from 1 row by row: sheets are used up.
    """
    out = BytesIO()
    canvas: Any = Canvas(out, pagesize=(stock.page[0] * mm, stock.page[1] * mm), pageCompression=1, invariant=1)
    canvas.setTitle(title)
    canvas.setAuthor("Plumbline")
    chosen = fonts(language)
    place = max(0, start - 1) % stock.on_page
    for number, label in enumerate(labels):
        if number and place == 0:
            canvas.showPage()
        row, column = divmod(place, stock.columns)
        left = (stock.first[0] + column * stock.step[0]) * mm
        top = (stock.page[1] - stock.first[1] - row * stock.step[1]) * mm
        _label(canvas, label, (left, top, stock.size[0] * mm, stock.size[1] * mm), language, chosen)
        place = (place + 1) % stock.on_page
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def _label(canvas: Any, label: Label, box: tuple[float, float, float, float], language: Language, chosen: Fonts) -> None:
    left, top, width, height = box
    edge = _EDGE_MM * mm
    dark = (
        dark_modules(label.code, "DataMatrix", gs1=True)
        if label.symbol == "gs1"
        else dark_modules(label.code, "QRCode", level="Q")
    )
    quiet = _QUIET[label.symbol]
    foot = max(5.0, min(height * 0.055, 14.0))
    upright = height > width
    room = min(width - 2 * edge, height * 0.6) if upright else min(height - 2 * edge - foot * 1.6, width * 0.5)
    side = room / (dark.shape[1] + 2 * quiet)
    code_left = left + (width - room) / 2 if upright else left + edge
    draw_modules(canvas, dark, left=code_left + quiet * side, top=top - edge - quiet * side, side=side)
    words_left = left + edge if upright else code_left + room + edge / 2
    words_top = top - edge - room - edge if upright else top - edge
    words_width = left + width - edge - words_left
    _words(canvas, label, (words_left, words_top, words_width, height), language, chosen)
    canvas.setFillColor(_GREY)
    canvas.setFont("Courier", _fitting(label.foot, width - 2 * edge, foot))
    canvas.drawString(left + edge, top - height + edge, label.foot)


def _words(canvas: Any, label: Label, box: tuple[float, float, float, float], language: Language, chosen: Fonts) -> None:
    left, y, width, height = box
    size = max(8.0, min(height * 0.095, 40.0))
    canvas.setFillColor(_INK)
    for line in wrapped(label.title.of(language), chosen.bold, size, width, lines=3):
        y -= size
        canvas.setFont(chosen.bold, size)
        canvas.drawString(left, y, line)
        y -= size * 0.2
    small = max(6.0, size * 0.68)
    canvas.setFillColor(_GREY)
    for text in label.under:
        for line in wrapped(text.of(language), chosen.plain, small, width, lines=2):
            y -= small * 1.25
            canvas.setFont(chosen.plain, small)
            canvas.drawString(left, y, line)


def _fitting(text: str, width: float, size: float) -> float:
    """The size at which a text of characters of one width (0.6 of the size, Courier) fits, at most `size`."""
    return max(3.5, min(size, width / (0.6 * max(1, len(text)))))
