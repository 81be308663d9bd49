"""Linear codes one by one: each cut out with its bars upright, enlarged, averaged along its bars, and read in a few ways."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edge_agent.decode import engines, strips
from edge_agent.decode.ballot import Ballot
from edge_agent.decode.picture import Gray
from edge_agent.decode.strips import Region
from edge_agent.decode.treatment import averaged_along_bars, equalised, flattened, sharpened
from edge_agent.decode.view import View

_WIDE, _NARROW = 900, 450
#: Averaged rows are all alike: an engine needs no more of them.
_ROWS: Final = 48


def glance(ballot: Ballot, gray: Gray, region: Region, step: str) -> None:
    """Read the region in the three ways that tell most, in about 3 ms."""
    wide = _Strip.cut(gray, region, _WIDE)
    ballot.add(engines.zxing_strip(wide.plain), f"{step} {_WIDE}")
    ballot.add(engines.zxing_strip(wide.mean_lifted), f"{step} {_WIDE} mean lifted")
    ballot.add(engines.zxing_strip(_crisp(wide.mean)), f"{step} {_WIDE} mean crisp", votes=0.75, sharpened=True)


def study(ballot: Ballot, gray: Gray, region: Region, step: str, unsure: Callable[[], bool]) -> None:
    """Read the region in all other ways, cheap ones first, for as long as `unsure`."""
    wide, narrow = _Strip.cut(gray, region, _WIDE), _Strip.cut(gray, region, _NARROW)
    ways: list[Callable[[], None]] = [
        lambda: ballot.add(engines.zxing_strip(wide.mean), f"{step} {_WIDE} mean", votes=0.5),
        lambda: ballot.add(engines.zxing_strip(_crisp(wide.plain)), f"{step} {_WIDE} crisp", votes=0.5, sharpened=True),
        lambda: ballot.add(engines.zxing_strip(narrow.plain), f"{step} {_NARROW}"),
        lambda: ballot.add(engines.zxing_strip(narrow.mean_lifted), f"{step} {_NARROW} mean lifted"),
        lambda: ballot.add(
            engines.zxing_strip(_crisp(narrow.mean)), f"{step} {_NARROW} mean crisp", votes=0.75, sharpened=True
        ),
        lambda: ballot.add(engines.zxing_strip(narrow.mean), f"{step} {_NARROW} mean", votes=0.5),
        lambda: ballot.add(engines.zxing_strip(_crisp(narrow.plain)), f"{step} {_NARROW} crisp", votes=0.5, sharpened=True),
        lambda: ballot.add(engines.zbar(wide.mean_lifted, strip=True), f"{step} {_WIDE} mean lifted"),
        lambda: ballot.add(engines.zbar(wide.mean_flat, strip=True), f"{step} {_WIDE} mean flat"),
        lambda: ballot.add(engines.zbar(_crisp(wide.mean), strip=True), f"{step} mean crisp", votes=0.5, sharpened=True),
        lambda: ballot.add(engines.zbar(narrow.plain, strip=True), f"{step} {_NARROW}"),
        lambda: ballot.add(engines.zbar(_crisp(narrow.mean), strip=True), f"{step} mean crisp", votes=0.5, sharpened=True),
    ]
    for way in ways:
        if not unsure():
            return
        way()


@dataclass(frozen=True, slots=True)
class _Strip:
    """A strip as it is, and averaged along its bars."""

    plain: View
    averaged: View

    @staticmethod
    def cut(gray: Gray, region: Region, width: int) -> "_Strip":
        plain = strips.cut(gray, region, width)
        return _Strip(plain, plain.treated(averaged_along_bars))

    @property
    def mean(self) -> View:
        return _middle_rows(self.averaged)

    @property
    def mean_lifted(self) -> View:
        return _middle_rows(self.averaged.treated(equalised))

    @property
    def mean_flat(self) -> View:
        return _middle_rows(self.averaged.treated(flattened))


def _middle_rows(view: View) -> View:
    top = max(0, (view.height - _ROWS) // 2)
    return view.cropped(0, top, view.width, top + _ROWS)


def _crisp(view: View) -> View:
    return view.treated(lambda g: sharpened(g, 2, 2))
