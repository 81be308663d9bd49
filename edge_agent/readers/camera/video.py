"""Frames from OpenCV: a camera at this machine, a network camera, a recorded video.

Everything here blocks and belongs in one thread: the stream's own.
"""

import time
from typing import Any, Final

import cv2
from numpy.typing import NDArray

from edge_agent.reader import ReaderError

#: A network camera that does not answer, or sends no frame, for this long is unreachable.
_TIMEOUT_MS: Final = 10_000
#: Frames that may fail in a row: USB cameras deliver broken ones while they wake up.
_PATIENCE: Final = 10


class Video:
    """An open or closed video source. `source` is a number, a path or a URL; a `live` one is waited for, a file ends."""

    def __init__(self, *, name: str, source: int | str, live: bool, interval_s: float) -> None:
        self._name = name
        self._source = source
        self._live = live
        self._interval_s = interval_s
        self._capture: cv2.VideoCapture | None = None
        self._due_s = 0.0

    @property
    def ends(self) -> bool:
        """It is a recording."""
        return not self._live

    def open(self) -> None:
        """Connect. Raises `ReaderError`."""
        timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _TIMEOUT_MS]
        if isinstance(self._source, str) and not self._source.startswith("/dev/"):
            capture = cv2.VideoCapture(self._source, cv2.CAP_FFMPEG, timeouts)
        else:
            capture = cv2.VideoCapture(self._source)
        if not capture.isOpened():
            capture.release()
            raise ReaderError(self._name, f"cannot open {self._shown}", self._check)
        self._capture, self._due_s = capture, 0.0

    def next_frame(self) -> tuple[NDArray[Any], float] | None:
        """The next frame that is due (BGR) and its time in seconds; `None` at the end of a recording.

        Frames in between are fetched and dropped, so that a slow decoder sees the present, not a queue of the past.
        Raises `ReaderError` where the camera went away.
        """
        assert self._capture is not None
        failures = 0
        while True:
            if not self._capture.grab():
                failures += 1
                if not self._live:
                    return None
                if failures >= _PATIENCE:
                    raise ReaderError(self._name, f"{self._shown} sends no more frames", self._check)
                continue
            failures = 0
            at_s = time.monotonic() if self._live else self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
            if at_s < self._due_s:
                continue
            ok, frame = self._capture.retrieve()
            if ok:
                self._due_s = at_s + self._interval_s
                return frame, at_s

    def close(self) -> None:
        """Let go of the camera."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    @property
    def _shown(self) -> str:
        """The source without a password."""
        if isinstance(self._source, int):
            return f"camera {self._source}"
        scheme, separator, rest = self._source.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}" if separator else self._source

    @property
    def _check(self) -> str:
        if isinstance(self._source, int) or self._source.startswith("/dev/"):
            return "that it is plugged in, that no other program uses it, and that the user is in the group `video`"
        if self._live:
            return "its power and network, and the address, user and password in `url`"
        return "the path, and that it is a video that FFmpeg can read"
