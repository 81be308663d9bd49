"""Tells the log of dead letters: the first of each reason in full, the rest of the minute as one line.

A storm of poison must not become a storm of lines; `plumbline deadletters` has every letter.
"""

import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest.deadletters import LIMIT_BYTES, Retention
from ingest.patience import Stop
from ingest.receiving.parcel import Letter

_log: Final = structlog.get_logger()
#: How long one full line stands for all of its reason.
MINUTE_S: Final = 60.0
#: Reasons are words of our own; should ever something from outside become one, it cannot fill the memory.
_MOST: Final = 200
_ID: Final = re.compile(rb'"id":"([0-9a-f-]{36})"')


@dataclass(slots=True)
class _Window:
    since_s: float
    last: Letter
    more: int = 0


class Refusals:
    """What is said of dead letters.

    Args:
        mono_s: seconds that only grow.
    """

    def __init__(self, mono_s: Callable[[], float] = time.monotonic) -> None:
        self._mono_s = mono_s
        self._windows: dict[str, _Window] = {}

    def tell(self, letters: Sequence[Letter]) -> None:
        """Letters were kept."""
        now = self._mono_s()
        for letter in letters:
            window = self._windows.get(letter.reason)
            if window is not None and now - window.since_s < MINUTE_S:
                window.more += 1
                window.last = letter
                continue
            if window is not None:
                self._summarise(letter.reason, window)
            elif len(self._windows) >= _MOST:
                continue
            self._windows[letter.reason] = _Window(now, letter)
            _log.warning("dead letter", reason=letter.reason, **about(letter), detail=letter.detail[:500])

    def summarise(self, *, every: bool = False) -> None:
        """Say what was only counted in minutes that are over; with `every` also in those that are not."""
        now = self._mono_s()
        for reason, window in list(self._windows.items()):
            if every or now - window.since_s >= MINUTE_S:
                self._summarise(reason, window)
                del self._windows[reason]

    @staticmethod
    def _summarise(reason: str, window: _Window) -> None:
        if window.more:
            _log.warning(
                "dead letters, more of the same",
                reason=reason,
                count=window.more,
                **{f"last_{name}": value for name, value in about(window.last).items()},
                check="plumbline deadletters list",
            )

    async def run(self, stop: Stop) -> None:
        """Summarise every minute until told to stop."""
        while not await stop.pause(MINUTE_S / 4):
            self.summarise()


class TellingRetention(Retention):
    """The retention of dead letters, with a word to the log about each that is kept."""

    def __init__(self, refusals: Refusals, limit_bytes: int = LIMIT_BYTES) -> None:
        super().__init__(limit_bytes)
        self._refusals = refusals

    async def added(self, engine: AsyncEngine, letters: Iterable[Letter]) -> int:
        """See `Retention.added`."""
        kept = list(letters)
        self._refusals.tell(kept)
        return await super().added(engine, kept)


def about(letter: Letter) -> dict[str, object]:
    """Where a letter belongs, as far as is known: topic, and site, gateway, epoch, class, number and id of its event."""
    said: dict[str, object] = {"topic": letter.topic[:200]}
    said |= {name: value for name, value in zip(("site", "gateway"), letter.whose, strict=True) if value is not None}
    if letter.stream is not None:
        said |= {"epoch": letter.stream.epoch, "event_class": letter.stream.event_class}
    if letter.seq is not None:
        said["seq"] = letter.seq
        if (found := _ID.search(letter.payload[:4096])) is not None:
            said["event_id"] = found[1].decode()
    return said
