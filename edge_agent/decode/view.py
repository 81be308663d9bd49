"""A picture, or a piece of it, in some treatment, that remembers where its pixels came from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.decode.picture import Gray

Matrix = NDArray[np.float64]
Point = tuple[float, float]
#: Top left, top right, bottom right, bottom left, as the symbol sees itself.
Quad = tuple[Point, Point, Point, Point]

_IDENTITY: Final = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Grey pixels, and the affine map (3 x 3) from their coordinates to those of the picture."""

    pixels: Gray
    to_picture: Matrix

    @staticmethod
    def of(pixels: Gray) -> "View":
        """The whole picture as it is."""
        return View(pixels, _IDENTITY)

    @property
    def width(self) -> int:
        """Columns."""
        return self.pixels.shape[1]

    @property
    def height(self) -> int:
        """Rows."""
        return self.pixels.shape[0]

    def locate(self, quad: Quad) -> Quad:
        """Bring corners from this view to the picture."""
        at = np.c_[np.array(quad, np.float64), np.ones(4)] @ self.to_picture.T
        a, b, c, d = ((float(x), float(y)) for x, y in at[:, :2])
        return a, b, c, d

    def treated(self, treatment: Callable[[Gray], Gray]) -> "View":
        """Change the pixels, not their places."""
        return View(treatment(self.pixels), self.to_picture)

    def scaled(self, factor: float) -> "View":
        """Enlarge (cubic) or reduce (by area)."""
        how = cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA
        pixels = cv2.resize(
            self.pixels, (max(1, round(self.width * factor)), max(1, round(self.height * factor))), interpolation=how
        )
        back = np.diag([self.width / pixels.shape[1], self.height / pixels.shape[0], 1.0])
        return View(cast("Gray", pixels), self.to_picture @ back)

    def limited(self, megapixels: float) -> "View":
        """Reduce to at most so many megapixels; smaller views stay as they are."""
        factor = (megapixels * 1e6 / self.pixels.size) ** 0.5
        return self if factor >= 1 else self.scaled(factor)

    def turned(self, degrees: float) -> "View":
        """Turn about the middle, on white, large enough to lose nothing."""
        a = np.deg2rad(degrees)
        c, s = abs(np.cos(a)), abs(np.sin(a))
        width, height = int(self.width * c + self.height * s), int(self.width * s + self.height * c)
        forth = np.eye(3)
        forth[:2] = cv2.getRotationMatrix2D((self.width / 2, self.height / 2), degrees, 1.0)
        forth[0, 2] += (width - self.width) / 2
        forth[1, 2] += (height - self.height) / 2
        pixels = cv2.warpAffine(self.pixels, forth[:2], (width, height), flags=cv2.INTER_LINEAR, borderValue=(255.0,))
        return View(cast("Gray", pixels), self.to_picture @ np.linalg.inv(forth))

    def quarter_turned(self, times: int) -> "View":
        """Turn by `times` right angles, counter-clockwise, pixel by pixel."""
        pixels = np.ascontiguousarray(np.rot90(self.pixels, times))
        height, width = pixels.shape
        back = {
            1: [[0.0, -1.0, self.width], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]],
            2: [[-1.0, 0.0, width], [0.0, -1.0, height], [0.0, 0.0, 1.0]],
            3: [[0.0, 1.0, 0.0], [-1.0, 0.0, self.height], [0.0, 0.0, 1.0]],
        }
        return View(pixels, self.to_picture @ np.array(back[times]))

    def cropped(self, left: float, top: float, right: float, bottom: float) -> "View":
        """The part between these edges, clipped to the view."""
        x0, y0 = max(0, int(left)), max(0, int(top))
        x1, y1 = min(self.width, max(x0 + 1, int(right))), min(self.height, max(y0 + 1, int(bottom)))
        shift = np.eye(3)
        shift[:2, 2] = x0, y0
        return View(self.pixels[y0:y1, x0:x1], self.to_picture @ shift)


def centre(quad: Quad) -> Point:
    """Middle of the four corners."""
    return sum(x for x, _ in quad) / 4, sum(y for _, y in quad) / 4


def extent(quad: Quad) -> float:
    """The longer of the top and the left side, in pixels."""
    (ax, ay), (bx, by), _, (dx, dy) = quad
    return float(max(np.hypot(bx - ax, by - ay), np.hypot(dx - ax, dy - ay)))


def contains(quad: Quad, point: Point, margin: float = 0.0) -> bool:
    """Tell whether `point` lies inside `quad` or at most `margin` pixels outside."""
    hull = cv2.convexHull(np.array(quad, np.float32))
    return cv2.pointPolygonTest(hull, point, measureDist=True) >= -margin
