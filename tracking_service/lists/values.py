"""What stands in the cells of a list → numbers, times, yes and no."""

import re
from datetime import datetime, time
from decimal import Decimal, InvalidOperation
from typing import Final, Literal

from tracking_service.lists.table import Cell, Number, text_of
from tracking_service.schedules.fields import local_time

_YES: Final = frozenset({"yes", "y", "true", "1", "x", "ja", "oui", "是", "需要", "有", "√", "✓", "✔"})
_NO: Final = frozenset({"no", "n", "false", "0", "-", "nein", "non", "否", "不需要", "无", ""})
_ISO: Final = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?\Z")
_SHORT: Final = re.compile(r"(\d{1,4})[-/. ](\d{1,2})[-/. ](\d{1,4})(?: +(\d{1,2}):(\d{2})(?::(\d{2}))?)?\Z")
_ROUNDED: Final = re.compile(r"\d[.,]\d+E\+\d+\Z", re.IGNORECASE)
#: A day without a time ends then.
EVENING: Final = time(23, 59)


def decimal_of(cell: Cell, decimal: Literal[".", ","] | None) -> Decimal | None:
    """A number; `1,234.5` and `1.234,5` where it is plain which is which. Raises `ValueError`."""
    if isinstance(cell, datetime):
        raise ValueError("is a date, expected a number; format the column as number")  # noqa: TRY004 - what people entered
    text = text_of(cell)
    if not text:
        return None
    if not isinstance(cell, Number):
        text = _with_point(re.sub(r"[ \u00a0\u202f']", "", text), decimal)
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError("is no number") from None
    if not value.is_finite() or abs(value.adjusted()) > 30:
        raise ValueError("is no number")
    return value


def _with_point(text: str, decimal: Literal[".", ","] | None) -> str:
    if decimal == ",":
        return text.replace(".", "").replace(",", ".")
    if decimal == ".":
        return text.replace(",", "")
    if "," in text and "." in text:
        last, other = (",", ".") if text.rindex(",") > text.rindex(".") else (".", ",")
        return text.replace(other, "").replace(last, ".")
    if text.count(",") > 1 or re.fullmatch(r"[+-]?\d{1,3},\d{3}", text):
        if text.count(",") == 1:
            raise ValueError('may be thousands or decimals; say which in the mapping (decimal = "." or ",")')
        return text.replace(",", "")
    return text.replace(",", ".")


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


def time_of(cell: Cell, order: Literal["ymd", "dmy", "mdy"]) -> tuple[datetime, bool] | None:
    """A time on the site's clock, and whether it is a day only. Raises `ValueError`."""
    if isinstance(cell, datetime):
        return cell, (cell.hour, cell.minute, cell.second) == (0, 0, 0)
    if isinstance(cell, Number):
        raise ValueError("is a number, expected a date; format the column as date")  # noqa: TRY004 - what people entered
    text = text_of(cell)
    if not text:
        return None
    found = _ISO.match(text)
    if found is not None:
        year, month, day = (int(part) for part in found.groups()[:3])
    else:
        found = _SHORT.match(text)
        if found is None:
            raise ValueError("is no date; write it as 2024-05-06 or 2024-05-06 08:00")
        told = dict(zip(order, (int(part) for part in found.groups()[:3]), strict=True))
        year, month, day = told["y"], told["m"], told["d"]
        year += 2_000 if year < 100 else 0
    clock = found.groups()[3:]
    try:
        return local_time(year, month, day, *(int(part or 0) for part in clock)), clock[0] is None
    except ValueError as error:
        raise ValueError(f"is no date in the order {order} ({error}); say the order in the mapping (dates)") from None


def last_moment(at: tuple[datetime, bool]) -> datetime:
    """When it is over: a day ends in the evening."""
    when, day_only = at
    return datetime.combine(when, EVENING) if day_only else when
