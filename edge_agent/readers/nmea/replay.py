"""A recorded log in place of a receiver: replayed once, at once or at a pace."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge_agent.link.line import reason
from edge_agent.nmea import Epoch, read_log
from edge_agent.reader import Emit, ReaderError
from edge_agent.readers.nmea.fixes import Thinner, capture_of
from edge_agent.readers.nmea.receiver import Report

_CHUNK: Final = 1 << 16
#: A recording that was interrupted is not waited for longer than this.
_LONGEST_PAUSE_S: Final = 3600.0


class Replay:
    """Replays a log (`edge_agent.reader.Reader`): once in the life of the agent, however often `run` is called."""

    def __init__(
        self,
        *,
        name: str,
        path: Path,
        report: Report,
        interval_s: float,
        pace: float,
        estimated: bool,
        source: str | None,
    ) -> None:
        self._name = name
        self._path = path
        self._report = report
        self._interval_s = interval_s
        self._pace = pace
        self._estimated = estimated
        self._source = source
        self._kept = 0
        self._done = False

    async def run(self, emit: Emit) -> None:
        """Emit the log's fixes, then stay idle until cancelled. Raises `ReaderError` where it cannot be read.

        Called again after an error it goes on behind the last fix that was kept.
        """
        if not self._done:
            fixes = await self._replay(emit)
            self._done = True
            if not fixes:
                self._report(self._name, f"there is no fix in {self._path}; check that it is an NMEA 0183 log")
        await asyncio.Event().wait()

    async def check(self, patience_s: float) -> str:
        """Read the whole log, at most `patience_s` seconds, and say what is in it."""
        epochs, fixes, empty = read_log(_chunks(self._path), self._source), 0, 0
        end_s = asyncio.get_running_loop().time() + patience_s
        while (epoch := await asyncio.to_thread(self._next, epochs)) is not None:
            fixes, empty = fixes + (epoch.mode > 1), empty + (epoch.mode == 1)
            if asyncio.get_running_loop().time() >= end_s:
                break
        if not fixes + empty:
            raise ReaderError(
                self._name, f"there is no sentence about a position in {self._path}", "that it is an NMEA 0183 log"
            )
        return f"{self._path}: {fixes} fixes, {empty} instants without a fix"

    def _next(self, epochs: Iterator[Epoch]) -> Epoch | None:
        try:
            return next(epochs, None)
        except OSError as error:
            raise ReaderError(self._name, f"cannot read {self._path} ({reason(error)})", "its path and rights") from error

    async def _replay(self, emit: Emit) -> int:
        thinner, fixes, last_ns = Thinner(self._interval_s), 0, None
        epochs = read_log(_chunks(self._path), self._source)
        loop = asyncio.get_running_loop()
        while True:
            epoch = await asyncio.to_thread(self._next, epochs)
            if epoch is None:
                return fixes
            if epoch.mode == 1 or (epoch.estimated and not self._estimated) or not thinner.passes(epoch, loop.time()):
                continue
            fixes += 1
            if fixes <= self._kept:
                continue
            await self._wait(last_ns, epoch)
            last_ns = epoch.time_ns
            await emit(capture_of(self._name, epoch))
            self._kept = fixes

    async def _wait(self, last_ns: int | None, epoch: Epoch) -> None:
        if self._pace > 0 and last_ns is not None and epoch.time_ns is not None:
            pause_s = min(max((epoch.time_ns - last_ns) / 1e9, 0.0), _LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s / self._pace)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
