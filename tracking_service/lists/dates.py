"""Dates in the cells of a list, as programs show them and people write them."""

import re
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Final, Literal

from tracking_service.lists.table import Cell, Number, text_of
from tracking_service.schedules import mpx_words
from tracking_service.schedules.fields import local_time

Order = Literal["ymd", "dmy", "mdy"]

_ORDERS: Final[tuple[Order, ...]] = ("ymd", "dmy", "mdy")
_ISO: Final = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?\Z")
_SHORT: Final = re.compile(r"(\d{1,4})([-/. ])(\d{1,2})[-/. ](\d{1,4})\Z")
_NAMED: Final = re.compile(r"(\d{1,2})(?:st|nd|rd|th|\.)?[-/ ]*([^\W\d_]{3,12})\.?[-/, ]*(\d{4}|\d{2})\Z", re.IGNORECASE)
_MONTH_FIRST: Final = re.compile(r"([^\W\d_]{3,12})\.?[-/ ]*(\d{1,2})(?:st|nd|rd|th)?[-/, ]+(\d{4}|\d{2})\Z", re.IGNORECASE)
_CLOCK: Final = re.compile(
    r"(?:T|\s+|(?<=日)\s*)(上午|下午)?\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([ap]\.?m\.?)?(?:Z|[+-]\d\d:?\d\d)?\Z",
    re.IGNORECASE,
)
#: A weekday before or behind the date, and Primavera's marks for what has happened and what is held.
_WEEKDAY: Final = re.compile(r"\A[^\W\d_]{2,10}\.?,? +(?=\d|[^\W\d_]{3,12}\.? \d)")
_CHINESE_WEEKDAY: Final = re.compile(r"\s*[（(]?(?:星期|周)[一二三四五六日天][)）]?")
_MARKED: Final = re.compile(r"(?:\s+A)?\s*\*?\Z")
#: Days as a spreadsheet counts them, from 1954 to 2119: what stands so in a column of dates is one.
_SERIAL: Final = re.compile(r"[2-7]\d{4}(?:\.\d+)?\Z")
_DAY_0: Final = local_time(1900, 1, 1) - timedelta(days=2)
_DAY_0_FROM_1904: Final = local_time(1904, 1, 1)
#: A day without a time ends then.
EVENING: Final = time(23, 59)


def order_of(texts: Iterable[str]) -> Order | None:
    """The order of day, month and year in a column, where its dates show it: 13/05/2024 does, 03/04/2024 does not."""
    possible = set(_ORDERS)
    for text in texts:
        found = _SHORT.match(_WEEKDAY.sub("", _parted(text)[0]))
        if found is not None and not found[1][3:]:
            possible &= _possible(found)
    return possible.pop() if len(possible) == 1 else None


def is_serial(cell: Cell) -> bool:
    """Whether a cell has a date as the number that spreadsheets keep for it."""
    return isinstance(cell, str) and _SERIAL.match(cell.strip()) is not None


def time_of(cell: Cell, order: Order | None) -> tuple[datetime, bool] | None:
    """A time on the site's clock, and whether it is a day only; `order` is that of 03/04/05. Raises `ValueError`."""
    if isinstance(cell, datetime):
        return cell, (cell.hour, cell.minute, cell.second) == (0, 0, 0)
    if is_serial(cell):
        begin = _DAY_0_FROM_1904 if isinstance(cell, Number) and cell.from_1904 else _DAY_0
        return time_of(begin + timedelta(seconds=round(float(str(cell)) * 86_400)), order)
    if isinstance(cell, Number):
        raise ValueError("is a number, expected a date; format the column as date")  # noqa: TRY004 - what people entered
    text = text_of(cell)
    if not text:
        return None
    day, clock = _parted(text)
    year, month, date = _day(day, order)
    try:
        return local_time(year + (2_000 if year < 100 else 0), month, date, *(clock or ())), clock is None
    except ValueError as error:
        how = f" in the order {order}" if order is not None and _ISO.match(day) is None else ""
        raise ValueError(f"is no date{how} ({error}); say the order in the mapping (dates)") from None


def last_moment(at: tuple[datetime, bool]) -> datetime:
    """When it is over: a day ends in the evening."""
    when, day_only = at
    return datetime.combine(when, EVENING) if day_only else when


def _parted(text: str) -> tuple[str, tuple[int, int, int] | None]:
    """The date of a text, and its time of the day."""
    text = _CHINESE_WEEKDAY.sub("", _MARKED.sub("", " ".join(text.split())))
    found = _CLOCK.search(text)
    if found is None:
        return text.strip(" ,"), None
    hour, minute, second = int(found[2]), int(found[3]), int(found[4] or 0)
    half = (found[5] or "").replace(".", "").casefold() or {"上午": "am", "下午": "pm"}.get(found[1] or "", "")
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return text[: found.start()].strip(" ,"), (hour, minute, second)


def _day(text: str, order: Order | None) -> tuple[int, int, int]:
    """Year, month and day; a word before them may be the month (May 6, 2024) or the weekday. Raises `ValueError`."""
    if (found := _MONTH_FIRST.match(text)) is not None and (month := mpx_words.month(found[1])) is not None:
        return int(found[3]), month, int(found[2])
    text = _WEEKDAY.sub("", text)
    if (found := _ISO.match(text)) is not None:
        return int(found[1]), int(found[2]), int(found[3])
    if (found := _SHORT.match(text)) is not None:
        if order is None:
            raise ValueError("may be read in several orders; say in the mapping which (dates)")
        told = dict(zip(order, (int(found[place]) for place in (1, 3, 4)), strict=True))
        return told["y"], told["m"], told["d"]
    if (found := _MONTH_FIRST.match(text)) is not None and (month := mpx_words.month(found[1])) is not None:
        return int(found[3]), month, int(found[2])
    if (found := _NAMED.match(text)) is not None and (month := mpx_words.month(found[2])) is not None:
        return int(found[3]), month, int(found[1])
    raise ValueError("is no date; write it as 2024-05-06 or 2024-05-06 08:00")


def _possible(found: re.Match[str]) -> set[Order]:
    """The orders in which three numbers may be a date; with dots between them the day stands first."""
    parts = (found[1], found[3], found[4])
    orders: set[Order] = set()
    for order in _ORDERS:
        told = dict(zip(order, parts, strict=True))
        if len(told["y"]) in {2, 4} and len(told["m"]) < 3 and len(told["d"]) < 3:
            fits = 1 <= int(told["m"]) <= 12 and 1 <= int(told["d"]) <= 31
            if fits and (found[2] != "." or order == "dmy"):
                orders.add(order)
    return orders
