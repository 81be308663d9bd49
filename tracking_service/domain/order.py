"""Orders: material lines, the units they are delivered in, and what has arrived of a line."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from tracking_service.domain.text import Text

#: Quantities have at most six decimals, and so are exact in the database.
QUANTUM: Final = Decimal("0.000001")

LineState = Literal["waiting", "partial", "arrived", "over", "short"]


@dataclass(frozen=True, slots=True)
class Line:
    """A position of an order's bill of materials."""

    id: str
    """`<order>~<line>`, unique everywhere and safe in a URL."""
    order: str
    number: str
    site: str
    title: Text
    unit: str
    expected: Decimal
    gtin: str | None = None
    """GTIN in 14 digits (GS1 General Specifications, AI 01)."""
    batch: str | None = None
    """Batch or lot (AI 10), where only this one will do."""
    label: str | None = None
    """A text of the supplier's or our own that stands for this line."""
    needed_by: int | None = None
    """UTC, ns."""


@dataclass(frozen=True, slots=True)
class DeliveryUnit:
    """What a logistic unit (SSCC, AI 00) holds of a line, as its delivery note says."""

    sscc: str
    line: Line
    quantity: Decimal
    delivery_note: str


def part_id(order: str, name: str) -> str:
    """The id of an order's line or milestone. `~` stands in no name and needs no escape in a URL (RFC 3986, 2.3)."""
    return f"{order}~{name}"


def line_state(*, expected: Decimal, arrived: Decimal, needed_by: int | None, now: int) -> LineState:
    """How a line stands: `short` is less than expected when it was needed."""
    if arrived > expected:
        return "over"
    if arrived == expected:
        return "arrived"
    if needed_by is not None and needed_by <= now:
        return "short"
    return "partial" if arrived else "waiting"
