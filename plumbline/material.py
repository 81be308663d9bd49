"""Material that an order asks for, and the logistic units it comes in: what office and gateway agree on."""

from dataclasses import dataclass
from decimal import Decimal

from plumbline.text import Text


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
    certificate_required: bool = False
    """It may not be used before its certificate is there (for steel an inspection certificate 3.1, EN 10204)."""
    certificates: tuple[str, ...] = ()
    """The batches whose certificates are there; an empty text: one that holds for the whole line."""


@dataclass(frozen=True, slots=True)
class Coded:
    """What one thing under a code stands for: a supplier's own number, a pack of several, a code that a clerk taught."""

    line: Line
    quantity: Decimal = Decimal(1)
    """So much of the line, in its unit."""


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


def lacks_certificate(line: Line, batch: str | None) -> bool:
    """Whether the certificate of a delivery is missing: that of its `batch`, or of the line's where its code names none."""
    if not line.certificate_required or "" in line.certificates:
        return False
    return (batch or line.batch) not in line.certificates
