"""What decoding gives, and what one engine said once."""

from dataclasses import dataclass
from typing import Final, Literal

from edge_agent.decode.view import Quad

Engine = Literal["zxing", "zbar", "opencv"]
ElementStrings = tuple[tuple[str, str], ...]

#: Retail symbologies: different bar patterns of one number, the GTIN.
RETAIL: Final = frozenset({"EAN13", "EAN8", "UPCA", "UPCE", "ISBN"})
#: Symbologies with enough error detection of their own: one read is proof.
STRONG: Final = frozenset(
    {
        "Aztec", "AztecCode", "AztecRune", "CompactPDF417", "DataBarExpStk", "DataMatrix", "MaxiCode", "MicroPDF417",
        "MicroQRCode", "PDF417", "QRCode", "QRCodeModel1", "QRCodeModel2", "RMQRCode",
    }
)  # fmt: skip
#: Of these, the ones whose few check words let a wrong content through where the picture had to be sharpened first.
FRAGILE: Final = frozenset({"AztecRune", "CompactPDF417", "DataBarExpStk", "MicroPDF417", "PDF417"})


@dataclass(frozen=True, slots=True)
class Symbol:
    """One code in a picture."""

    format: str
    """The symbology, in zxing-cpp's spelling: `Code128`, `EAN13`, `QRCode`, `DataMatrix` …"""
    text: str
    """The content as text; FNC1 as separator is GS (U+001D). Empty where the content mixes character sets: see `bytes`.
    EAN and UPC carry their GTIN: UPC-A and UPC-E come as 13 digits."""
    bytes: bytes
    """The content byte for byte, without symbology identifier."""
    identifier: str | None
    """AIM symbology identifier (ISO/IEC 15424), for example `]C1`; `None` where the engine cannot know it."""
    gs1: ElementStrings | None
    """GS1 element strings, (application identifier, value); `None`: not GS1."""
    points: Quad
    """Corners in pixels of the picture: top left, top right, bottom right, bottom left as the symbol sees itself."""
    engine: Engine
    """Who read it first."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one engine said about one view; `points` are in pixels of the picture."""

    engine: Engine
    format: str
    text: str
    bytes: bytes
    identifier: str | None
    points: Quad

    @property
    def family(self) -> str:
        """Formats that can stand for the same bars share a family."""
        if self.format in RETAIL:
            return "retail"
        if self.format.startswith("Code39") or self.format in {"Code32", "PZN"}:
            return "Code39"
        if self.format.startswith("ITF"):
            return "ITF"
        return "QRCode" if self.format.startswith("QRCode") else self.format

    @property
    def content(self) -> str:
        """What two readings of one symbol have in common: GTINs in 14 digits, GS left out, bytes where there is no text."""
        if self.format in RETAIL and self.text.isdigit():
            return self.text.zfill(14)
        return self.text.replace("\x1d", "") or self.bytes.hex()


@dataclass(frozen=True, slots=True)
class Damaged:
    """A symbol that was found, but whose own error correction or check digit gave up; `points` as in `Reading`."""

    format: str
    points: Quad
