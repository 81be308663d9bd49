"""The order in which a picture is tried: cheap and likely first, and only where something like a code is left unread."""

import time
from collections.abc import Callable
from typing import Final

from edge_agent.decode import engines, strips
from edge_agent.decode.ballot import PLAIN, Ballot, Claim
from edge_agent.decode.picture import Gray
from edge_agent.decode.strips import Region, Texture
from edge_agent.decode.treatment import averaged_along_bars, equalised, flattened, sharpened, softened, thresholded
from edge_agent.decode.view import View, contains

#: The first look takes at most so many megapixels, the second all that a minute picture has.
_FIRST_LOOK_MP: Final = 3.0
_SECOND_LOOK_MP: Final = 24.0


class Budget:
    """Milliseconds that may be spent. A step that has begun is finished, so the last one may run over a little."""

    def __init__(self, ms: float) -> None:
        self._end = time.perf_counter() + ms / 1e3

    @property
    def over(self) -> bool:
        """Nothing is left."""
        return time.perf_counter() >= self._end


def climb(gray: Gray, budget: Budget) -> list[Claim]:
    """Find every code in `gray` within `budget`."""
    ballot = Ballot(gray)
    whole = View.of(gray)
    first = whole.limited(_FIRST_LOOK_MP)
    ballot.add(engines.zxing(first), PLAIN)
    _confirm(ballot, gray, budget)
    if first is not whole and not budget.over:
        ballot.add(engines.zxing(whole.limited(_SECOND_LOOK_MP)), "full")
        _confirm(ballot, gray, budget)
    texture = strips.find(gray, [claim.reading.points for claim in ballot.accepted()])
    for region in _unread(ballot, texture.linear):
        if budget.over:
            break
        _read_linear(ballot, gray, region, budget)
    if not ballot.accepted() and (texture.linear or texture.matrix):
        _try_treatments(ballot, first, _focus(whole, texture), budget)
    return ballot.accepted()


def _unread(ballot: Ballot, regions: list[Region]) -> list[Region]:
    read = [c.reading.points for c in ballot.accepted()]
    return [
        r
        for r in regions
        if not any(contains(q, r.middle, 0.1 * r.length) or contains(r.quad, strips.Region.of(q).middle) for q in read)
    ]


def _confirm(ballot: Ballot, gray: Gray, budget: Budget) -> None:
    """Look again at what was seen once, on strips cut where it was seen."""
    for claim in ballot.pending():
        region = Region.of(claim.reading.points)
        if budget.over or region.length < 20:
            continue
        _read_strips(ballot, gray, region, "again", lambda claim=claim: claim in ballot.pending())


def _read_linear(ballot: Ballot, gray: Gray, region: Region, budget: Budget) -> None:
    before = len(ballot.accepted())
    _read_strips(ballot, gray, region, "strip", lambda: not budget.over and len(ballot.accepted()) == before)


def _read_strips(ballot: Ballot, gray: Gray, region: Region, step: str, unsure: Callable[[], bool]) -> None:
    """Read one region upright, enlarged, averaged along its bars, in a few ways, for as long as `unsure`."""
    wide = strips.cut(gray, region, 900)
    for name, strip in ((f"{step} 900", wide), (f"{step} 450", strips.cut(gray, region, 450))):
        mean = strip.treated(averaged_along_bars)
        ballot.add(engines.zxing_strip(strip), name)
        ballot.add(engines.zxing_strip(mean.treated(equalised)), f"{name} mean lifted")
        if not unsure():
            return
        ballot.add(engines.zxing_strip(_crisp(mean)), f"{name} mean crisp", votes=0.75, sharpened=True)
        ballot.add(engines.zxing_strip(mean), f"{name} mean", votes=0.5)
        ballot.add(engines.zxing_strip(_crisp(strip)), f"{name} crisp", votes=0.5, sharpened=True)
        if not unsure():
            return
    lifted = wide.treated(averaged_along_bars).treated(equalised)
    ballot.add(engines.zbar(lifted, strip=True), f"{step} 900 mean lifted")
    ballot.add(engines.zbar(wide.treated(averaged_along_bars).treated(flattened), strip=True), f"{step} 900 mean flat")
    narrow = strips.cut(gray, region, 450)
    ballot.add(engines.zbar(narrow, strip=True), f"{step} 450")
    ballot.add(
        engines.zbar(_crisp(narrow.treated(averaged_along_bars)), strip=True), f"{step} mean crisp", votes=0.5, sharpened=True
    )


def _crisp(view: View) -> View:
    return view.treated(lambda g: sharpened(g, 2, 2))


def _focus(whole: View, texture: Texture) -> View:
    """The part of the picture that most likely holds a code."""
    best = max(texture.linear[:1] + texture.matrix[:1], key=lambda r: r.length * r.height)
    xs, ys = [x for x, _ in best.quad], [y for _, y in best.quad]
    margin = 0.2 * max(best.length, best.height)
    return whole.cropped(min(xs) - margin, min(ys) - margin, max(xs) + margin, max(ys) + margin)


def _try_treatments(ballot: Ballot, first: View, focus: View, budget: Budget) -> None:
    """Nothing was read: try treatments of the whole picture and of its best part, one engine after the other."""
    lifted = first.limited(2).treated(equalised)
    middle = first.limited(1.2)
    steps: list[Callable[[], None]] = [
        lambda: ballot.add(engines.zxing(lifted), "lifted"),
        lambda: ballot.add(engines.zxing(middle, whole_histogram=True), "histogram"),
        lambda: ballot.add(engines.zbar(middle.treated(thresholded)), "thresholded"),
        lambda: ballot.add(engines.zbar(lifted.limited(1.2)), "lifted"),
        lambda: ballot.add(engines.zxing(focus.limited(0.3).treated(flattened).scaled(2)), "flattened"),
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
        if ballot.accepted() or budget.over:
            return


def _very_crisp(gray: Gray) -> Gray:
    return sharpened(gray, 3, 3)
