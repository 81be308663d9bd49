"""Request and answer on a bus whose connection comes and goes."""

import asyncio
import contextlib
import time
from typing import Final

from edge_agent.link.line import reason
from edge_agent.reader import ReaderError
from edge_agent.readers.modbus.frame import Answer, FramingName, Refusal, Request, encoded, listener
from edge_agent.readers.modbus.line import Line, Way
from edge_agent.readers.modbus.words import SILENT, exception
from edge_agent.unplugged import UnpluggedError
from plumbline.errors import PlumblineError
from plumbline.patience import Patience

#: Silences in a row after which a TCP connection is opened anew: a peer that vanished looks like a silent one.
_SILENCES: Final = 3


class SilenceError(PlumblineError):
    """A slave gave no answer that could be used: what happened and what to check."""

    def __init__(self, what: str, check: str) -> None:
        super().__init__(f"{what}; check {check}")
        self.what = what
        self.check = check


class Link:
    """The one connection of a bus, used by one task.

    Args:
        name: the reader's, for errors.
        way: where the bus is.
        framing: how frames are told apart.
        timeout_s: how long a slave may take to answer, besides the time of the bytes on a serial line.
    """

    def __init__(self, *, name: str, way: Way, framing: FramingName, timeout_s: float) -> None:
        self._name = name
        self._way = way
        self._framing: FramingName = framing
        self._timeout_s = timeout_s
        self._line: Line | None = None
        self._proven = False
        self._silences = 0
        self._transaction = 0
        self._late: tuple[Request, float] | None = None

    async def ask(self, request: Request, *, at_most_s: float | None = None) -> Answer:
        """The answer to a request. Raises `SilenceError` (the slave) and `ReaderError` (the bus cannot be reached)."""
        # The bytes themselves take their time on a serial line: 80 registers at 2400 baud three quarters of a second.
        timeout_s = self._timeout_s + self._way.transit_s(request.size + 13)
        timeout_s = min(timeout_s, at_most_s or timeout_s)
        for again in (True, False):
            try:
                line = self._line or await self._open()
                answer = await self._exchange(line, request, timeout_s)
            except OSError as error:
                await self.close()
                # Gateways close idle connections; one that worked is opened again without a word, once.
                if again and self._proven:
                    self._proven = False
                    continue
                raise self._error(f"{self._way.place} failed ({reason(error)})") from error
            self._proven = True
            self._silences = 0
            if isinstance(answer, Refusal) and answer.code in SILENT:
                raise SilenceError(*exception(answer.code))
            return answer
        raise AssertionError

    async def close(self) -> None:
        """Close the connection; the next request opens it again."""
        line, self._line = self._line, None
        if line is not None:
            await line.close()

    async def open(self, patience_s: float | None = None) -> None:
        """Open the connection now. Raises `ReaderError`."""
        try:
            async with Patience(patience_s):
                if self._line is None:
                    await self._open()
        except TimeoutError:
            what = f"cannot open {self._way.place} (no answer within {patience_s:g} s)"
            raise ReaderError(self._name, what, self._way.advice) from None

    def _error(self, what: str) -> ReaderError:
        if self._way.place.startswith("/"):
            return UnpluggedError(self._name, what, self._way.advice, self._way.place)
        return ReaderError(self._name, what, self._way.advice)

    async def _open(self) -> Line:
        try:
            self._line = await self._way.open()
        except (OSError, ValueError) as error:
            raise self._error(f"cannot open {self._way.place} ({reason(error)})") from error
        return self._line

    async def _exchange(self, line: Line, request: Request, timeout_s: float) -> Answer:
        await self._settle(line, request)
        self._transaction = self._transaction % 0xFFFF + 1
        ear = listener(self._framing, request, self._transaction)
        limit = Patience(timeout_s)
        try:
            async with limit:
                await line.send(encoded(self._framing, request, self._transaction))
                while True:
                    answer = ear.feed(await line.receive())
                    if answer is not None:
                        return answer
        except TimeoutError:
            if not limit.expired():
                raise  # the system's own: the connection is dead
        self._late = (request, time.monotonic() + 2 * timeout_s)
        self._silences += 1
        if self._silences >= _SILENCES and self._way.reopen_when_silent:
            self._silences = 0
            await self.close()
        what, check = ear.heard() or ("no answer", "its power, its cable, and its unit number")
        raise SilenceError(f"{what} within {timeout_s:.2g} s" if what == "no answer" else what, check)

    async def _settle(self, line: Line, request: Request) -> None:
        """Let the late answer to another request of the same shape pass: on RTU nothing would tell it from this one's."""
        if self._late is None or self._framing != "rtu":
            return
        late, until_s = self._late
        wait_s = until_s - time.monotonic()
        if wait_s <= 0:
            self._late = None
        elif late != request and (late.unit, late.function, late.size) == (request.unit, request.function, request.size):
            self._late = None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    while True:
                        await line.receive()
