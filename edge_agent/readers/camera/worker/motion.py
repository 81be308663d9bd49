"""Whether a frame shows something that the frame read before did not, for the price of a thumbnail.

A lamp, a cloud and the camera's own exposure change a picture as a whole or in bands: that is taken off first. What
remains is held against the noise of this camera at this hour, which is measured between frames that follow each other.
"""

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]
Thumb = NDArray[np.float32]

#: A cell of the thumbnail is the mean of at least this many pixels squared: noise averages out, a label's corner stays.
_CELL: Final = 8
_LARGEST: Final = 192
#: Grey levels by which a cell must differ: video coding alone moves it by a few.
_LEAST_STEP: Final = 6.0
#: And so many times the noise.
_NOISES: Final = 7.0
#: Cells that must differ: fewer are a fly, or a hot pixel.
_LEAST_CELLS: Final = 3
#: Share of the newest measurement in the noise.
_GAIN: Final = 0.1
#: A step this many times the usual one is movement.
_MOVING: Final = 3.0
#: Of a normal distribution: standard deviation from the mean absolute difference of two draws. (The median would do
#: better against movement, but grey levels are whole numbers, and so is it.)
_DEVIATION: Final = 1.2533 / 2**0.5


def thumb_of(gray: Gray) -> Thumb:
    """The thumbnail of a grey frame."""
    height, width = gray.shape
    cell = max(_CELL, -(-max(width, height) // _LARGEST))
    size = max(1, width // cell), max(1, height // cell)
    return cv2.resize(gray, size, interpolation=cv2.INTER_AREA).astype(np.float32)


class Motion:
    """Compares frames with the one that was read last."""

    def __init__(self) -> None:
        self._read: Thumb | None = None
        self._before: Thumb | None = None
        self._noise: float | None = None

    def differs(self, thumb: Thumb) -> bool:
        """Whether `thumb` shows something new. Call it for each frame in turn: the noise is learnt on the way."""
        before, self._before = self._before, thumb
        if before is not None and before.shape == thumb.shape:
            steps = np.abs(_residue(thumb, before))
            usual = np.minimum(steps, _MOVING * (np.median(steps) + 1))  # what moves is no noise
            noise = float(usual.mean()) * _DEVIATION
            self._noise = noise if self._noise is None else self._noise + _GAIN * (noise - self._noise)
        if self._read is None or self._read.shape != thumb.shape:
            return True
        step = max(_LEAST_STEP, _NOISES * (self._noise or 0.0))
        return int(np.count_nonzero(np.abs(_residue(thumb, self._read)) > step)) >= _LEAST_CELLS

    def has_read(self, thumb: Thumb) -> None:
        """Compare with this frame from now on."""
        self._read = thumb


def _residue(new: Thumb, old: Thumb) -> NDArray[Any]:
    """What differs besides brightness, contrast and the bands of mains light."""
    new_level, old_level = float(np.median(new)), float(np.median(old))
    gain = (old_level + 1) / (new_level + 1)
    difference = new * np.float32(min(max(gain, 0.25), 4.0)) - old
    difference -= np.median(difference)
    return difference - np.median(difference, axis=1, keepdims=True)
