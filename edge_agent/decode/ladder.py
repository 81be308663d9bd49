"""The order in which a picture is tried: cheap and likely first, and only where something like a code is left unread."""

import time
from collections.abc import Callable
from typing import Final

from edge_agent.decode import engines, matrix_reading, strip_reading, strips
from edge_agent.decode.ballot import FULL, PLAIN, QUARTER, Ballot, Claim
from edge_agent.decode.picture import Gray
from edge_agent.decode.strips import Region, Texture
from edge_agent.decode.symbol import STRONG, Damaged
from edge_agent.decode.treatment import equalised, flattened, sharpened, softened, thresholded
from edge_agent.decode.view import Point, Quad, View, centre, contains, extent

#: The first look takes at most so many megapixels, the second all that most photos have.
_FIRST_LOOK_MP: Final = 4.5
_SECOND_LOOK_MP: Final = 24.0
#: Of these zxing-cpp looks for upright ones only where it found lying ones.
_ONE_WAY: Final = frozenset({"PDF417", "CompactPDF417", "MicroPDF417"})
#: A picture of so few pixels a side shows a code of a pixel or two a module.
_TINY: Final = 100
#: Pixels to which a picture is reduced for the search of its regions.
_COARSE: Final = 480
_FINE: Final = 960
#: A shorter place of a reading, in pixels, is no place to cut a strip.
_SHORTEST_STRIP: Final = 20
#: So many regions are studied closely although a glance showed nothing, as long as the picture gave nothing.
_STUDIED: Final = 2
#: A picture in which no engine has seen a trace of a code is given up after this share of the budget, later if it has bars.
_SHARE_UNSEEN: Final = 0.17
_SHARE_WITH_BARS: Final = 0.24
#: So many pieces of square texture are looked at, within this share of the budget.
_BLOBS: Final = 3
_SHARE_BLOBS: Final = 0.12
#: The time is over when so much of it went into work of this thread: a picture is read once, and a gateway that stood still
#: meanwhile has not looked at it.
_SHARE_WORKED: Final = 0.5
#: Bars that stay unread beside codes that are read are studied within this share for each megapixel: the larger the picture,
#: the more codes it may hold.
_SHARE_BESIDE: Final = 0.15


class Budget:
    """Milliseconds that may be spent. A step that has begun is finished, so the last one may run over a little."""

    def __init__(self, ms: float) -> None:
        self._ms = ms
        self._start_s = time.perf_counter()
        self._worked_s = time.thread_time()

    @property
    def over(self) -> bool:
        """Nothing is left. Time in which the machine stood still, or did other things for the most part, is not spent."""
        return (time.perf_counter() - self._start_s) * 1e3 >= self._ms and self.worked(_SHARE_WORKED)

    def worked(self, share: float) -> bool:
        """Tell whether `share` of it went into work of this thread: a busy machine does not make a picture look emptier."""
        return (time.thread_time() - self._worked_s) * 1e3 >= self._ms * share


def climb(gray: Gray, budget: Budget) -> list[Claim]:
    """Find every code in `gray` within `budget`."""
    ballot = Ballot(gray)
    whole = View.of(gray)
    first = whole.limited(_FIRST_LOOK_MP)
    readings, damaged = engines.zxing_with_damaged(first)
    ballot.add(readings, PLAIN)
    if any(reading.format in _ONE_WAY for reading in readings):
        ballot.add(engines.zxing(first.quarter_turned(1), matrix_only=True), QUARTER)
    _confirm(ballot, gray, budget)
    if first is not whole and not budget.over:
        ballot.add(engines.zxing(whole.limited(_SECOND_LOOK_MP)), FULL)
        _confirm(ballot, gray, budget)
    if not readings and max(gray.shape) <= _TINY:
        ballot.add(engines.zxing(whole.scaled(4)), "tiny")
    texture, bars = _read_regions(ballot, gray, budget)
    _repair(ballot, gray, damaged, budget)
    _read_blobs(ballot, whole, texture, budget)
    if not ballot.accepted() and (texture.linear or texture.matrix):
        share = 1.0 if damaged else _SHARE_WITH_BARS if bars else _SHARE_UNSEEN
        _try_treatments(ballot, first, _focus(whole, texture), budget, share)
    return ballot.accepted()


def _unread(ballot: Ballot, regions: list[Region]) -> list[Region]:
    return [r for r in regions if not _is_read(ballot, r)]


def _confirm(ballot: Ballot, gray: Gray, budget: Budget) -> None:
    """Look again, closely, at what was seen once."""
    for claim in ballot.pending():
        if budget.over:
            return
        ballot.add(engines.zxing(_around(View.of(gray), claim.reading.points).treated(equalised), linear_only=True), "again")
        region = Region.of(claim.reading.points)
        if claim in ballot.pending() and region.length >= _SHORTEST_STRIP:
            strip_reading.glance(ballot, gray, region, "again")
            strip_reading.study(
                ballot, gray, region, "again", lambda claim=claim: claim in ballot.pending() and not budget.over
            )


def _read_regions(ballot: Ballot, gray: Gray, budget: Budget) -> tuple[Texture, bool]:
    """Look for what is left unread and read it, again and again while that brings something new.

    A large picture is searched once more, finely, where a coarse look blurs narrow bars away. Tells also whether anything
    unread looks like bars.
    """
    texture, bars = _read_at(ballot, gray, budget, _COARSE)
    if max(gray.shape) < 1.5 * _COARSE or (ballot.accepted() and gray.size < _FIRST_LOOK_MP * 1e6) or budget.over:
        return texture, bars
    fine, fine_bars = _read_at(ballot, gray, budget, _FINE)
    return (fine if fine.linear else texture), bars or fine_bars


def _read_at(ballot: Ballot, gray: Gray, budget: Budget, work: int) -> tuple[Texture, bool]:
    while True:
        before = len(ballot.accepted())
        texture = strips.find(gray, [claim.reading.points for claim in ballot.accepted()], work=work)
        bars = False
        for rank, region in enumerate(_unread(ballot, texture.linear)):
            if budget.over:
                return texture, bars
            bars |= _read_region(ballot, gray, region, budget, closely=rank < _STUDIED)
        if len(ballot.accepted()) == before:
            return texture, bars


def _read_region(ballot: Ballot, gray: Gray, region: Region, budget: Budget, *, closely: bool) -> bool:
    """Read a region at a glance; and closely where that left a doubt, or where it looks like bars that are not read.

    Beside codes that are read, bars that nothing speaks for have a share of the budget only.
    """
    bars = strip_reading.glance(ballot, gray, region, "strip")
    alone = not ballot.accepted()
    beside = _SHARE_BESIDE * max(1.0, gray.size / 1e6)

    def unsure() -> bool:
        if budget.over or _is_read(ballot, region):
            return False
        return bool(ballot.pending(region.quad)) or (bars and (alone or not budget.worked(beside)))

    if ballot.pending(region.quad) or (bars and (closely or not alone)):
        strip_reading.study(ballot, gray, region, "strip", unsure)
    return bars


def _repair(ballot: Ballot, gray: Gray, damaged: list[Damaged], budget: Budget) -> None:
    """Read what the first look found but could not read, the largest first: each has the rest of the budget."""
    tried: list[Quad] = []
    for symbol in sorted(damaged, key=lambda d: -extent(d.points)):
        quad, middle = symbol.points, centre(symbol.points)
        if extent(quad) < _SHORTEST_STRIP or any(contains(other, middle) for other in tried + _read(ballot)):
            continue
        tried.append(quad)

        def unsure(quad: Quad = quad, middle: Point = middle) -> bool:
            read = any(contains(q, middle) or contains(quad, centre(q)) for q in _read(ballot))
            return not read and not budget.over

        if symbol.format in STRONG:
            matrix_reading.study(ballot, _around(View.of(gray), quad), f"damaged {len(tried)}", unsure)
        elif unsure():
            strip_reading.study(ballot, gray, Region.of(quad), f"damaged {len(tried)}", unsure)


def _read_blobs(ballot: Ballot, whole: View, texture: Texture, budget: Budget) -> None:
    """Look closely at square texture: a code that is too faint or too blurred for the first look."""
    for rank, blob in enumerate([b for b in texture.matrix if _compact(b)][:_BLOBS]):

        def unsure(blob: Region = blob) -> bool:
            return not _is_read(ballot, blob) and not budget.over and not budget.worked(_SHARE_BLOBS)

        matrix_reading.study(ballot, _around(whole, blob.quad), f"blob {rank}", unsure, ways=matrix_reading.GLANCE)


def _compact(blob: Region) -> bool:
    return 0.4 * blob.length <= blob.height <= 2.5 * blob.length and min(blob.length, blob.height) >= _SHORTEST_STRIP


def _read(ballot: Ballot) -> list[Quad]:
    return [claim.reading.points for claim in ballot.accepted()]


def _is_read(ballot: Ballot, region: Region) -> bool:
    return any(contains(q, region.middle, 0.1 * region.length) or contains(region.quad, centre(q)) for q in _read(ballot))


def _around(whole: View, quad: Quad) -> View:
    """The part of the picture with these corners and a margin."""
    xs, ys = [x for x, _ in quad], [y for _, y in quad]
    margin = 0.2 * max(max(xs) - min(xs), max(ys) - min(ys))
    return whole.cropped(min(xs) - margin, min(ys) - margin, max(xs) + margin, max(ys) + margin)


def _focus(whole: View, texture: Texture) -> View:
    """The part of the picture that most likely holds a code."""
    best = max(texture.linear[:1] + texture.matrix[:1], key=lambda r: r.length * r.height)
    return _around(whole, best.quad)


def _try_treatments(ballot: Ballot, first: View, focus: View, budget: Budget, share: float) -> None:
    """Nothing was read: try treatments of the whole picture and of its best part, one engine after the other.

    Without any trace of a code only `share` of the budget is spent.
    """
    lifted = first.limited(2).treated(equalised)
    middle = first.limited(1.2)
    steps: list[Callable[[], None]] = [
        lambda: ballot.add(engines.zxing(lifted), "lifted"),
        lambda: ballot.add(engines.zxing(middle, whole_histogram=True), "histogram"),
        lambda: ballot.add(engines.zbar(lifted.limited(1.2)), "lifted"),
        lambda: ballot.add(engines.zxing(focus.limited(0.3).treated(flattened).scaled(2)), "flattened"),
        *(
            # zxing-cpp finds MaxiCode, and symbols without a quiet zone, only upright
            lambda turns=turns: ballot.add(engines.zxing(middle.quarter_turned(turns), matrix_only=True), f"quarters {turns}")
            for turns in (2, 1, 3)
        ),
        lambda: ballot.add(engines.zbar(middle.treated(thresholded)), "thresholded"),
        lambda: ballot.add(engines.opencv_qr(focus.limited(0.3)), "bent"),
        lambda: ballot.add(engines.zxing(first.limited(1.5).treated(softened), whole_histogram=True), "softened"),
        lambda: ballot.add(engines.zxing(first.limited(1).turned(67.5)), "turned"),
        lambda: ballot.add(engines.zbar(middle.treated(softened)), "softened"),
        lambda: ballot.add(engines.zxing(first.limited(2).scaled(0.66)), "reduced"),
        lambda: ballot.add(
            engines.zxing(focus.limited(0.15).scaled(3).treated(_very_crisp)), "enlarged crisp", votes=0.5, sharpened=True
        ),
        lambda: ballot.add(engines.zbar(first.limited(1).turned(45)), "turned"),
        lambda: ballot.add(engines.zbar(focus.limited(0.15).scaled(2)), "enlarged", votes=0.5),
    ]
    for step in steps:
        step()
        if ballot.accepted() or budget.over or (not ballot.pending() and budget.worked(share)):
            return


def _very_crisp(gray: Gray) -> Gray:
    return sharpened(gray, 3, 3)
