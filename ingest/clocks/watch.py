"""Has corrected what gateways sent before their clocks were set: looks after each word about a clock, and every few seconds."""

import asyncio
from collections.abc import Callable
from typing import Final

from ingest.clocks import corrections
from ingest.clocks.corrections import Corrector
from ingest.operations.metrics import Metrics
from ingest.patience import Patience, Stop
from ingest.receiving.retained import Word
from plumbline import clock_set, topics

CLOCK: Final = Word("clock", topics.all_clocks(), clock_set.decode, corrections.learn)
#: How often it is looked whether something is to be corrected, beside after each word.
EVERY_S: Final = 10.0


class ClockKeeper:
    """Sweeps with a `Corrector` until cancelled; `hurry` has it look at once."""

    def __init__(
        self, corrector: Corrector, *, stop: Stop, metrics: Metrics, on_commit: Callable[[], None], patience: Patience
    ) -> None:
        self._corrector = corrector
        self._stop = stop
        self._metrics = metrics
        self._on_commit = on_commit
        self._patience = patience
        self._news = asyncio.Event()

    def hurry(self) -> None:
        """Something was said about a clock."""
        self._news.set()

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            self._news.clear()
            if await self._patience.insist(
                self._corrector.sweep,
                task="clock",
                stop=self._stop,
                failed=lambda away: self._metrics.retries.labels(away).inc(),
            ):
                self._on_commit()
            try:
                async with asyncio.timeout(EVERY_S):
                    await self._news.wait()
            except TimeoutError:
                continue
