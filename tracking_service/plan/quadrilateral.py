"""A picture on four corners: the projective map between the plane and the picture, whose straight lines stay straight.

For a parallelogram, which a plan's corners nearly always are, it is the affine one. The map of the unit square onto a
quadrilateral is that of P. Heckbert, Fundamentals of Texture Mapping and Image Warping (1989), section 2.2.3.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

Corner = tuple[float, float]
Matrix = tuple[float, float, float, float, float, float, float, float, float]
"""Row by row; applied to (x, y, 1)."""

#: A corner whose sides enclose less than this, measured by the square of the longest side, is no corner.
_FLAT: Final = 1e-6


def is_convex(corners: Sequence[Corner]) -> bool:
    """Whether the four corners go around a convex quadrilateral, either way."""
    ring = [*corners, corners[0], corners[1]]
    sides = [(x2 - x1, y2 - y1) for (x1, y1), (x2, y2) in pairwise(ring)]
    extent = max(max(abs(x), abs(y)) for x, y in sides)
    if not extent:
        return False
    turns = [(ax * by - ay * bx) / extent / extent for (ax, ay), (bx, by) in pairwise(sides)]
    return all(turn > _FLAT for turn in turns) or all(turn < -_FLAT for turn in turns)


def onto_unit_square(corners: Sequence[Corner]) -> Matrix:
    """The map of a convex quadrilateral (top left, top right, bottom right, bottom left) onto (0, 0), (1, 0), (1, 1), (0, 1)."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
    sum_x, sum_y = x0 - x1 + x2 - x3, y0 - y1 + y2 - y3
    dx1, dy1, dx2, dy2 = x1 - x2, y1 - y2, x3 - x2, y3 - y2
    determinant = dx1 * dy2 - dx2 * dy1
    g = (sum_x * dy2 - dx2 * sum_y) / determinant
    h = (dx1 * sum_y - sum_x * dy1) / determinant
    return _inverse((x1 - x0 + g * x1, x3 - x0 + h * x3, x0, y1 - y0 + g * y1, y3 - y0 + h * y3, y0, g, h, 1.0))


def product(left: Matrix, right: Matrix) -> Matrix:
    """First `right`, then `left`."""
    a, b, c, d, e, f, g, h, i = left
    columns = [right[n::3] for n in range(3)]
    rows = ((a, b, c), (d, e, f), (g, h, i))
    p, q, r, s, t, u, v, w, x = (sum(m * n for m, n in zip(row, column, strict=True)) for row in rows for column in columns)
    return p, q, r, s, t, u, v, w, x


def area(corners: Sequence[Corner]) -> float:
    """What the corners enclose (shoelace formula)."""
    x0, y0 = corners[0]
    ring = [(x - x0, y - y0) for x, y in (*corners, corners[0])]
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairwise(ring))) / 2


def _inverse(matrix: Matrix) -> Matrix:
    """Up to a factor, which a projective map does not have."""
    a, b, c, d, e, f, g, h, i = matrix
    return (
        e * i - f * h,
        c * h - b * i,
        b * f - c * e,
        f * g - d * i,
        a * i - c * g,
        c * d - a * f,
        d * h - e * g,
        b * g - a * h,
        a * e - b * d,
    )
