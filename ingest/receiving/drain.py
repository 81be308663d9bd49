"""The end of the service, in order and bounded: what was taken from the broker is committed and answered, and told about."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog

from ingest.operations.metrics import Metrics
from ingest.patience import Stop

_log: Final = structlog.get_logger()
#: How long what was taken may take to be committed once the service is to end.
DRAIN_S: Final = 20.0


class Drain:
    """Sets `stop`, cuts off what takes too long after that, and tells of it.

    Args:
        stop: the wish that everything ends.
        metrics: what was committed, and what still waits.
        worker: the worker's name, for the log.
        at_most_s: how long it may take; what is not committed then is the broker's still.
    """

    def __init__(self, stop: Stop, metrics: Metrics, *, worker: Callable[[], str], at_most_s: float = DRAIN_S) -> None:
        self._stop = stop
        self._metrics = metrics
        self._worker = worker
        self._at_most_s = at_most_s
        self._deadline: asyncio.Timeout | None = None
        self._began: float | None = None
        self._committed_before = 0

    def begin(self) -> None:
        """Wish the end; more wishes put it off by their time."""
        if not self._stop.is_set():
            _log.info("draining", worker=self._worker(), at_most_s=self._at_most_s)
            self._began = time.monotonic()
            self._committed_before = self._metrics.committed()
        self._stop.set()
        self._limit()

    @asynccontextmanager
    async def bounding(self) -> AsyncGenerator[None]:
        """Cut the block off where it goes on for too long after the end was wished."""
        try:
            async with asyncio.timeout(None) as self._deadline:
                if self._stop.is_set():
                    self._limit()
                yield
        except TimeoutError:
            _log.debug("drain cut off", worker=self._worker(), after_s=self._at_most_s)
        finally:
            self._deadline = None

    def _limit(self) -> None:
        if self._deadline is not None:
            self._deadline.reschedule(asyncio.get_running_loop().time() + self._at_most_s)

    def tell(self) -> None:
        """Say what was drained, and what was left; nothing where nobody wished the end."""
        if self._began is None:
            return
        left = self._metrics.queued()
        if left:
            _log.warning(
                "drained only in part",
                worker=self._worker(),
                check="which store is away or slow; the broker hands the rest out again, gateways send it again",
            )
        _log.info(
            "drained",
            worker=self._worker(),
            events=self._metrics.committed() - self._committed_before,
            messages_left_to_the_broker=left,
            seconds=round(time.monotonic() - self._began, 3),
        )
