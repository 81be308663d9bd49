"""HTML as mail programs show it: tables and inline styles, no scripts, no pictures from elsewhere, dark text on white."""

from collections.abc import Iterable
from decimal import Decimal
from html import escape
from typing import Final

from plumbline.text import Language

_FONT: Final = "font-family:-apple-system,'Segoe UI','PingFang SC','Microsoft YaHei','Noto Sans CJK SC',Roboto,Arial,sans-serif"
#: Ink on white, with the contrast that WCAG 2.2 asks for (1.4.3): 4.5 to 1 at least.
COLOURS: Final = {"green": "#1a7f37", "yellow": "#9a6700", "red": "#cf222e", "unknown": "#59636e", "blue": "#1f6feb"}
_GREY: Final = "#59636e"
_LINE: Final = "#d8dee4"


def page(title: str, sections: Iterable[str], *, language: Language, kicker: str = "", foot: str = "") -> str:
    """A whole mail. `title`, `kicker` and `foot` are plain text, `sections` HTML."""
    spoken = "zh-CN" if language == "zh" else "en"
    inner = "".join(sections)
    above = f'<div style="font-size:13px;color:{_GREY};padding-bottom:4px">{escape(kicker)}</div>' if kicker else ""
    below = f'<div style="font-size:12px;line-height:18px;color:{_GREY};padding-top:24px">{escape(foot)}</div>' if foot else ""
    return (
        f'<!doctype html><html lang="{spoken}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta name="color-scheme" content="light"><title>{escape(title)}</title></head>'
        f'<body style="margin:0;padding:0;background:#f3f5f7;{_FONT};color:#1f2328">'
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="background:#f3f5f7"><tr>'
        '<td align="center" style="padding:24px 12px">'
        '<table role="presentation" width="640" cellpadding="0" cellspacing="0" '
        'style="width:100%;max-width:640px;background:#ffffff;border-radius:10px;border-top:4px solid #1f6feb">'
        f'<tr><td style="padding:28px 32px 32px">{above}'
        f'<h1 style="margin:0 0 16px;font-size:22px;line-height:30px;font-weight:650">{escape(title)}</h1>'
        f"{inner}<!--links-->{below}</td></tr></table></td></tr></table></body></html>"
    )


def heading(text: str) -> str:
    """The heading of a section."""
    return f'<h2 style="margin:28px 0 8px;font-size:15px;line-height:22px;color:#1f2328">{escape(text)}</h2>'


def paragraph(text: str, *, colour: str = "#1f2328", size: int = 15) -> str:
    """A paragraph."""
    return f'<p style="margin:0 0 8px;font-size:{size}px;line-height:{size + 8}px;color:{colour}">{escape(text)}</p>'


def bar(percent: Decimal, colour: str = COLOURS["blue"], *, height: int = 8) -> str:
    """A bar that is `percent` full."""
    full = max(0, min(100, int(percent)))
    cell = f'style="font-size:0;line-height:0;height:{height}px;background:'
    filled = f'<td width="{full}%" {cell}{colour};border-radius:4px">&nbsp;</td>' if full else ""
    empty = f'<td width="{100 - full}%" {cell}#e7ebef;border-radius:4px">&nbsp;</td>' if full < 100 else ""
    return f'<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr>{filled}{empty}</tr></table>'


def dot(colour: str) -> str:
    """A mark in one of `COLOURS`; what it means must stand beside it in words too."""
    return f'<span style="color:{COLOURS.get(colour, _GREY)};font-size:16px">&#9679;</span>'


def rows(cells: Iterable[tuple[str, ...]], *, heads: tuple[str, ...] = ()) -> str:
    """A table; `cells` are HTML, `heads` plain text. All columns but the first stand on the right."""
    out = ['<table width="100%" cellpadding="0" cellspacing="0" style="border-collapse:collapse">']
    if heads:
        inner = "".join(
            f'<th align="{"left" if n == 0 else "right"}" style="padding:6px 0 6px {0 if n == 0 else 12}px;font-size:12px;'
            f'font-weight:500;color:{_GREY};white-space:nowrap">{escape(head)}</th>'
            for n, head in enumerate(heads)
        )
        out.append(f"<tr>{inner}</tr>")
    for row in cells:
        inner = "".join(
            f'<td align="{"left" if n == 0 else "right"}" valign="top" style="padding:8px 0 8px {0 if n == 0 else 12}px;'
            f'font-size:14px;line-height:20px;border-top:1px solid {_LINE}{"" if n == 0 else ";white-space:nowrap"}">{cell}</td>'
            for n, cell in enumerate(row)
        )
        out.append(f"<tr>{inner}</tr>")
    out.append("</table>")
    return "".join(out)


def small(text: str) -> str:
    """A second line in a cell."""
    return f'<div style="font-size:12px;line-height:18px;color:{_GREY}">{escape(text)}</div>'
