"""Evidence: readings become claims, claims gather votes, and only claims with enough of them become symbols.

A code with Reed-Solomon correction is believed at once. A linear code is believed when independent looks (another
engine, another treatment, another place along its bars) agree, when its bar pattern explains the pixels, and when no
other claim for the same bars comes close: a misread delivery is worse than a label that must be photographed again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import cv2
import numpy as np

from edge_agent.decode import retail_pattern
from edge_agent.decode.gs1_elements import elements_of
from edge_agent.decode.picture import Gray
from edge_agent.decode.retail_pattern import Match
from edge_agent.decode.strips import Region
from edge_agent.decode.symbol import FRAGILE, RETAIL, STRONG, Reading
from edge_agent.decode.view import Quad, centre, contains, extent
from edge_agent.decode.wholeness import is_read_along, lies_on_paper

#: The untouched picture, reduced where it is large, and in its full size.
PLAIN: Final = "plain"
FULL: Final = "full"
#: … and a quarter turned, which changes no pixel.
QUARTER: Final = "quarter"
_UNTOUCHED: Final = frozenset({("zxing", PLAIN), ("zxing", FULL), ("zxing", QUARTER)})
#: Votes that a symbology needs, by how much its own checks catch.
_NEEDED: Final = {"UPCE": 4.0, "Codabar": 3.0}
_NEEDED_USUALLY: Final = 2.0
_NEEDED_SHORT_ITF: Final = 2.5
#: A piece of a longer one stays a piece, however often it is seen.
_NEEDED_PIECE: Final = 100.0
#: Shorter reads of these are noise: they have no check digit.
_SHORTEST: Final = {"ITF": 4, "ITF14": 4, "Codabar": 5}
#: Sharpening invents edges: what it showed counts at most this much, more where two check characters or one of 103 values
#: would have to agree with it.
_MOST_SHARPENED: Final = 1.5
_MOST_SHARPENED_CHECKED: Final = {"Code128": 2.0, "Code93": 2.0}
#: What it adds to the votes that a Code 128 says it is GS1, and that its check digits, dates and lengths bear that out.
_GS1_VOTE: Final = 0.5
#: A claim that overlaps another wins only by so many votes.
_LEAD: Final = 2.0
#: … or because its pattern explains the pixels at least so well, and better by so much, than the other's; its worst digit
#: too where the pattern as a whole is less than perfect.
_EXPLAINED: Final = 0.92
_WELL_EXPLAINED: Final = 0.9
_CLEARLY: Final = 0.07
_WORST_CLEARLY: Final = 0.15
#: zbar's places are rough: a worse correlation says nothing about its digits.
_ZBAR_PLACE_HOLDS: Final = 0.85


@dataclass(eq=False)
class Claim:
    """One content at one place, and what speaks for it."""

    reading: Reading
    looks: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Which engine saw it in which step."""
    votes: float = 0.0
    sharpened_votes: float = 0.0
    match: Match | None = None
    comparisons: int = 0
    whole: bool = True
    """Not a piece of a longer code, as far as the pixels tell."""

    @property
    def strong(self) -> bool:
        """The symbology's own error correction is proof enough, in the untouched picture or seen twice."""
        format_ = self.reading.format
        return format_ in STRONG and (format_ not in FRAGILE or bool(self.looks & _UNTOUCHED) or len(self.looks) > 1)

    @property
    def weight(self) -> float:
        """Votes of the engines, of the pixels, and of the GS1 rules."""
        return self.votes + (self.match.votes if self.match else 0.0) + (_GS1_VOTE if self.valid_gs1 else 0.0)

    @cached_property
    def valid_gs1(self) -> bool:
        """It is a GS1-128 that keeps the GS1 rules."""
        return self.reading.identifier == "]C1" and elements_of(self.reading) is not None

    @property
    def needed(self) -> float:
        """The weight at which it is believed."""
        format_, text = self.reading.format, self.reading.text
        if format_ == "Code128" and self.looks & _UNTOUCHED:
            return 1.0
        if not self.whole:
            return _NEEDED_PIECE
        if self.reading.family == "ITF" and len(text) < 8:
            return _NEEDED_SHORT_ITF
        return _NEEDED.get(format_, _NEEDED_USUALLY)


class Ballot:
    """All claims about one picture."""

    def __init__(self, gray: Gray) -> None:
        self._gray = gray
        self._claims: list[Claim] = []

    def add(self, readings: Iterable[Reading], step: str, *, votes: float = 1.0, sharpened: bool = False) -> None:
        """Count `readings` that a step brought; the same step counts once for a claim."""
        for reading in readings:
            if _plausible(reading):
                self._count(self._claim_of(reading), reading, step, votes, sharpened)

    def accepted(self) -> list[Claim]:
        """What is believed now."""
        strong = [c for c in self._claims if c.strong]
        believed = [c for c in self._claims if c.reading.format not in STRONG and self._believed(c, strong)]
        distinct: list[Claim] = []
        for claim in sorted(believed, key=lambda c: -c.weight):
            if not any(_shadows(better, claim) for better in distinct):
                distinct.append(claim)
        return strong + distinct

    def pending(self, within: Quad | None = None) -> list[Claim]:
        """What was seen (within these corners) but is not believed yet, and does not lie in a symbol that is."""
        accepted = self.accepted()
        return [
            c
            for c in self._claims
            if c not in accepted
            and not _inside_any(c, accepted)
            and (within is None or contains(within, centre(c.reading.points)))
        ]

    def _claim_of(self, reading: Reading) -> Claim:
        for claim in self._claims:
            other = claim.reading
            if (
                other.family == reading.family
                and other.content == reading.content
                and same_symbol(self._gray, other.points, reading.points, linear=reading.format not in STRONG)
            ):
                return claim
        claim = Claim(reading, whole=reading.family != "ITF" and reading.format != "UPCE")
        self._claims.append(claim)
        return claim

    def _count(self, claim: Claim, reading: Reading, step: str, votes: float, sharpened: bool) -> None:
        if not claim.whole:
            claim.whole = is_read_along(self._gray, reading.points) and (
                reading.family != "ITF" or lies_on_paper(self._gray, reading.points, 9 * len(reading.text) + 9)
            )
        if claim.reading.engine != "zxing" and reading.engine == "zxing":
            claim.reading = reading  # it alone knows the identifier and the bytes
            claim.__dict__.pop("valid_gs1", None)
        if (reading.engine, step) not in claim.looks:
            if {engine for engine, _ in claim.looks} == ({"zbar"} if reading.engine == "zxing" else {"zxing"}):
                claim.votes += 0.5  # the other engine agrees
            claim.looks.add((reading.engine, step))
            if sharpened:
                most = _MOST_SHARPENED_CHECKED.get(claim.reading.format, _MOST_SHARPENED)
                votes = min(votes, most - claim.sharpened_votes)
                claim.sharpened_votes += votes
            claim.votes += votes
        self._compare(claim, reading)

    def _compare(self, claim: Claim, reading: Reading) -> None:
        if reading.format not in RETAIL - {"UPCE"}:
            return
        if claim.match is None or (claim.comparisons < 2 and claim.votes < 2):
            claim.comparisons += 1
            match = retail_pattern.compare(self._gray, reading.points, reading.text)
            if match is None or (reading.engine != "zxing" and match.overall < _ZBAR_PLACE_HOLDS):
                return
            if claim.match is None or match.overall > claim.match.overall:
                claim.match = match

    def _believed(self, claim: Claim, strong: list[Claim]) -> bool:
        return (
            claim.weight >= claim.needed
            and not _inside_any(claim, strong)
            and all(o is claim or o.strong or not _conflict(claim, o) or _beats(claim, o) for o in self._claims)
        )


def same_symbol(gray: Gray, one: Quad, other: Quad, *, linear: bool) -> bool:
    """Tell whether two readings of one content are one symbol, not two labels that say the same."""
    margin = 0.1 * max(extent(one), extent(other))
    if contains(one, centre(other), margin) or contains(other, centre(one), margin):
        return True
    return linear and _same_bars(gray, Region.of(one), Region.of(other))


def _same_bars(gray: Gray, one: Region, other: Region) -> bool:
    """Do the bars run through from one place to the other? Two scan lines of one code, or two codes above each other."""
    length = min(one.length, other.length)
    dx, dy = other.middle[0] - one.middle[0], other.middle[1] - one.middle[1]
    a = np.deg2rad(one.angle)
    ux, uy = float(np.cos(a)), float(np.sin(a))
    if length < 20 or abs(dx * ux + dy * uy) > 0.3 * length:
        return False
    steps = int(np.clip(np.hypot(dx, dy) / 3, 4, 64))
    along = np.linspace(-length / 2, length / 2, 128)
    across = np.linspace(0, 1, steps)[:, None]
    xs = (one.middle[0] + dx * across + ux * along).astype(np.float32)
    ys = (one.middle[1] + dy * across + uy * along).astype(np.float32)
    rows = cv2.remap(gray, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    rows = rows - rows.mean(1, keepdims=True)
    spread = rows.std(1)
    similar = (rows[1:] * rows[:-1]).mean(1) / (spread[1:] * spread[:-1] + 1e-6)
    return bool(similar.min() > 0.5)


def _plausible(reading: Reading) -> bool:
    return bool(reading.text or reading.bytes) and len(reading.text) >= _SHORTEST.get(reading.format, 0)


def _inside_any(claim: Claim, others: Iterable[Claim]) -> bool:
    """A weak claim within a symbol that is believed read that symbol's modules as bars."""
    return any(o is not claim and not claim.strong and contains(o.reading.points, centre(claim.reading.points)) for o in others)


def _conflict(one: Claim, other: Claim) -> bool:
    """Two weak claims that cannot both be the same bars: of one family, or one a piece of the other."""
    a, b = one.reading, other.reading
    if a.content == b.content or a.family != b.family or a.family == "DXFilmEdge" or _apart(a.points, b.points):
        return False
    if a.family == "retail":
        return True
    differing = sum(x != y for x, y in zip(a.text, b.text, strict=False))
    return a.text in b.text or b.text in a.text or differing <= len(a.text) // 2


def _beats(one: Claim, other: Claim) -> bool:
    """One of two claims for the same bars is right: by many votes, or because the pixels say so clearly."""
    if one.reading.family == "ITF" and one.reading.text != other.reading.text:
        if other.reading.text in one.reading.text:
            return one.weight >= one.needed  # the other is a piece of it: dirt or glare beside it looked like paper
        if one.reading.text in other.reading.text:
            return False
    if _explained_better(other, one):
        return False  # however often the same engine misread the same bars
    return one.weight >= other.weight + _LEAD or _explained_better(one, other)


def _explained_better(one: Claim, other: Claim) -> bool:
    """The pixels speak clearly for one of two numbers."""
    a, b = one.match, other.match
    if a is None or b is None or a.overall < b.overall + _CLEARLY:
        return False
    return a.overall >= _EXPLAINED or (a.overall >= _WELL_EXPLAINED and a.worst_digit >= b.worst_digit + _WORST_CLEARLY)


def _shadows(one: Claim, other: Claim) -> bool:
    """`other` is the same content at nearly the same place, seen askew: not a second label, unless the first look saw both."""
    if one.reading.content != other.reading.content or _apart(one.reading.points, other.reading.points):
        return False
    return not (("zxing", PLAIN) in one.looks and ("zxing", PLAIN) in other.looks)


def _apart(one: Quad, other: Quad) -> bool:
    (ax, ay), (bx, by) = centre(one), centre(other)
    return bool(np.hypot(ax - bx, ay - by) > 0.4 * max(extent(one), extent(other)))
