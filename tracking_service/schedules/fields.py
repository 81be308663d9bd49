"""What planning files write in their fields: times, durations, numbers, yes and no."""

import math
import re
from datetime import datetime, timedelta
from typing import Final

_ISO_TIME: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?)?(?:Z|[+-]\d\d:?\d\d)?\Z",
)
#: ISO 8601-1, 5.5.2.2, as XML Schema has it (`xs:duration`); months and years have no length.
_ISO_DURATION: Final = re.compile(
    r"(-)?P(?:(\d{1,9})Y)?(?:(\d{1,9})M)?(?:(\d{1,9})W)?(?:(\d{1,9})D)?"
    r"(?:T(?:(\d{1,12}(?:\.\d+)?)H)?(?:(\d{1,12}(?:\.\d+)?)M)?(?:(\d{1,12}(?:\.\d+)?)S)?)?\Z"
)
#: What programs write for no day at all: zero of .NET and of OLE.
_NO_DAYS: Final = frozenset({(1, 1, 1), (1899, 12, 30), (1899, 12, 31)})
_CLOCK: Final = re.compile(r"(?:\S+T)?(\d{1,2})[:.](\d{2})(?:[:.]\d{2}(?:\.\d+)?)?\s*([^\d\s]{0,8})\s*\Z")
_NUMBER: Final = re.compile(r"[+-]?(?:\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})(?:[eE][+-]?\d{1,2})?\Z")


def local_time(year: int, month: int, day: int, *clock: int) -> datetime:
    """A time on the project's wall clock: hour, minute, second; 24:00 is midnight after. Raises `ValueError`."""
    hour, minute, second = (*clock, 0, 0, 0)[:3]
    whole_day = (hour, minute, second) == (24, 0, 0)
    if not 1900 <= year <= 2200:
        raise ValueError("the year is out of reach")
    at = datetime(year, month, day, 0 if whole_day else hour, minute, second)  # noqa: DTZ001 - planning files have no zone
    return at + timedelta(days=1) if whole_day else at


def iso_time(text: str) -> datetime | None:
    """`2024-05-06T08:00:00` or `2024-05-06 08:00`; nothing where nothing stands. Raises `ValueError`.

    A zone behind it is passed over: programs that write one mean their own wall clock all the same. 0001-01-01 and 1899-12-30 are
    no day.
    """
    if not text:
        return None
    found = _ISO_TIME.match(text)
    if found is None:
        raise ValueError("is no time; expected for example 2024-05-06T08:00:00")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    if (year, month, day) in _NO_DAYS:
        return None
    return local_time(year, month, day, hour, minute, second)


def iso_minutes(text: str, day: float = 1_440.0, week: float = 10_080.0) -> float | None:
    """A duration such as `PT8H0M0S`, in minutes; nothing where nothing stands. Raises `ValueError`.

    Args:
        text: what the file has.
        day: how many minutes a day counts, where one is written.
        week: how many a week counts.
    """
    if not text:
        return None
    found = _ISO_DURATION.match(text)
    if found is None or text.endswith(("P", "T")):
        raise ValueError("is no duration; expected for example PT8H0M0S")
    minus, years, months, weeks, days, hours, minutes, seconds = found.groups()
    if float(years or 0) or float(months or 0):
        raise ValueError("counts years or months, which have no length; expected hours, minutes and seconds")
    total = float(weeks or 0) * week + float(days or 0) * day
    total += float(hours or 0) * 60 + float(minutes or 0) + float(seconds or 0) / 60
    return -total if minus else total


def number(text: str, decimal: str = ".") -> float | None:
    """A number; nothing where nothing stands. Raises `ValueError`."""
    text = text.strip()
    if not text:
        return None
    plain = text.replace(decimal, ".") if decimal != "." else text
    if _NUMBER.match(plain) is None or not math.isfinite(value := float(plain)):
        raise ValueError("is no number")
    return value


def clock_minutes(text: str, am: str = "am", pm: str = "pm") -> int | None:
    """A time of the day such as `08:00`, `17:00:00` or `05:00 pm`, in minutes; nothing where nothing stands. Raises `ValueError`."""
    if not text:
        return None
    found = _CLOCK.match(text)
    if found is None:
        raise ValueError("is no time of the day; expected for example 08:00")
    hour, minute, half = int(found[1]), int(found[2]), found[3].casefold()
    if half and half in {am, pm, "am", "pm"} and hour <= 12:
        hour = hour % 12 + (12 if half in {pm, "pm"} and half != am else 0)
    if hour * 60 + minute > 1_440 or minute > 59:
        raise ValueError("is no time of the day; expected for example 08:00")
    return hour * 60 + minute


def flag(text: str) -> bool:
    """`1` or `true` (XML Schema, 3.3.2); anything else is no."""
    return text in {"1", "true", "TRUE", "True"}
