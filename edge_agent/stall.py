"""Notices when something keeps the event loop from running, and says who and where.

Readers share one event loop and promise not to block it. This is how a broken promise shows: in the log, with the task's
name and the line it hangs at, while it hangs.
"""

import asyncio
import sys
import threading
import traceback
from types import TracebackType
from typing import Final, Self

import structlog

_log = structlog.get_logger(__name__)

LIMIT_S: Final = 3.0


class StallWatch:
    """Watches the running event loop from a thread, from `async with` to its end.

    Args:
        limit_s: how long the loop may be busy with one thing.
    """

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._end = threading.Event()
        self._alive = threading.Event()
        self.stalls = 0

    async def __aenter__(self) -> Self:
        """Begin to watch."""
        self._loop = asyncio.get_running_loop()
        self._thread_id = threading.get_ident()
        self._thread = threading.Thread(target=self._watch, name="stall-watch", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching."""
        self._end.set()
        self._alive.set()
        await asyncio.to_thread(self._thread.join)

    def _watch(self) -> None:
        while not self._end.wait(self._limit_s):
            self._alive.clear()
            try:
                self._loop.call_soon_threadsafe(self._alive.set)
            except RuntimeError:  # the loop is closed
                return
            if not self._alive.wait(self._limit_s):
                self.stalls += 1
                self._tell()
                self._alive.wait()

    def _tell(self) -> None:
        task = asyncio.current_task(self._loop)
        frame = sys._current_frames().get(self._thread_id)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - documented, in spite of its name
        _log.error(
            "agent.stalled",
            task=task.get_name() if task else "none",
            longer_than_s=self._limit_s,
            at=traceback.format_stack(frame)[-3:] if frame else [],
            check="this reader: it blocks everything else",
        )
