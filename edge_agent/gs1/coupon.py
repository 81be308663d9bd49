"""Coupon codes for North America, AI (8110) and (8112) (GS1 US coupon standard): fields that tell their own length.

A code is walked by a cursor; each field takes its digits, and the first that cannot says so.
"""

from collections.abc import Callable
from typing import Final

from edge_agent.gs1.digits import is_digits

_REQUIREMENT_CODES: Final = frozenset("012349")
_NO_COMPANY_PREFIX: Final = "9"


class _CouponError(Exception):
    """A field that is missing, short or out of range."""


class _Cursor:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def more(self) -> bool:
        return self.at < len(self.text)

    def take(self, count: int, name: str) -> str:
        """The next `count` digits."""
        found = self.text[self.at : self.at + count]
        if len(found) < count:
            raise _CouponError(f"the coupon's {name} is missing or too short")
        self.at += count
        return found

    def choose(self, allowed: str | frozenset[str], name: str) -> str:
        """The next digit, which must be one of `allowed`."""
        found = self.take(1, name)
        if found not in allowed:
            raise _CouponError(f"the coupon's {name} is {found}, which does not exist")
        return found

    def sized(self, allowed: str, base: int, name: str) -> str:
        """A length digit and as many digits as it says, beyond `base`."""
        length = self.choose(allowed, f"{name} length")
        return self.take(int(length) + base, name)


def coupon(text: str) -> str | None:
    """What is wrong with an AI (8110) value, or `None`."""
    return _walked(text, _coupon)


def positive_offer(text: str) -> str | None:
    """What is wrong with an AI (8112) value, or `None`."""
    return _walked(text, _positive_offer)


def _walked(text: str, walk: Callable[[_Cursor], None]) -> str | None:
    if not is_digits(text):
        return "the coupon must be digits"
    cursor = _Cursor(text)
    try:
        walk(cursor)
    except _CouponError as error:
        return str(error)
    return "the coupon has more digits than fields" if cursor.more() else None


def _coupon(cursor: _Cursor) -> None:
    cursor.sized("0123456", 6, "company prefix")
    cursor.take(6, "offer code")
    cursor.sized("12345", 0, "save value")
    _purchase(cursor, "primary")
    start = expiry = None
    # The optional fields come in the order of their numbers, each at most once.
    if _next_is(cursor, "1"):
        cursor.choose("0123", "additional purchase rules code")
        _purchase(cursor, "second")
        _company_prefix(cursor, "second")
    if _next_is(cursor, "2"):
        _purchase(cursor, "third")
        _company_prefix(cursor, "third")
    if _next_is(cursor, "3"):
        expiry = _date(cursor, "expiration date")
    if _next_is(cursor, "4"):
        start = _date(cursor, "start date")
    if start is not None and expiry is not None and expiry < start:
        raise _CouponError("the coupon expires before it starts")
    if _next_is(cursor, "5"):
        cursor.sized("0123456789", 6, "serial number")
    if _next_is(cursor, "6"):
        cursor.sized("1234567", 6, "retailer")
    if _next_is(cursor, "9"):
        cursor.choose("01256", "save value code")
        cursor.choose("012", "item that the save value applies to")
        cursor.take(1, "store coupon flag")
        cursor.choose("01", "do-not-multiply flag")


def _positive_offer(cursor: _Cursor) -> None:
    cursor.choose("01", "format code")
    cursor.sized("0123456", 6, "funder")
    cursor.take(6, "offer code")
    cursor.sized("0123456789", 6, "serial number")


def _next_is(cursor: _Cursor, number: str) -> bool:
    if cursor.text[cursor.at : cursor.at + 1] != number:
        return False
    cursor.at += 1
    return True


def _purchase(cursor: _Cursor, which: str) -> None:
    cursor.sized("12345", 0, f"{which} purchase requirement")
    cursor.choose(_REQUIREMENT_CODES, f"{which} purchase requirement code")
    cursor.take(3, f"{which} purchase family code")


def _company_prefix(cursor: _Cursor, which: str) -> None:
    name = f"{which} purchase company prefix"
    length = cursor.choose("0123456" + _NO_COMPANY_PREFIX, f"{name} length")
    if length != _NO_COMPANY_PREFIX:
        cursor.take(int(length) + 6, name)


def _date(cursor: _Cursor, name: str) -> str:
    text = cursor.take(6, name)
    year, month, day = int(text[:2]), int(text[2:4]), int(text[4:])
    days = (31, 29 if year % 4 == 0 else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    if not 1 <= month <= 12 or not 1 <= day <= days[month - 1]:
        raise _CouponError(f"the coupon's {name} {text} is no day")
    return text
