"""The fields of which documents are made: names, numbers, codes and texts, bounded and checked."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from plumbline.ids import is_name
from plumbline.linking import check_digit_fits

_EMAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,187}[A-Za-z0-9])?\Z")


def named(value: str) -> str:
    """Let pass what may name a site, an order or a line; raises `ValueError`."""
    if not is_name(value):
        raise ValueError("must be letters, digits, '.', '_' or '-', at most 64, and begin with a letter or digit")
    return value


def _gtin(value: str) -> str:
    if len(value) not in (8, 12, 13, 14) or not (value.isascii() and value.isdigit() and check_digit_fits(value)):
        raise ValueError("must be a GTIN: 8, 12, 13 or 14 digits with a right check digit")
    return value.zfill(14)


def _sscc(value: str) -> str:
    if len(value) != 18 or not (value.isascii() and value.isdigit() and check_digit_fits(value)):
        raise ValueError("must be an SSCC: 18 digits with a right check digit")
    return value


def _email(value: str) -> str:
    if not _EMAIL.match(value):
        raise ValueError("must be an e-mail address")
    return value


def _hours(value: str) -> str:
    begin, _, end = value.partition("-")
    if not begin < end <= "24:00":
        raise ValueError("must end after it begins, at 24:00 at the latest; split a night at midnight")
    return value


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must not contain control characters")
    return value


def _legible(value: str) -> str:
    if not all(character.isprintable() or character in "\n\t" for character in value):
        raise ValueError("must not contain control characters")
    return value


Id = Annotated[
    str,
    Field(min_length=1, max_length=64, description="Letters, digits, '.', '_', '-'; begins with a letter or digit."),
    AfterValidator(named),
]
Hours = Annotated[
    str,
    Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-4]):[0-5]\d$", description="For example 08:00-12:00."),
    AfterValidator(_hours),
]
Short = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_printable)]
Words = Annotated[str, Field(max_length=256), AfterValidator(_printable)]
"""A line of text; it may be empty."""
Note = Annotated[str, Field(max_length=2_000), AfterValidator(_legible)]
"""A few sentences; line breaks are allowed."""
Gtin = Annotated[str, AfterValidator(_gtin)]
"""14 digits: a shorter one is filled up with zeros in front (GS1 General Specifications, 3.3.2)."""
Sscc = Annotated[str, AfterValidator(_sscc)]
Email = Annotated[str, AfterValidator(_email)]
Code = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_printable)]
"""A batch, an article number, a delivery note: as its maker writes it."""
Unit = Annotated[str, Field(min_length=1, max_length=16), AfterValidator(_printable)]
Quantity = Annotated[Decimal, Field(gt=0, le=1_000_000_000, max_digits=16, decimal_places=6, allow_inf_nan=False)]


class Part(BaseModel):
    """A part of a document: nothing unknown in it, nothing changes it."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class TextDocument(Part):
    """A title in both languages."""

    en: Short
    zh: Short


def nanoseconds(time: datetime | None) -> int | None:
    """UTC in ns since 1970, exact to the microsecond."""
    if time is None:
        return None
    since = time.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def once(what: str, names: Iterable[str]) -> set[str]:
    """The names as a set. Raises `ValueError` where one stands there twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what}: '{name}' stands there twice")
        seen.add(name)
    return seen
