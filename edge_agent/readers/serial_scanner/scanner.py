"""The serial scanner: port → frames → labels → scans, and the answer to the scanner once a scan is on disk."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, NamedTuple

from edge_agent.expected import Expectation
from edge_agent.link import Listening
from edge_agent.link.line import reason
from edge_agent.outbox import OutboxError
from edge_agent.reader import Capture, Emit, ReaderError
from edge_agent.readers.serial_scanner.port import Port, PortError, WriteTimeout, is_silent, open_port, read_available
from edge_agent.scanner.framing import Fault, Frame, Frames
from edge_agent.scanner.label import Labels
from edge_agent.scanner.repeats import Repeats
from edge_agent.unplugged import UnpluggedError
from edge_agent.verdict import Verdict
from plumbline.profile import Framing, SerialLine

#: The longest that a read waits in its thread, and so the longest that a cancellation waits for it.
_POLL_S: Final = 0.2
#: A read that took so long was none: the gateway stood still, and the scanner, which may have stood still with it, is asked again.
_STANDSTILL_S: Final = 0.5


class Answers(NamedTuple):
    """The scanner's commands for beep and light."""

    accept: bytes = b""
    """The scan is on disk."""
    good: bytes = b""
    warn: bytes = b""
    bad: bytes = b""

    def to(self, verdict: Verdict | None) -> bytes:
        """What to send for a scan that was kept."""
        own = {"good": self.good, "warn": self.warn, "bad": self.bad}
        return (verdict and verdict.signal and own[verdict.signal]) or self.accept


class SerialScanner:
    """Reads one scanner (see `edge_agent.reader.Reader`)."""

    def __init__(
        self,
        *,
        device: str,
        port: str,
        line: SerialLine,
        framing: Framing,
        idle_timeout_s: float,
        repeat_window_s: float,
        answers: Answers,
        report: Callable[[str, str], None],
        expected: Expectation | None = None,
    ) -> None:
        self._device = device
        self._port = port
        self._line = line
        self._framing = framing
        self._idle_timeout_s = idle_timeout_s
        self._answers = answers
        self._said: tuple[bytes, bytes] = (b"", b"")
        """The last label, and what was answered."""
        self._report = report
        self._labels = Labels(framing, expected)
        # Lives as long as the reader: a plug that was out for a moment makes no second scan of the same label.
        self._repeats = Repeats(repeat_window_s)

    async def run(self, emit: Emit) -> None:
        """Read until cancelled. Raises `ReaderError` where the port cannot be opened or is gone."""
        thread = ThreadPoolExecutor(1, thread_name_prefix=f"scanner-{self._device}")
        try:
            async with self._opened(thread) as port:
                await self._read(port, thread, emit)
        finally:
            thread.shutdown(wait=False)  # what still waits in it ends by its own timeout; the loop must not

    async def check(self, patience_s: float) -> str:
        """Open the port and listen for a label until one comes or `patience_s` is over; a scanner need not say any.

        Raises `ReaderError` where the port cannot be opened, or where what came holds no label.
        """
        thread = ThreadPoolExecutor(1, thread_name_prefix=f"check-{self._device}")
        line = self._line
        opened = f"open at {line.baudrate} baud, {line.bytesize}{line.parity[0].upper()}{line.stopbits}"
        try:
            async with self._opened(thread) as port:
                heard = await self._listen(port, thread, patience_s)
        finally:
            thread.shutdown(wait=False)
        if heard is None:
            return f"{opened}; nothing was scanned meanwhile"
        if isinstance(heard, Fault):
            raise ReaderError(self._device, heard.what, "the scanner's settings (plumbline scanner card tells them)")
        label, faults = self._labels.read(heard.content)
        return "; ".join([opened, f"read a label: {label.keywords['text'][:40]!r}", *faults])

    async def _listen(self, port: Port, thread: ThreadPoolExecutor, patience_s: float) -> Frame | Fault | None:
        """The first label or fault within `patience_s`."""
        loop = asyncio.get_running_loop()
        frames = Frames(self._framing)
        now = self._listening()
        end_s = now() + patience_s
        while now() < end_s:
            try:
                data = await loop.run_in_executor(thread, read_available, port)
            except PortError as error:
                raise self._gone(error) from error
            found = list(frames.feed(data)) if data else []
            if not data and frames.unfinished and not self._framing.suffix:
                found = list(frames.silence())
            if found:
                return found[0]
        return next(frames.silence(), None)

    async def _read(self, port: Port, thread: ThreadPoolExecutor, emit: Emit) -> None:
        loop = asyncio.get_running_loop()
        frames = Frames(self._framing)
        now = self._listening()
        heard_s = now()
        while True:
            silent, began_s = False, loop.time()
            try:
                data = await loop.run_in_executor(thread, read_available, port)
                stood_still = loop.time() - began_s > _STANDSTILL_S
                if not (data or stood_still) and frames.unfinished and now() - heard_s >= self._idle_timeout_s:
                    # A gateway that stood still finds the time over and the rest of the label there.
                    silent = await loop.run_in_executor(thread, is_silent, port)
            except PortError as error:
                if frames.unfinished:
                    self._report(
                        self._device, "the scanner went away in the middle of a label, which is dropped; scan it again"
                    )
                raise self._gone(error) from error
            found: list[Frame | Fault] = []
            if data:
                heard_s = now()
                found = list(frames.feed(data))
            elif silent:
                found = list(frames.silence())
            await self._take_all(found, emit, partial(self._say, port, thread))

    def _listening(self) -> Listening:
        """A standstill is shorter by this clock than the silence that ends a label: the scanner may have stood still, too."""
        return Listening(step_s=max(1.2 * _POLL_S, self._idle_timeout_s / 2))

    @asynccontextmanager
    async def _opened(self, thread: ThreadPoolExecutor) -> AsyncGenerator[Port]:
        loop = asyncio.get_running_loop()
        opening = loop.run_in_executor(thread, open_port, self._port, self._line, min(_POLL_S, self._idle_timeout_s))
        try:
            port = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_late)
            raise
        except PortError as error:
            raise self._unopened(error) from error
        try:
            yield port
        finally:
            # In the port's own thread, after the read that may still wait there.
            await loop.run_in_executor(thread, port.close)

    async def _take_all(self, found: Sequence[Frame | Fault], emit: Emit, say: Callable[[bytes], Awaitable[None]]) -> None:
        for at, item in enumerate(found, 1):
            if isinstance(item, Fault):
                self._report(self._device, item.what)
                continue
            try:
                await self._take(item.content, emit, say)
            except OutboxError:
                if left := sum(isinstance(each, Frame) for each in found[at:]):
                    labels = "label" if left == 1 else "labels"
                    self._report(self._device, f"{left} more {labels} of the same moment could not be kept; scan them again")
                raise

    async def _take(self, content: bytes, emit: Emit, say: Callable[[bytes], Awaitable[None]]) -> None:
        label, faults = self._labels.read(content)
        for what in faults:
            self._report(self._device, what)
        if self._repeats.seen(content, asyncio.get_running_loop().time()):
            last, command = self._said  # the first one is on disk, and so was the answer
            await say(command if last == content else self._answers.accept)
            return
        try:
            verdict = await emit(Capture(self._device, label))
        except OutboxError:
            self._repeats.forget(content)  # scanned again, it is no repetition of anything that is kept
            await say(self._answers.bad)
            raise
        self._said = content, self._answers.to(verdict)
        await say(self._said[1])

    async def _say(self, port: Port, thread: ThreadPoolExecutor, command: bytes) -> None:
        """Send the scanner a command."""
        if not command:
            return
        try:
            await asyncio.get_running_loop().run_in_executor(thread, port.write, command)
        except WriteTimeout:
            self._report(
                self._device, "did not take the answer to a scan; check its flow control, or delete 'accept' and the like"
            )
        except PortError as error:
            raise self._gone(error) from error

    def _gone(self, error: Exception) -> ReaderError:
        return UnpluggedError(
            self._device,
            f"{self._port} went away ({_reason(error)})",
            "its plug and cable, and that nothing else reads this port",
            self._port,
        )

    def _unopened(self, error: Exception) -> ReaderError:
        return UnpluggedError(
            self._device,
            f"{self._port} cannot be opened ({_reason(error)})",
            "that it is plugged in, that 'port' names it (ls -l /dev/serial/by-id), that the agent's user is in group "
            "dialout and that nothing else reads it",
            self._port,
        )


def _close_late(opening: asyncio.Future[Port]) -> None:
    """A port that opened after nobody waited for it any more."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _reason(error: Exception) -> str:
    return "it is gone" if "returned no data" in str(error) else reason(error)  # what pyserial guesses of it, in fewer words
