"""Is it a whole code? A piece of an interleaved 2 of 5 reads like a whole one, a piece of an EAN sometimes like a UPC-E.

A piece comes about in two ways: bars lie beside it, or the line on which it was read crosses the code askew and leaves it
at the top or the bottom.
"""

from typing import Final

import cv2
import numpy as np

from edge_agent.decode.picture import Gray
from edge_agent.decode.strips import Region, cut_exact
from edge_agent.decode.view import Quad

#: Pixels a module in the cut, and modules looked at beside each end (ISO/IEC 16390, 4.4 asks for ten), without the nearest.
_SAMPLES: Final = 4
_MODULES: Final = 8
_SKIPPED: Final = 2
#: Contrast beside the code, against that within it, up to which it is paper.
_PAPER: Final = 0.5
#: Degrees between the line on which it was read and the one across its bars, up to which it was read along.
_ALONG: Final = 6.0


def lies_on_paper(gray: Gray, quad: Quad, modules: int) -> bool:
    """Tell whether a code of so many `modules` with these corners has paper on both sides, not bars."""
    region = Region.of(quad)
    if region.length < 2 * modules / _SAMPLES:
        return True  # too small to tell
    factor = modules * _SAMPLES / region.length
    columns = (modules + 2 * _MODULES) * _SAMPLES
    rows = int(np.clip(region.height * 0.5 * factor, 4, 40))
    profile = cut_exact(gray, region, factor, columns, rows).mean(0)
    edge, skipped = _MODULES * _SAMPLES, _SKIPPED * _SAMPLES
    within = float(profile[edge:-edge].std())
    return all(float(beside.std()) <= _PAPER * within for beside in (profile[: edge - skipped], profile[skipped - edge :]))


def is_read_along(gray: Gray, quad: Quad) -> bool:
    """Tell whether the line between these ends crosses the bars squarely: the gradients about its middle point along it."""
    region = Region.of(quad)
    reach = max(12, int(region.length / 4))
    x, y = (int(v) for v in region.middle)
    part = gray[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach]
    if min(part.shape) < 8:
        return True
    part = cv2.GaussianBlur(part, (0, 0), 1)
    gx, gy = (cv2.Scharr(part, cv2.CV_32F, *which).ravel() for which in ((1, 0), (0, 1)))
    across = np.rad2deg(0.5 * np.arctan2(2 * float(gx @ gy), float(gx @ gx - gy @ gy)))
    apart = abs(across - region.angle) % 180
    return bool(min(apart, 180 - apart) <= _ALONG)
