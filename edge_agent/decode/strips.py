"""Find where linear codes (and texture that may be a matrix code) lie, and cut linear ones out with upright bars.

The bars of a linear code all point one way: their gradients are coherent (structure tensor; Bigün & Granlund 1987), which
finds codes at any angle in about two milliseconds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.decode.picture import Gray
from edge_agent.decode.view import Point, Quad, View

Field = NDArray[np.float32]

#: The gradients' products are smooth: they are gathered in cells of so many pixels of the reduced picture.
_CELL: Final = 2
#: Windows of the tensor, in cells: narrow and wide codes.
_WINDOWS: Final = (5, 13)
#: Scharr magnitude below which nothing is a bar: 20 grey levels across one pixel, fewer in a picture of few levels.
_FAINTEST: Final = 20.0 * 16
_FAINTEST_OF_ALL: Final = 6.0 * 16
#: Grey levels between the paper and the bars of a usual photo.
_USUAL_CONTRAST: Final = 120.0
#: Cells that a candidate fills at least, and its least length and height.
_SMALLEST_LINEAR: Final = 38
_SMALLEST_MATRIX: Final = 50
_SHORTEST: Final = 15
_LOWEST: Final = 3
#: Rows of a strip: bars are alike all along, so that more would only take longer to read.
_MOST_ROWS: Final = 120
#: Cells that are enough to tell a piece's direction and borders.
_ENOUGH: Final = 2000


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle that may hold a code: `length` across the bars (along `angle`, degrees), `height` along them, in pixels."""

    middle: Point
    angle: float
    length: float
    height: float
    strength: float = 0.0

    @property
    def quad(self) -> Quad:
        """Its corners."""
        a = np.deg2rad(self.angle)
        ux, uy = float(np.cos(a)) * self.length / 2, float(np.sin(a)) * self.length / 2
        vx, vy = -float(np.sin(a)) * self.height / 2, float(np.cos(a)) * self.height / 2
        x, y = self.middle
        return (x - ux - vx, y - uy - vy), (x + ux - vx, y + uy - vy), (x + ux + vx, y + uy + vy), (x - ux + vx, y - uy + vy)

    @staticmethod
    def of(quad: Quad) -> "Region":
        """The region that a reading with these corners reported; at least an eighth of its length high."""
        p = np.array(quad)
        left, right = (p[0] + p[3]) / 2, (p[1] + p[2]) / 2
        length = float(np.hypot(*(right - left)))
        height = float(max(np.hypot(*(p[3] - p[0])), np.hypot(*(p[2] - p[1])), length * 0.12))
        angle = float(np.rad2deg(np.arctan2(right[1] - left[1], right[0] - left[0])))
        x, y = (left + right) / 2
        return Region((float(x), float(y)), angle, length, height)


@dataclass(frozen=True, slots=True)
class Texture:
    """Where a picture holds something like a code: the linear candidates, best first, and how much other texture there is."""

    linear: list[Region]
    matrix: list[Region]


def find(gray: Gray, read: Sequence[Quad] = (), *, most: int = 8, work: int = 480) -> Texture:
    """Look for at most `most` candidates of a kind in a copy reduced to `work` pixels, outside the corners in `read`."""
    height, width = gray.shape
    scale = min(1.0, work / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cast("Gray", cv2.resize(gray, size, interpolation=cv2.INTER_AREA)) if scale < 1 else gray
    if min(small.shape) < 8:
        return Texture([], [])
    gx, gy = cv2.Scharr(small, cv2.CV_32F, 1, 0), cv2.Scharr(small, cv2.CV_32F, 0, 1)
    cells = (max(1, small.shape[1] // _CELL), max(1, small.shape[0] // _CELL))
    products = [cv2.resize(cv2.multiply(a, b), cells, interpolation=cv2.INTER_AREA) for a, b in ((gx, gx), (gy, gy), (gx, gy))]
    dark, light = np.percentile(small[::4, ::4], (1, 99))
    faintest = max(_FAINTEST_OF_ALL, _FAINTEST * min(1.0, float(light - dark) / _USUAL_CONTRAST))
    scale *= cells[0] / small.shape[1]
    fresh = _outside(products[0].shape, read, scale)
    linear: list[Region] = []
    matrix: list[Region] = []
    for window in _WINDOWS:
        k = min(window, (min(cells) // 2) | 1)
        jx, jy, jxy = (cast("Field", cv2.boxFilter(p, -1, (k, k))) for p in products)
        total = cv2.add(jx, jy)
        energy = cast("Field", cv2.sqrt(total))
        busy = energy > max(faintest, 0.35 * float(np.percentile(energy[::2, ::2], 99)))
        busy &= fresh
        if np.count_nonzero(busy) < _SMALLEST_LINEAR:
            continue
        coherence = cv2.divide(cv2.magnitude(cv2.subtract(jx, jy), jxy + jxy), total + 1e-3)
        linear += _linear(busy & (coherence > 0.6), (jx, jy, jxy), k, most)
        if window == _WINDOWS[-1]:
            matrix = _matrix(busy, most)
    return Texture(_distinct(linear, scale, most), _distinct(matrix, scale, most))


def _outside(shape: tuple[int, ...], read: Sequence[Quad], scale: float) -> NDArray[np.bool_]:
    """Where nothing was read yet; quiet zones and digits belong to what was read."""
    mask = np.ones(shape, np.uint8)
    for quad in read:
        region = Region.of(quad)
        margin = 0.3 * min(region.length, region.height)
        grown = replace(region, length=region.length + 2 * margin, height=region.height + 2 * margin).quad
        cv2.fillConvexPoly(mask, np.rint(np.array(grown) * scale).astype(np.int32), (0,))
    return mask.astype(np.bool_)


def cut(gray: Gray, region: Region, width: int, *, margin: float = 1.25) -> View:
    """Cut `region` out about `width` pixels wide, bars upright, with room for the quiet zones; enlarged at most four times."""
    factor = min(4.0, max(width / (region.length * margin), 0.25))
    factor = max(factor, min(1.0, 2400 / (region.length * margin)))
    columns = max(1, int(region.length * margin * factor))
    height = max(24.0, region.height * 0.8 * factor)
    rows = int(min(height, _MOST_ROWS))
    how = cv2.INTER_CUBIC if factor > 1 else cv2.INTER_LINEAR
    back = _upright(region, factor, columns, rows, squeeze=height / rows)
    pixels = cv2.warpAffine(gray, back[:2], (columns, rows), flags=how | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
    return View(cast("Gray", pixels), back)


def cut_exact(gray: Gray, region: Region, factor: float, columns: int, rows: int) -> Gray:
    """Cut `columns` x `rows` pixels about the middle of `region`, enlarged `factor` times, bars upright, without ringing."""
    source = cv2.GaussianBlur(gray, (0, 0), 0.5 / factor) if factor < 0.6 else gray
    back = _upright(region, factor, columns, rows)
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cast("Gray", cv2.warpAffine(source, back[:2], (columns, rows), flags=how, borderMode=cv2.BORDER_REPLICATE))


def _upright(region: Region, factor: float, columns: int, rows: int, *, squeeze: float = 1.0) -> NDArray[np.float64]:
    """The map from a strip's pixels to the picture's; each row stands for `squeeze` rows."""
    a = np.deg2rad(region.angle)
    c, s = float(np.cos(a)) / factor, float(np.sin(a)) / factor
    cv, sv = c * squeeze, s * squeeze
    x, y = region.middle
    return np.array(
        [[c, -sv, x - c * columns / 2 + sv * rows / 2], [s, cv, y - s * columns / 2 - cv * rows / 2], [0.0, 0.0, 1.0]]
    )


def _components(mask: Gray, most: int, least: int) -> Iterator[tuple[Any, Any, NDArray[np.bool_], int]]:
    """The largest connected pieces of `mask`: columns and rows (slices), the piece in them, its area."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    areas = stats[1:, cv2.CC_STAT_AREA]
    for i in np.argsort(-areas, kind="stable")[:most] + 1:
        area = int(stats[i, cv2.CC_STAT_AREA])
        if area < least:
            return
        x, y, w, h = (int(v) for v in stats[i, :4])
        columns, rows = slice(x, x + w), slice(y, y + h)
        yield columns, rows, cast("NDArray[np.bool_]", labels[rows, columns] == i), area


def _linear(mask: NDArray[np.bool_], tensor: tuple[Field, Field, Field], k: int, most: int) -> Iterator[Region]:
    jx, jy, jxy = tensor
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    if k > _WINDOWS[0]:  # the narrow window keeps bars apart from the print above them
        opened = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, np.ones((k // 2 | 1, k // 2 | 1), np.uint8))
    for columns, rows, piece, area in _components(cast("Gray", opened), most, _SMALLEST_LINEAR):
        ys, xs = np.nonzero(piece)
        step = 1 + area // _ENOUGH
        ys, xs = ys[::step] + rows.start, xs[::step] + columns.start
        a, b, c = (float(j[ys, xs].sum()) for j in (jx, jy, jxy))
        coherence = float(np.hypot(a - b, 2 * c)) / (a + b + 1e-6)
        if coherence < 0.5:
            continue
        angle = 0.5 * float(np.arctan2(2 * c, a - b))  # the gradient's direction: across the bars
        region = _box(xs, ys, angle, area * coherence * coherence)
        if region.length >= _SHORTEST and region.height >= _LOWEST:
            yield region


def _matrix(mask: NDArray[np.bool_], most: int) -> list[Region]:
    """Blobs of texture, whatever its direction: a matrix code, or text, or leaves, which only an engine can tell."""
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    found: list[Region] = []
    for columns, rows, _, area in _components(cast("Gray", closed), most, _SMALLEST_MATRIX):
        width, height = columns.stop - columns.start, rows.stop - rows.start
        found.append(Region((columns.start + width / 2, rows.start + height / 2), 0.0, width, height, area))
    return found


def _box(xs: NDArray[np.int64], ys: NDArray[np.int64], angle: float, strength: float) -> Region:
    c, s = float(np.cos(angle)), float(np.sin(angle))
    u, v = xs * c + ys * s, ys * c - xs * s
    (u0, u1), (v0, v1) = np.percentile(u, (1, 99)), np.percentile(v, (2, 98))
    um, vm = float(u0 + u1) / 2, float(v0 + v1) / 2
    middle = um * c - vm * s + 0.5, um * s + vm * c + 0.5  # a cell's middle, not its corner
    return Region(middle, float(np.rad2deg(angle)), float(u1 - u0) + 1, float(v1 - v0) + 1, strength)


def _distinct(regions: list[Region], scale: float, most: int) -> list[Region]:
    """Best first, near-doubles of the two windows dropped, in pixels of the full picture."""
    kept: list[Region] = []
    for r in sorted(regions, key=lambda r: -r.strength):
        if all(
            abs(r.middle[0] - k.middle[0]) + abs(r.middle[1] - k.middle[1]) > 0.25 * k.length
            or abs(r.length - k.length) > 0.3 * k.length
            for k in kept
        ):
            kept.append(r)
    x = 1 / scale
    return [Region((r.middle[0] * x, r.middle[1] * x), r.angle, r.length * x, r.height * x, r.strength) for r in kept[:most]]
