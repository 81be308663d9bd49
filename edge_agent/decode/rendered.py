"""Labels drawn and spoilt by a seeded generator: every symbology, every degradation, as many pictures as one likes.

Photos of a corpus are few and known; these are neither, so what helps here helps on a site too.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import zxingcpp
from numpy.random import Generator
from zxingcpp import BarcodeFormat as Format

from edge_agent.decode.degradation import DEGRADATIONS
from edge_agent.decode.picture import Gray

#: Of so many pictures …
COUNT: Final = 300
#: … so many are GS1-128, the symbology of delivery labels.
SHARE_GS1_128: Final = 0.28
_LETTERS: Final = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
#: Pixels of the paper around the code, and the most that a picture has on a side.
_LARGEST: Final = 1600


@dataclass(frozen=True, slots=True)
class Rendered:
    """One drawn picture: what it is, what was done to it, what must be read."""

    name: str
    symbology: str
    degradations: tuple[str, ...]
    pixels: Gray
    text: str


@dataclass(frozen=True, slots=True)
class _Kind:
    symbology: str
    format: Format
    content: Callable[[Generator], str]
    read_as: Callable[[str], str] = lambda text: text
    gs1: bool = False
    scale: tuple[float, float] = (2, 5)
    """Pixels a module: a linear label as long as a GS1-128 fills the picture with few."""


def check_digit(digits: str) -> str:
    """The GS1 check digit (GS1 General Specifications, 7.9.1)."""
    return str(-sum(int(d) * (3 if i % 2 == 0 else 1) for i, d in enumerate(reversed(digits))) % 10)


def pictures(count: int = COUNT, seed: int = 1) -> Iterator[Rendered]:
    """Draw `count` pictures; the same seed draws the same ones."""
    gs1_128 = round(count * SHARE_GS1_128)
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        kind = _GS1_128 if i < gs1_128 else _KINDS[i % len(_KINDS)]
        content = kind.content(rng)
        how_many = int(rng.integers(1, 3))
        order = rng.permutation(len(DEGRADATIONS))
        names = tuple(name for name, place in zip(DEGRADATIONS, order, strict=True) if place < how_many)
        pixels = on_paper(draw(kind, content, scale=float(rng.uniform(*kind.scale))), rng)
        for name in names:
            pixels = DEGRADATIONS[name](pixels, rng, float(rng.uniform(0.1, 0.9)))
        yield Rendered(f"{i:03} {kind.symbology}", kind.symbology, names, pixels, kind.read_as(content))


def clean(seed: int = 1) -> Iterator[Rendered]:
    """One picture of each symbology, not spoilt."""
    for i, kind in enumerate((_GS1_128, *_KINDS)):
        rng = np.random.default_rng([seed, i])
        content = kind.content(rng)
        yield Rendered(kind.symbology, kind.symbology, (), on_paper(draw(kind, content, scale=4), rng), kind.read_as(content))


def draw(kind: _Kind, content: str, scale: float) -> Gray:
    """The code as printed, `scale` pixels a module, with quiet zones."""
    code = _encode(content, kind.format, gs1=kind.gs1)
    factor = min(scale / 8, _LARGEST * 0.8 / max(code.shape))
    return np.asarray(cv2.resize(code, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def _encode(content: str, format_: Format, *, gs1: bool = False) -> Gray:
    # zxing-cpp's annotations leave out what its writer takes
    barcode = zxingcpp.create_barcode(content, format_, gs1=gs1)  # pyright: ignore[reportUnknownMemberType]
    return np.array(zxingcpp.write_barcode_to_image(barcode, scale=8, add_quiet_zones=True), np.uint8)


def on_paper(code: Gray, rng: Generator) -> Gray:
    """The code on a label with print around it, on cardboard."""
    height, width = code.shape
    border = int(max(40, 0.3 * max(height, width) * rng.uniform(0.6, 1)))
    paper = np.full((height + 2 * border, width + 2 * border), int(rng.uniform(110, 190)), np.uint8)
    grain = cv2.GaussianBlur(rng.normal(0, 25, paper.shape).astype(np.float32), (0, 0), 2)
    paper = np.clip(paper + grain, 0, 255).astype(np.uint8)
    edge = border // 2
    black, white = int(rng.uniform(5, 60)), int(rng.uniform(200, 250))
    paper[edge:-edge, edge:-edge] = white
    for y in (edge + border // 3, height + border + border // 3):
        words = "".join(rng.choice(list(_LETTERS + " " * 8), size=40))
        cv2.putText(paper, words, (edge + 5, y), cv2.FONT_HERSHEY_SIMPLEX, border / 90, (black,), 1, cv2.LINE_AA)
    paper[border : border + height, border : border + width] = (code / 255.0 * (white - black) + black).astype(np.uint8)
    return paper


def _letters(count: int) -> Callable[[Generator], str]:
    return lambda rng: "".join(rng.choice(list(_LETTERS), size=count))


def _digits(count: int, start: str = "") -> Callable[[Generator], str]:
    return lambda rng: start + "".join(str(d) for d in rng.integers(0, 10, count))


def _gtin(length: int, start: str = "4") -> Callable[[Generator], str]:
    def number(rng: Generator) -> str:
        digits = _digits(length - 1 - len(start), start)(rng)
        return digits + check_digit(digits)

    return number


def _element_strings(rng: Generator) -> str:
    gtin = _gtin(14, "0")(rng)
    day = f"{rng.integers(26, 32)}{rng.integers(1, 13):02}{rng.integers(1, 29):02}"
    layouts = (
        f"(01){gtin}(10){_letters(int(rng.integers(4, 9)))(rng)}",
        f"(01){gtin}(17){day}(10){_letters(6)(rng)}",
        f"(00){_gtin(18, '3')(rng)}",
        f"(01){gtin}(21){_letters(8)(rng)}",
        f"(02){gtin}(37){rng.integers(1, 999)}(400){_letters(7)(rng)}",
        f"(01){gtin}(3103){rng.integers(0, 999_999):06}(15){day}(10){_digits(6)(rng)}",
    )
    return str(rng.choice(layouts))


def _without_brackets(text: str) -> str:
    return text.replace("(", "").replace(")", "")


def _short_number(rng: Generator) -> str:
    """Seven digits that may stand as a UPC-E: most suppressions of zeros forbid a zero of their own."""
    return f"0{''.join(str(d) for d in rng.integers(1, 10, 5))}{rng.integers(5, 10)}"


def _expanded_upce(text: str) -> str:
    (read,) = zxingcpp.read_barcodes(_encode(text, Format.UPCE))
    return read.text


def _web_address(rng: Generator) -> str:
    return f"https://id.example.com/01/{_gtin(14, '0')(rng)}/21/{_letters(6)(rng)}"


_GS1_128: Final = _Kind("GS1-128", Format.Code128, _element_strings, _without_brackets, gs1=True, scale=(1.2, 2.4))
_KINDS: Final = (
    _Kind("QR Code", Format.QRCode, _web_address),
    _Kind("Data Matrix", Format.DataMatrix, _letters(16)),
    _Kind("Code 128", Format.Code128, _letters(12)),
    _Kind("EAN-13", Format.EAN13, _gtin(13)),
    _Kind("PDF417", Format.PDF417, _letters(40)),
    _Kind("Code 39", Format.Code39, _letters(9)),
    _Kind("Aztec", Format.Aztec, _letters(24)),
    _Kind("ITF-14", Format.ITF14, _gtin(14, "1")),
    _Kind("GS1 Data Matrix", Format.DataMatrix, _element_strings, _without_brackets, gs1=True),
    _Kind("Code 93", Format.Code93, _letters(10)),
    _Kind("UPC-A", Format.UPCA, _gtin(12, "0")),
    _Kind("Micro QR", Format.MicroQRCode, _digits(10)),
    _Kind("EAN-8", Format.EAN8, _gtin(8)),
    _Kind("DataBar", Format.DataBarOmni, _gtin(14, "0"), lambda text: "01" + text),
    _Kind("Codabar", Format.Codabar, lambda rng: f"A{_digits(9)(rng)}B"),
    _Kind("DataBar Expanded", Format.DataBarExp, _element_strings, _without_brackets),
    _Kind("ITF", Format.ITF, _digits(10)),
    _Kind("UPC-E", Format.UPCE, _short_number, _expanded_upce),
    _Kind("DataBar Limited", Format.DataBarLtd, _gtin(14, "0"), lambda text: "01" + text),
)
