"""A scan that waits, the lines in question, and what speaks for one: the words of suggestions."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from plumbline.linking import Identity
from plumbline.material import Line
from plumbline.text import Text

PartName = Literal[
    "code",
    "reading",
    "item",
    "alike",
    "near",
    "within",
    "beginning",
    "next_unit",
    "note",
    "order",
    "supplier",
    "open",
    "soon",
    "limit",
]
Source = Literal["item", "label", "own", "supplier", "pack", "article", "taught"]


class Code(NamedTuple):
    """A code that stands for a line, and so much of it."""

    text: str
    source: Source
    quantity: Decimal = Decimal(1)


class Unit(NamedTuple):
    """A logistic unit that a delivery note lists for a line."""

    sscc: str
    quantity: Decimal
    note: str


class Beside(NamedTuple):
    """The nearest other scan of the same device."""

    apart_ns: int
    event: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A scan that waits, and what is known of it."""

    site: str
    identity: Identity
    readings: tuple[Identity, ...] = ()
    """Of a GS1 code that lost its separators: every reading that breaks no rule."""
    supplier: str | None = None
    """Whose company prefix its SSCC or GTIN has."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A line in question, and what is known of it."""

    line: Line
    arrived: Decimal
    supplier: str | None = None
    codes: tuple[Code, ...] = ()
    """Beside its GTIN, its label and our own label."""
    units: tuple[Unit, ...] = ()
    order_beside: Beside | None = None
    """The nearest scan of the same device that brought material of the same order."""
    note_beside: Beside | None = None
    """… that brought a unit of a delivery note on which the line stands."""
    supplier_title: Text | None = None


class Part(NamedTuple):
    """What speaks for a line; less than 0 points: what speaks against it."""

    name: PartName
    points: int
    text: Text
