"""What is wrong with a camera's picture: frozen, black, covered, out of focus. Each is told once, until it is over."""

import zlib
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.readers.camera.worker.motion import Gray, Thumb

#: Mean grey level of a picture without light.
_BLACK: Final = 12.0
#: Standard deviation, in grey levels, of a picture of nothing: a cap, a wall of fog, tape over the lens.
_FLAT: Final = 4.0
#: Grey levels between the dark and the bright parts, below which nobody can tell whether a picture is sharp.
_CONTRAST: Final = 40.0
#: The steepest edges of a sharp picture climb this share of its contrast in one pixel. Blur of deviation σ pixels leaves
#: 0.4 / σ of it; bars of three pixels are lost at σ = 4.
_STEEP: Final = 0.12
#: Share of the pixels that count as the steepest.
_STEEPEST: Final = 99.95
#: A finding is believed when it lasts: trucks pass close by, cameras search for their focus.
_LASTS_S: Final = 5.0

GOOD: Final = "sharp enough"
_SENTENCES: Final = {
    "black": "the picture is black; check the lens cap and the light",
    "covered": "the picture shows one flat surface; check that nothing covers the lens, and clean it",
    "out of focus": "the picture is out of focus; check the camera's focus and distance, and clean the lens",
}


def condition_of(gray: Gray, thumb: Thumb) -> str:
    """`black`, `covered`, `out of focus`, or `sharp enough`; the last also where nothing tells."""
    if float(thumb.std()) < _FLAT:
        return "black" if float(thumb.mean()) < _BLACK else "covered"
    dark, bright = np.percentile(thumb, (2, 98))
    if bright - dark < _CONTRAST:
        return GOOD
    calm = cv2.medianBlur(gray, 3)  # a noisy pixel is no edge
    steps = np.maximum(cv2.absdiff(calm[:, 1:], calm[:, :-1])[:-1], cv2.absdiff(calm[1:], calm[:-1])[:, :-1])
    steepest = float(np.percentile(steps, _STEEPEST))
    return GOOD if steepest >= _STEEP * (bright - dark) else "out of focus"


class Watchman:
    """Looks at a live camera's frames.

    Args:
        frozen_s: a camera that sends the same bytes for this long is frozen: no sensor is so quiet. 0: not looked at.
    """

    def __init__(self, frozen_s: float) -> None:
        self._frozen_s = frozen_s
        self._sum: int | None = None
        self._same_since_s = 0.0
        self._frozen = False
        self._found = GOOD
        self._since_s = 0.0
        self._told = GOOD

    def look(self, pixels: NDArray[Any], gray: Gray, thumb: Thumb, at_s: float) -> list[str]:
        """What is newly wrong, in sentences. Called about every second; `at_s` grows."""
        told: list[str] = []
        if self._frozen_s:
            now = zlib.crc32(np.ascontiguousarray(pixels).data)
            if now != self._sum:
                self._sum, self._same_since_s, self._frozen = now, at_s, False
            elif not self._frozen and at_s - self._same_since_s >= self._frozen_s:
                self._frozen = True
                seconds = f"{self._frozen_s:g}"
                told.append(f"has sent the same picture to the byte for {seconds} s; restart the camera or its recorder")
        found = condition_of(gray, thumb)
        if found != self._found:
            self._found, self._since_s = found, at_s
        if found != self._told and at_s - self._since_s >= _LASTS_S:
            self._told = found
            if found != GOOD:
                told.append(_SENTENCES[found])
        return told
