"""Does the ideal bar pattern of these digits explain the pixels? The check that catches invented EAN and UPC numbers.

An EAN's check digit lets one wrong number in ten through. The pattern that the digits prescribe (GS1 General
Specifications, 5.2.1) is drawn, laid over the pixels with a little stretch and bend, and correlated.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.decode.picture import Gray
from edge_agent.decode.strips import Region, cut_exact
from edge_agent.decode.view import Quad

Row = NDArray[np.float32]

_SET_A: Final = ("0001101", "0011001", "0010011", "0111101", "0100011", "0110001", "0101111", "0111011", "0110111", "0001011")
_SET_C: Final = [bits.translate(str.maketrans("01", "10")) for bits in _SET_A]
_SET_B: Final = [bits[::-1] for bits in _SET_C]
#: Which number set each left digit takes: the leading digit of an EAN-13 is written this way.
_PARITY: Final = ("AAAAAA", "AABABB", "AABBAB", "AABBBA", "ABAABB", "ABBAAB", "ABBBAA", "ABABAB", "ABABBA", "ABBABA")

#: Samples a module, and quiet modules looked at on each side.
_SAMPLES: Final = 6
_QUIET: Final = 10


@dataclass(frozen=True, slots=True)
class Match:
    """How well the pattern explains the pixels: correlation over all of it, and over its worst digit (1 = perfectly)."""

    overall: float
    worst_digit: float

    @property
    def votes(self) -> float:
        """What it adds to, or takes from, the votes of the engines."""
        if self.overall < 0.6:
            return 0.0  # the reported place is off: this says nothing about the digits
        if self.overall >= 0.94 and self.worst_digit >= 0.8:
            return 2.0
        if self.overall >= 0.9 and self.worst_digit >= 0.7:
            return 0.5
        if self.overall < 0.8 or self.worst_digit < 0.4:
            return -1.0
        return -0.5 if self.overall < 0.88 else 0.0


def modules(digits: str) -> str | None:
    """The bars (1) and spaces (0) of an EAN-13 or UPC-A (12 or 13 digits) or EAN-8 (8 digits); `None` for anything else."""
    if not digits.isdecimal() or not digits.isascii():
        return None
    if len(digits) in {12, 13}:
        digits = digits.zfill(13)
        left = "".join(
            (_SET_A if p == "A" else _SET_B)[int(d)] for p, d in zip(_PARITY[int(digits[0])], digits[1:7], strict=True)
        )
        return "101" + left + "01010" + "".join(_SET_C[int(d)] for d in digits[7:]) + "101"
    if len(digits) == 8:
        return (
            "101" + "".join(_SET_A[int(d)] for d in digits[:4]) + "01010" + "".join(_SET_C[int(d)] for d in digits[4:]) + "101"
        )
    return None


def compare(gray: Gray, quad: Quad, digits: str) -> Match | None:
    """Compare the pixels within `quad` with the pattern of `digits`; `None` where there is nothing to compare."""
    bits = modules(digits)
    region = Region.of(quad)
    if bits is None or region.length < 20:
        return None
    count = len(bits)
    factor = count * _SAMPLES / region.length
    width = (count + 2 * _QUIET) * _SAMPLES
    rows = int(np.clip(region.height * 0.5 * factor, 8, 60))
    profile = _levelled(255 - np.median(cut_exact(gray, region, factor, width, rows), axis=0))
    best, place = -1.0, (0.35, 0.0, 0.0, 0.0)
    for blur in (0.35, 0.7):
        score, shifts = _fit(profile, _ideal(bits, blur), count)
        if score > best:
            best, place = score, (blur, *shifts)
    return Match(best, _worst_digit(profile, bits, place))


@cache
def _ideal_cached(bits: str, blur: float) -> Row:
    drawn = np.repeat(np.array([int(b) for b in "0" * _QUIET + bits + "0" * _QUIET], np.float32), _SAMPLES)
    return _levelled(cv2.GaussianBlur(drawn[None], (0, 0), blur * _SAMPLES)[0] * 200)


def _ideal(bits: str, blur: float) -> Row:
    if _ideal_cached.cache_info().currsize > 256:  # bounded: an agent reads for months
        _ideal_cached.cache_clear()
    return _ideal_cached(bits, blur)


def _levelled(row: NDArray[np.floating]) -> Row:
    """Local mean and contrast taken out, over ten modules."""
    w = 10 * _SAMPLES
    p = row.astype(np.float32)[None]
    d = p - cv2.blur(p, (w, 1), borderType=cv2.BORDER_REPLICATE)
    contrast = np.sqrt(cv2.blur(d * d, (2 * w + 1, 1), borderType=cv2.BORDER_REPLICATE)) + 4
    return cast("Row", (d / contrast)[0])


def _fit(profile: Row, ideal: Row, count: int) -> tuple[float, tuple[float, float, float]]:
    """Move the left end, the right end and the middle of the pattern, coarsely and finely, to the best correlation."""
    width = len(profile)
    xs = np.arange(_QUIET * _SAMPLES, (_QUIET + count) * _SAMPLES, 3, dtype=np.float32)
    u = (xs - width / 2) / (count * _SAMPLES / 2)
    wanted = ideal[xs.astype(int)]
    wanted = (wanted - wanted.mean()) / (wanted.std() + 1e-6)
    best, shifts = -1.0, (0.0, 0.0, 0.0)
    for reach, step, bends in (
        (3.0, 1.0, (-2.0, -1.0, 0.0, 1.0, 2.0)),
        (0.75, 0.25, (-0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75)),
    ):
        ends = np.arange(-reach, reach + 1e-6, step) * _SAMPLES
        left, right, bend = (
            m.ravel()[:, None].astype(np.float32)
            for m in np.meshgrid(shifts[0] + ends, shifts[1] + ends, shifts[2] + np.array(bends) * _SAMPLES, indexing="ij")
        )
        at = xs + left * (1 - u) / 2 + right * (1 + u) / 2 + bend * (1 - u * u)
        seen = profile[np.clip(np.rint(at), 0, width - 1).astype(np.int32)]
        seen = seen - seen.mean(1, keepdims=True)
        score = (seen @ wanted) / (len(xs) * (seen.std(1) + 1e-6))
        i = int(score.argmax())
        shifts = float(left[i, 0]), float(right[i, 0]), float(bend[i, 0])
        best = max(best, float(score[i]))
    return best, shifts


def _worst_digit(profile: Row, bits: str, place: tuple[float, float, float, float]) -> float:
    blur, left, right, bend = place
    width, count = len(profile), len(bits)
    x = np.arange(0, width, 1, dtype=np.float32)
    u = (x - width / 2) / (count * _SAMPLES / 2)
    at = x + left * (1 - u) / 2 + right * (1 + u) / 2 + bend * (1 - u * u)
    seen, wanted = profile[np.clip(np.rint(at), 0, width - 1).astype(np.int32)], _ideal(bits, blur)
    worst = 1.0
    digits = (count - 11) // 7
    for k in range(digits):
        start = (_QUIET + 3 + 7 * k + (5 if k >= digits // 2 else 0)) * _SAMPLES
        a, b = seen[start - _SAMPLES : start + 8 * _SAMPLES], wanted[start - _SAMPLES : start + 8 * _SAMPLES]
        alike = float(((a - a.mean()) * (b - b.mean())).mean()) / (float(a.std()) * float(b.std()) + 1e-6)
        worst = min(worst, alike)
    return worst
