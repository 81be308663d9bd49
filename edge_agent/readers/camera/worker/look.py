"""A look at a source, for `plumbline edge check`."""

import time
from contextlib import closing
from typing import Final

import cv2
import numpy as np

from edge_agent.decode import decode
from edge_agent.readers.camera.messages import Code, Look, Looked
from edge_agent.readers.camera.worker.condition import condition_of
from edge_agent.readers.camera.worker.framing import aimed
from edge_agent.readers.camera.worker.motion import Gray, thumb_of
from edge_agent.readers.camera.worker.pictures import codes_of
from edge_agent.readers.camera.worker.source import OpenSource

#: So many frames are looked at in any case: the first ones of a camera are often too dark or blurred.
_FRAMES: Final = 10


def look(request: Look) -> Looked:
    """Open, read frames until one shows a code or patience ends, and tell. Raises `SourceError`."""
    end_s = time.monotonic() + request.patience_s
    codes: tuple[Code, ...] = ()
    gray: Gray | None = None
    with closing(OpenSource(request.source)) as source:
        source.open()
        began_s, frames = time.monotonic(), 0
        while time.monotonic() < end_s and not (codes and frames >= _FRAMES) and source.fetch() is not None:
            frames += 1
            pixels = source.pixels()
            if pixels is not None:
                pixels = aimed(pixels, request.aim)
                gray = np.asarray(pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)
                codes = codes or codes_of(decode(gray, budget_ms=request.budget_ms))
        if gray is None:
            raise source.silent()
        width, height = source.size
        fps = source.fps or frames / max(time.monotonic() - began_s, 1e-3)
    return Looked(width, height, fps, condition_of(gray, thumb_of(gray)), codes)
