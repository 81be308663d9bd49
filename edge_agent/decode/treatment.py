"""What is done to grey pixels so that an engine sees the bars: each takes and gives an 8-bit grey image of the same size."""

from typing import Final, cast

import cv2
import numpy as np

from edge_agent.decode.picture import Gray

#: Noise against signal, as the Wiener filter takes it: less makes it sharper, and sees bars in noise.
_NOISE: Final = 0.001


def sharpened(gray: Gray, amount: float, sigma: float) -> Gray:
    """Unsharp mask: adds `amount` times what a Gaussian of `sigma` pixels took away."""
    return cast("Gray", cv2.addWeighted(gray, 1 + amount, cv2.GaussianBlur(gray, (0, 0), sigma), -amount, 0))


def softened(gray: Gray, sigma: float = 1.0) -> Gray:
    """Gaussian blur: joins print dots, drops sensor noise."""
    return cast("Gray", cv2.GaussianBlur(gray, (0, 0), sigma))


def equalised(gray: Gray) -> Gray:
    """Contrast-limited adaptive histogram equalisation: lifts what lies in shadow."""
    return cast("Gray", cv2.createCLAHE(3.0, (8, 8)).apply(gray))


def thresholded(gray: Gray, block: int = 61, offset: float = 7) -> Gray:
    """Black and white against the mean of the neighbourhood of `block` (odd) pixels."""
    smooth = cv2.GaussianBlur(gray, (3, 3), 0)
    return cast("Gray", cv2.adaptiveThreshold(smooth, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, block, offset))


def flattened(gray: Gray) -> Gray:
    """Divide by the local white level: takes away shadow and glare."""
    height, width = gray.shape
    factor = min(1.0, 400 / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    kernel = max(7, int(max(15, min(height, width) * 0.08) * factor)) | 1
    white = cv2.GaussianBlur(cv2.dilate(small, np.ones((kernel, kernel), np.uint8)), (0, 0), kernel / 2)
    return cast("Gray", cv2.divide(gray, cv2.resize(white, (width, height), interpolation=cv2.INTER_LINEAR), scale=255))


def deblurred(strip: Gray, sigma: float) -> Gray:
    """Take a Gaussian blur of `sigma` pixels out of a strip whose rows are alike, and level its shadows (Wiener filter)."""
    columns = strip.shape[1]
    profile = strip.mean(0, dtype=np.float32)[None]
    window = np.ones((1, columns // 8 | 1), np.uint8)
    light, dark = (cv2.blur(extreme(profile, window), window.shape[::-1]) for extreme in (cv2.dilate, cv2.erode))
    level = ((profile - dark) / np.maximum(light - dark, 8))[0]
    spectrum = np.fft.rfft(np.concatenate([level, level[::-1]]))  # mirrored: no step from the right end to the left one
    passed = np.exp(-2 * (np.pi * sigma * np.fft.rfftfreq(2 * columns)) ** 2)
    sharp = np.fft.irfft(spectrum * passed * (1 + _NOISE) / (passed * passed + _NOISE), 2 * columns)[:columns]
    low, high = np.percentile(sharp, (2, 98))
    row = np.clip((sharp - low) * 235 / max(high - low, 1e-6) + 10, 0, 255).astype(np.uint8)
    return np.repeat(row[None], 16, 0)


def averaged_along_bars(strip: Gray) -> Gray:
    """Average each column over about half the height of a strip with upright bars."""
    return cast("Gray", cv2.blur(strip, (1, max(3, strip.shape[0] // 2 | 1))))
