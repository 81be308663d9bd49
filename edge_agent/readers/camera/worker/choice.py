"""Which frames are read: the sharpest of those that show something new since the last one, at most one in an interval."""

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.readers.camera.worker.motion import Gray, Motion, Thumb, thumb_of

#: A camera that finds its focus changes no thumbnail, but gets sharper by this factor.
_SHARPER: Final = 1.3
_SHARPER_LEAST: Final = 2.0
#: After a change so many frames are read before stillness is believed: a reading may fail by noise alone.
_LOOKS: Final = 3
#: Sharpness is judged at this width.
_JUDGED_PIXELS: Final = 640
#: Cameras are not punctual: a frame that comes so much too early is due.
_PUNCTUAL_S: Final = 0.01
#: A candidate older than this (or the interval) gives way to the present.
_FRESH_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that was chosen to be read."""

    number: int
    at_s: float
    pixels: NDArray[Any]
    gray: Gray
    thumb: Thumb
    sharpness: float
    changed: bool
    """It shows something that the frame read before did not."""


class Choice:
    """Offered every frame, gives those worth reading.

    Args:
        interval_s: time between two frames that are read.
        still_s: a scene without any change is read again after this time; 0: every interval.
    """

    def __init__(self, interval_s: float, still_s: float) -> None:
        self._interval_s = interval_s
        self._still_s = still_s
        self._motion = Motion()
        self._candidate: Frame | None = None
        self._read: Frame | None = None
        self._taken_s = 0.0
        self._looks = 0
        self._still_at_s: float | None = None
        self.newest_s: float | None = None
        """The time of the newest frame that was offered."""
        self.newest: tuple[Gray, Thumb] | None = None

    def offer(self, pixels: NDArray[Any], number: int, at_s: float) -> None:
        """Consider a frame. `at_s` grows from one to the next."""
        gray = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
        gray = np.asarray(gray, np.uint8)
        thumb, sharpness = thumb_of(gray), sharpness_of(gray)
        self.newest_s, self.newest = at_s, (gray, thumb)
        differs = self._motion.differs(thumb)
        changed = differs or self._read is None or sharpness > self._read.sharpness * _SHARPER + _SHARPER_LEAST
        wanted = changed or self._looks < _LOOKS or self._read is None or at_s - self._read.at_s >= self._still_s
        held = self._candidate
        self._still_at_s = at_s if not changed and (held is None or not held.changed) else None
        if not wanted:
            return
        if held is None or self._better(changed, sharpness, at_s, than=held):
            changed = changed or (held is not None and held.changed)
            self._candidate = Frame(number, at_s, pixels, gray, thumb, sharpness, changed)

    def _better(self, changed: bool, sharpness: float, at_s: float, *, than: Frame) -> bool:
        """A label that passed while the decoder was busy does not give way to the empty yard behind it."""
        stale = at_s - than.at_s > max(_FRESH_S, self._interval_s)
        return (changed and not than.changed) or (changed == than.changed and (stale or sharpness > than.sharpness))

    def take(self) -> Frame | None:
        """The frame that is to be read now, if one is due."""
        return self.rest() if self.due else None

    @property
    def due(self) -> bool:
        """A frame is to be read now."""
        if self._candidate is None or self.newest_s is None:
            return False
        return self._read is None or self.newest_s - self._taken_s >= self._interval_s - _PUNCTUAL_S

    def rest(self) -> Frame | None:
        """What is left when no more frames come, due or not."""
        return None if self._candidate is None else self._taken(self._candidate)

    def still(self) -> float | None:
        """Since which frame's time the scene is known to be the one read last; `None`: it is not, or was told already."""
        at_s, self._still_at_s = self._still_at_s, None
        return at_s

    def _taken(self, frame: Frame) -> Frame:
        self._candidate = None
        self._taken_s = frame.at_s if self.newest_s is None else self.newest_s
        self._looks = 1 if frame.changed else self._looks + 1
        self._motion.has_read(frame.thumb)
        self._read = frame
        return frame


def sharpness_of(gray: Gray) -> float:
    """How much fine detail a frame has; compares frames of one camera."""
    scale = _JUDGED_PIXELS / max(gray.shape)
    small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else gray
    return float(cv2.Laplacian(small, cv2.CV_16S, ksize=3).var())
