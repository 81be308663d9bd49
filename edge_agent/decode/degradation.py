"""What spoils a photo of a label: each takes a grey picture, a random generator and how badly (0: hardly, 1: very)."""

from collections.abc import Callable
from typing import Final, cast

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge_agent.decode.picture import Gray

Degradation = Callable[[Gray, Generator, float], Gray]


def motion_blurred(gray: Gray, rng: Generator, badly: float) -> Gray:
    """The hand moved: a streak of 2 to 14 pixels in any direction."""
    length = 2 + 12 * badly
    size = int(length) // 2 * 2 + 3
    a = rng.uniform(0, np.pi)
    half = np.array([np.cos(a), np.sin(a)]) * length / 2
    streak = np.zeros((size * 8, size * 8), np.uint8)
    middle = size * 4
    ends = [(round(middle + s * half[0] * 8), round(middle + s * half[1] * 8)) for s in (-1, 1)]
    cv2.line(streak, ends[0], ends[1], (255,), 8, cv2.LINE_AA)
    kernel = cv2.resize(streak.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    return cast("Gray", cv2.filter2D(gray, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE))


def defocused(gray: Gray, rng: Generator, badly: float) -> Gray:
    """The camera looked elsewhere: Gaussian blur of 0.8 to 3.5 pixels."""
    return cast("Gray", cv2.GaussianBlur(gray, (0, 0), 0.8 + 2.7 * badly * rng.uniform(0.8, 1)))


def skewed(gray: Gray, rng: Generator, badly: float) -> Gray:
    """Seen from the side: each corner moves in by up to 22 % of the picture."""
    height, width = gray.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    inwards = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]], np.float32)
    moved = corners + inwards * rng.uniform(0, 0.04 + 0.18 * badly, (4, 2)).astype(np.float32) * (width, height)
    how = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    return cast("Gray", cv2.warpPerspective(gray, how, (width, height), borderMode=cv2.BORDER_REPLICATE))


def turned(gray: Gray, rng: Generator, badly: float) -> Gray:
    """Held at an angle: 5 to 90 degrees either way."""
    height, width = gray.shape
    degrees = float(rng.choice((-1, 1))) * (5 + 85 * badly * rng.uniform(0.3, 1))
    how = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return cast("Gray", cv2.warpAffine(gray, how, (width, height), borderMode=cv2.BORDER_REPLICATE))


def dim(gray: Gray, rng: Generator, badly: float) -> Gray:
    """Low light: contrast down to a tenth, a falling-off of light, sensor noise."""
    height, width = gray.shape
    contrast = 0.6 - 0.5 * badly
    slope = np.linspace(1, rng.uniform(0.4, 1), width)[None] * np.linspace(1, rng.uniform(0.4, 1), height)[:, None]
    seen = 12 + gray * slope * contrast + rng.normal(0, 3 + 9 * badly, gray.shape)
    return np.clip(seen, 0, 255).astype(np.uint8)


def dirty(gray: Gray, rng: Generator, badly: float) -> Gray:
    """Mud, scratches and a torn edge over the middle of the picture, where the code is."""
    height, width = gray.shape
    soiled = gray.copy()
    for _ in range(int(2 + 10 * badly)):
        at = (int(width * rng.uniform(0.2, 0.8)), int(height * rng.uniform(0.25, 0.75)))
        axes = tuple(int(v) for v in rng.uniform(2, 3 + 0.03 * width * badly, 2))
        cv2.ellipse(soiled, at, axes, float(rng.uniform(0, 180)), 0, 360, (int(rng.uniform(20, 240)),), -1, cv2.LINE_AA)
    for _ in range(int(1 + 5 * badly)):
        ends = [(int(width * rng.uniform(0.1, 0.9)), int(height * rng.uniform(0.1, 0.9))) for _ in range(2)]
        cv2.line(soiled, ends[0], ends[1], (int(rng.choice((30, 230))),), int(rng.integers(1, 4)), cv2.LINE_AA)
    return cast("Gray", cv2.GaussianBlur(soiled, (0, 0), 0.7))


def glaring(gray: Gray, rng: Generator, badly: float) -> Gray:
    """A lamp in the foil: one or two soft white spots near the middle, and washed-out contrast."""
    height, width = gray.shape
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    seen = 255 - (255 - gray.astype(np.float32)) * (1 - 0.4 * badly)
    for _ in range(int(rng.integers(1, 3))):
        x, y = width * rng.uniform(0.3, 0.7), height * rng.uniform(0.3, 0.7)
        radii = width * rng.uniform(0.03, 0.05 + 0.12 * badly), height * rng.uniform(0.03, 0.05 + 0.12 * badly)
        spot = np.exp(-(((xs - x) / radii[0]) ** 2) - ((ys - y) / radii[1]) ** 2)
        seen += spot * (120 + 260 * badly)
    return np.clip(seen, 0, 255).astype(np.uint8)


def coarse(gray: Gray, rng: Generator, badly: float) -> Gray:
    """Too far away: reduced to between 75 % and 35 % of its pixels a side."""
    factor = float(np.clip(0.75 - 0.4 * badly * rng.uniform(0.8, 1), 0.3, 1))
    return cast("Gray", cv2.resize(gray, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))


def crushed(gray: Gray, rng: Generator, badly: float) -> Gray:
    """Sent by a messenger: JPEG at a quality of 60 down to 12."""
    quality = int(60 - 48 * badly * rng.uniform(0.7, 1))
    _, data = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cast("Gray", cv2.imdecode(cast("NDArray[np.uint8]", data), cv2.IMREAD_GRAYSCALE))


#: By the name that the figures show; in the order in which they happen to light on its way to the file.
DEGRADATIONS: Final[dict[str, Degradation]] = {
    "dirt": dirty,
    "glare": glaring,
    "skew": skewed,
    "turned": turned,
    "defocus": defocused,
    "motion": motion_blurred,
    "low resolution": coarse,
    "low light": dim,
    "jpeg": crushed,
}
