"""Linear codes one by one: each cut out with its bars upright, enlarged, averaged along its bars, and read in a few ways."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.decode import engines, strips
from edge_agent.decode.ballot import Ballot
from edge_agent.decode.picture import Gray
from edge_agent.decode.strips import Region
from edge_agent.decode.treatment import averaged_along_bars, deblurred, equalised, flattened, sharpened
from edge_agent.decode.view import View

_FINE, _WIDE, _NARROW = 1500, 900, 450
#: Averaged rows are all alike: an engine needs no more of them.
_ROWS: Final = 24
#: Blurs that are taken out of the wide strip, in pixels: a bar's width off by an eighth already hides it.
_BLURS: Final = (3.0, 4.0, 5.1, 2.3, 3.5, 4.5, 5.8, 2.6, 6.6, 2.0, 7.5)
#: A strip is read in so many bands too.
_BANDS: Final = 3
#: Of the contrast along a line across the bars so much is left after averaging, in grey levels at least …
_LEAST_KEPT: Final = 0.5
_LEAST_CONTRAST: Final = 3.0
#: … with so many changes between dark and light: half of those of the shortest EAN-8 or DataBar, as blur joins bars.
_LEAST_CHANGES: Final = 18


def glance(ballot: Ballot, gray: Gray, region: Region, step: str) -> bool:
    """Read the region in the three ways that tell most, in about 2 ms. Tell whether what is there looks like bars."""
    wide = _Strip.cut(gray, region, _WIDE)
    ballot.add(engines.zxing_strip(wide.plain), f"{step} {_WIDE}")
    bars = _look_like_bars(wide.plain.pixels)
    if bars or ballot.pending(region.quad):
        ballot.add(engines.zxing_strip(wide.mean_lifted), f"{step} {_WIDE} mean lifted")
        ballot.add(engines.zxing_strip(_crisp(wide.mean)), f"{step} {_WIDE} mean crisp", votes=0.75, sharpened=True)
    return bars


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
        *(
            lambda sigma=sigma: ballot.add(
                engines.zxing_strip(wide.mean.treated(lambda g: deblurred(g, sigma))),
                f"{step} deblurred {sigma}",
                votes=0.75,
                sharpened=True,
            )
            for sigma in _BLURS
        ),
        lambda: ballot.add(engines.zbar(wide.mean_lifted, strip=True), f"{step} {_WIDE} mean lifted"),
        lambda: ballot.add(engines.zbar(wide.mean_flat, strip=True), f"{step} {_WIDE} mean flat"),
        lambda: ballot.add(engines.zbar(_crisp(wide.mean), strip=True), f"{step} mean crisp", votes=0.5, sharpened=True),
        lambda: ballot.add(engines.zbar(narrow.plain, strip=True), f"{step} {_NARROW}"),
        lambda: ballot.add(engines.zbar(_crisp(narrow.mean), strip=True), f"{step} mean crisp", votes=0.5, sharpened=True),
    ]
    ways[2:2] = [
        lambda: ballot.add(engines.zxing_strip(_Strip.cut(gray, region, _FINE).mean_lifted), f"{step} {_FINE} mean lifted"),
        *(
            lambda band=band: ballot.add(engines.zxing_strip(wide.band(band)), f"{step} {_WIDE} band {band}", votes=0.75)
            for band in range(_BANDS)
        ),
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

    def band(self, which: int) -> View:
        """One of the bands that lie above each other, averaged: dirt, or print beside the code, spoils only some."""
        height = self.plain.height // _BANDS
        part = self.plain.cropped(0, which * height, self.plain.width, (which + 1) * height)
        return part.treated(lambda g: equalised(np.repeat(g.mean(0, keepdims=True).astype(np.uint8), _ROWS, 0)))

    @property
    def mean(self) -> View:
        return _middle_rows(self.averaged)

    @property
    def mean_lifted(self) -> View:
        return _middle_rows(self.averaged).treated(equalised)

    @property
    def mean_flat(self) -> View:
        return _middle_rows(self.averaged).treated(flattened)


def _middle_rows(view: View) -> View:
    top = max(0, (view.height - _ROWS) // 2)
    return view.cropped(0, top, view.width, top + _ROWS)


def _crisp(view: View) -> View:
    return view.treated(lambda g: sharpened(g, 2, 2))


def _look_like_bars(strip: Gray) -> bool:
    """Averaged along its bars a code keeps its contrast, and changes often between dark and light; grass does neither."""
    rows, columns = strip.shape
    pixels = strip[rows // 4 : rows - rows // 4].astype(np.float32)
    window = max(15, columns // 12) | 1
    along = pixels.mean(0, keepdims=True)
    profile = _detail(along, window)[0, columns // 10 : columns - columns // 10]
    contrast, all_contrast = float(profile.std()), float(_detail(pixels, window).std())
    if contrast < _LEAST_KEPT * all_contrast or contrast < _LEAST_CONTRAST:
        return False
    sides = np.sign(profile[np.abs(profile) > 0.35 * contrast])
    return int(np.count_nonzero(np.diff(sides))) >= _LEAST_CHANGES


def _detail(pixels: NDArray[np.float32], window: int) -> NDArray[np.float32]:
    return pixels - cv2.blur(pixels, (window, 1)).astype(np.float32)
