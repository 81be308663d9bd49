"""What stands in the cells of a list → numbers, times, yes and no."""

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final, Literal

from tracking_service.lists.table import Cell, Number, text_of

_YES: Final = frozenset({"yes", "y", "true", "1", "x", "ja", "oui", "是", "需要", "有", "√", "✓", "✔"})
_NO: Final = frozenset({"no", "n", "false", "0", "-", "nein", "non", "否", "不需要", "无", ""})
#: One group of three digits behind a sign: thousands or decimals.
_GROUPED: Final = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
_ROUNDED: Final = re.compile(r"\d[.,]\d+E\+\d+\Z", re.IGNORECASE)
#: A number and the unit behind it: `12.5 m`, `1,200kg`, `10根`.
_MEASURED: Final = re.compile(r"([+-]?\d(?:[\d.,' \u00a0\u2009\u202f\u2019]*\d)?)\s*([^\W\d_].{0,30})\Z")
_BEHIND: Final = re.compile(r"\D+\Z")


Sign = Literal[".", ","]


def sign_of(texts: Iterable[str]) -> Sign | None:
    """What stands before the decimals in a column, where its numbers show it: `0,5` and `1.234,56` do, `1,234` does not."""
    signs: set[Sign] = {sign for text in texts if (sign := _shown_by(_without_spaces(text))) is not None}
    return signs.pop() if len(signs) == 1 else None


def decimal_of(cell: Cell, decimal: Sign | None) -> Decimal | None:
    """A number; `decimal` is what stands before the decimals of texts, where that is known. Raises `ValueError`."""
    if isinstance(cell, datetime):
        raise ValueError("is a date, expected a number; format the column as number")  # noqa: TRY004 - what people entered
    text = text_of(cell)
    if not text:
        return None
    if not isinstance(cell, Number):
        text = _with_point(_without_spaces(text), decimal)
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError("is no number") from None
    if not value.is_finite() or abs(value.adjusted()) > 30:
        raise ValueError("is no number")
    return value


def measure_of(cell: Cell, decimal: Sign | None) -> tuple[Decimal, str] | None:
    """A number, and the unit that stands behind it in the same cell, if any. Raises `ValueError`."""
    try:
        value = decimal_of(cell, decimal)
    except ValueError:
        found = _MEASURED.match(text_of(cell)) if isinstance(cell, str) and not isinstance(cell, Number) else None
        if found is None or (value := decimal_of(found[1], decimal)) is None:
            raise
        return value, found[2].strip()
    return None if value is None else (value, "")


def _without_spaces(text: str) -> str:
    return re.sub(r"[ \u00a0\u2009\u202f\u2019']", "", text)


def _shown_by(text: str) -> Sign | None:
    """The sign of decimals in one number, where it can be only one; a unit behind it does not matter."""
    text = _BEHIND.sub("", text)
    if _GROUPED.fullmatch(text):
        return None
    if "," in text and "." in text:
        last: Sign = "," if text.rindex(",") > text.rindex(".") else "."
        return last
    pairs: tuple[tuple[Sign, Sign], ...] = ((",", "."), (".", ","))
    for sign, other in pairs:
        if text.count(sign) == 1:
            return sign
        if text.count(sign) > 1:  # groups of thousands
            return other
    return None


def _with_point(text: str, decimal: Sign | None) -> str:
    sign = decimal or _shown_by(text)
    if sign is None and _GROUPED.fullmatch(text):
        raise ValueError('may be thousands or decimals; say which in the mapping (decimal = "." or ",")')
    if sign == ",":
        return text.replace(".", "").replace(",", ".")
    return text.replace(",", "")


def code_of(cell: Cell) -> str:
    """A number that names something: GTIN, SSCC, line. Raises `ValueError` where a spreadsheet has rounded it."""
    text = text_of(cell)
    if _ROUNDED.fullmatch(text):
        raise ValueError("was rounded by a spreadsheet; format the column as text and enter it again")
    return text


def yes(cell: Cell) -> bool:
    """Yes or no in the words that people use. Raises `ValueError`."""
    text = text_of(cell).casefold()
    if text in _YES:
        return True
    if text in _NO:
        return False
    raise ValueError("is neither yes nor no; write yes or no, or say its meaning in the mapping")
