"""What every store can hold: names, texts, numbers and times. Both stores refuse the same points for the same reasons.

The limits are those of line protocol and InfluxDB (the narrower of the two stores), so that a site can move from one to the
other without losing a point.
"""

import math
import re
from typing import Final

EARLIEST: Final = -(2**63) + 2
"""The smallest time that InfluxDB stores, in nanoseconds since 1970 (the two below are its own sentinels)."""
LATEST: Final = 2**63 - 2
"""The greatest time that InfluxDB stores, in nanoseconds since 1970."""
EXACT: Final = 2**53
"""Every integer up to here has a float of its own (IEEE 754 binary64)."""

_AMBIGUOUS: Final = re.compile(r"\\[,= ]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class RefusedError(Exception):
    """A point that cannot be said; the text is the reason, for a person."""


def check_name(text: str, what: str) -> None:
    """Raise `RefusedError` where `text` cannot be a measurement, key or tag value; `what` names it in the reason."""
    if not text:
        raise RefusedError(f"{what} is empty; give it a name")
    if text.endswith("\\"):
        raise RefusedError(f"{what} {text[:80]!r} ends in a backslash, which line protocol cannot say; leave it out")
    if _CONTROL.search(text):
        raise RefusedError(f"{what} {text[:80]!r} holds a control character; leave it out")
    if not text.isascii():
        check_text(text, what)


def check_text(text: str, what: str) -> None:
    """Raise `RefusedError` where `text` has no UTF-8 form."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RefusedError(f"{what} is not Unicode text (lone surrogate at {error.start}); send valid UTF-8") from None


def check_measurement(measurement: str) -> None:
    """Raise `RefusedError` where this cannot be a measurement's name."""
    check_name(measurement, "the measurement")
    if measurement.startswith("#"):
        raise RefusedError(f"the measurement {measurement[:80]!r} would be read as a comment; begin it with another character")


def check_key(key: str, what: str) -> None:
    """Raise `RefusedError` where this cannot be the key of a tag or field."""
    check_name(key, what)
    if key == "time":
        raise RefusedError(f"{what} 'time' is the column of the point's own time; use another name")


def check_portable(name: str, what: str) -> None:
    """Raise `RefusedError` where InfluxDB 1.x would read the measurement or field key as another one.

    Line protocol can say a backslash before a separator; 1.6.7 stores it under a name that no query finds again.
    """
    if _AMBIGUOUS.search(name):
        raise RefusedError(f"{what} {name[:80]!r} has a backslash before ',', '=' or a space; leave the backslash out")


def check_time(at: int) -> None:
    """Raise `RefusedError` where InfluxDB cannot hold the time."""
    if not EARLIEST <= at <= LATEST:
        raise RefusedError(f"the time {at} ns is outside 1677-09-21 to 2262-04-11; correct the device's clock")


def check_finite(name: str, value: float) -> None:
    """Raise `RefusedError` for not-a-number and the infinities."""
    if not math.isfinite(value):
        raise RefusedError(f"field {name[:80]!r} is {value}, which is no number; leave the field out instead")


def check_exact(name: str, value: int) -> None:
    """Raise `RefusedError` where no float equals the integer."""
    if -EXACT <= value <= EXACT:
        return
    try:
        exact = float(value) == value
    except OverflowError:
        exact = False
    if not exact:
        raise RefusedError(f"field {name[:80]!r} holds an integer that no 64-bit float equals; send it as text")


def window(start: int, end: int) -> tuple[int, int] | None:
    """The part of a half-open window that a store can hold; `None` where that is nothing."""
    start, end = max(start, EARLIEST), min(end, LATEST + 1)
    return (start, end) if start < end else None
