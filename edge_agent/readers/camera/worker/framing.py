"""The part of a picture that is read."""

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.readers.camera.messages import Aim

_TURNS: Final = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


def aimed(picture: NDArray[Any], aim: Aim) -> NDArray[Any]:
    """Turn `picture` and cut it to the region of `aim`; at least one pixel of it."""
    if aim.rotate in _TURNS:
        picture = cv2.rotate(picture, _TURNS[aim.rotate])
    if aim.region is None:
        return picture
    height, width = picture.shape[:2]
    left, top, right, bottom = aim.region
    x, y = min(int(left * width), width - 1), min(int(top * height), height - 1)
    cut = picture[y : max(y + 1, round(bottom * height)), x : max(x + 1, round(right * width))]
    return np.ascontiguousarray(cut)
