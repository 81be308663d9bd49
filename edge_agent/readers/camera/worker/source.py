"""Frames from OpenCV: a camera at this machine, a network camera, a recorded video.

Everything here blocks, and belongs in one thread at a time: OpenCV's captures are not thread-safe.
"""

import sys
import time
from typing import Any, Final

import cv2
from numpy.typing import NDArray

from edge_agent.readers.camera.messages import Source

#: Frames that may fail in a row: USB cameras deliver broken ones while they wake up.
_PATIENCE: Final = 10


class SourceError(Exception):
    """A source cannot be opened, or gives no more frames; `check` says what to look at."""

    def __init__(self, what: str, check: str) -> None:
        super().__init__(f"{what}; check {check}")
        self.what = what
        self.check = check


class OpenSource:
    """A source: `open`, then `fetch` and `pixels`, at last `close`."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._capture = cv2.VideoCapture()
        self.number = -1
        """Of the frame that was fetched last; from 0."""

    def open(self) -> None:
        """Connect. Raises `SourceError`."""
        address = self._source.address
        timeout_ms = round(self._source.silence_s * 1e3)
        if isinstance(address, int) or address.startswith("/dev/"):
            self._capture.open(address, cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY)  # pyright: ignore[reportCallIssue, reportArgumentType] - the stubs know either a number or a path, not both
            self._prepare_camera()
        else:
            timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, timeout_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, timeout_ms]
            self._capture.open(address, cv2.CAP_FFMPEG, [*timeouts, cv2.CAP_PROP_N_THREADS, 1])
        if not self._capture.isOpened():
            self._capture.release()
            raise SourceError(f"cannot open {self._shown}", self.check)

    def close(self) -> None:
        """Let go of it."""
        self._capture.release()

    @property
    def fps(self) -> float:
        """Frames in a second as the source says; 0: it does not."""
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        return fps if 0 < fps <= 1000 else 0.0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its frames in pixels."""
        return int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))

    def fetch(self) -> float | None:
        """Fetch the next frame and tell its time in seconds; `None` at the end of a recording.

        A camera's time is the monotonic clock's, a recording's its own. Raises `SourceError` where a camera went away.
        """
        failures = 0
        while not self._capture.grab():
            failures += 1
            if not self._source.live:
                return None
            if failures >= _PATIENCE:
                raise self.silent()
        self.number += 1
        if self._source.live:
            return time.monotonic()
        position_s = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1e3
        return position_s if position_s > 0 or not self.fps else self.number / self.fps

    def pixels(self) -> NDArray[Any] | None:
        """The frame that was fetched last, grey or BGR; `None` where it is damaged."""
        ok, frame = self._capture.retrieve()
        return frame if ok and frame.size else None

    def silent(self) -> SourceError:
        """What to raise when no frame comes any more."""
        return SourceError(f"{self._shown} sends no more frames", self.check)

    def _prepare_camera(self) -> None:
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the present, not a queue of the past
        if self._source.size is not None:
            width, height = self._source.size
            self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))  # raw pixels of that size choke USB 2
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)

    @property
    def _shown(self) -> str:
        """The source without a password."""
        address = self._source.address
        if isinstance(address, int):
            return f"camera {address}"
        scheme, separator, rest = address.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}" if separator else address

    @property
    def check(self) -> str:
        """What to look at when it fails."""
        address = self._source.address
        if isinstance(address, int) or address.startswith("/dev/"):
            return "that it is plugged in, that no other program uses it, and that the user is in the group `video`"
        if self._source.live:
            return "its power and network, and the address, user and password in `url`"
        return "the path, and that it is a video that FFmpeg can read"
