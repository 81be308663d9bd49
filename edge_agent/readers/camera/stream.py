"""A camera, a network stream or a recorded video as a reader."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from numpy.typing import NDArray

from edge_agent.decode import Symbol, decode
from edge_agent.reader import Emit
from edge_agent.readers.camera.capture import capture_of
from edge_agent.readers.camera.sightings import Sightings
from edge_agent.readers.camera.video import Video


class Stream:
    """Reads the codes in the frames of `video` (`edge_agent.reader.Reader`), in a thread of its own; one label is one scan."""

    def __init__(self, *, name: str, video: Video, sightings: Sightings, budget_ms: float) -> None:
        self._name = name
        self._video = video
        self._sightings = sightings
        self._budget_ms = budget_ms
        self._done = False

    async def run(self, emit: Emit) -> None:
        """Read frames until cancelled; a recording is read once, then nothing happens. Raises `ReaderError`."""
        if not self._done:
            await self._read(emit)
            self._done = True
        await asyncio.Event().wait()

    async def _read(self, emit: Emit) -> None:
        loop = asyncio.get_running_loop()
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"camera-{self._name}")
        try:
            await loop.run_in_executor(thread, self._video.open)
            while (seen := await loop.run_in_executor(thread, self._next)) is not None:
                symbols, at_s = seen
                for symbol in self._sightings.fresh(symbols, at_s):
                    try:
                        await emit(capture_of(self._name, symbol, None))
                    except BaseException:
                        self._sightings.forget(symbol)
                        raise
        finally:
            thread.submit(self._video.close)  # after the frame that is being read: OpenCV is not thread-safe
            thread.shutdown(wait=False)

    def _next(self) -> tuple[list[Symbol], float] | None:
        seen = self._video.next_frame()
        if seen is None:
            return None
        frame, at_s = seen
        return self._symbols(frame), at_s

    def _symbols(self, frame: NDArray[Any]) -> list[Symbol]:
        return decode(frame, budget_ms=self._budget_ms)
