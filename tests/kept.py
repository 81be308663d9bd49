"""What a reader emits and reports, kept for a test; and devices at the other end of its line."""

import asyncio
import os
import pty
import tty
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from edge_agent.reader import Capture, Reader, ReaderError
from plumbline.event import ClockReading, Event, Fix

HEADER = {
    "id": "01890a5d-ac96-774b-bcce-b302099a8057",
    "site": "s",
    "gateway": "g",
    "device": "d",
    "at": 1,
    "clock": ClockReading(quality="gps", boot="b", mono=1),
    "epoch": "e",
    "seq": 1,
}


class Kept:
    """What a reader emitted and reported, and a way to wait for it."""

    def __init__(self) -> None:
        self.captures: list[Capture] = []
        self.reports: list[str] = []
        self._changed = asyncio.Event()

    async def emit(self, capture: Capture) -> None:
        self.captures.append(capture)
        self._changed.set()

    def report(self, device: str, what: str) -> None:
        self.reports.append(f"{device}: {what}")
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def until_fed(self, condition: Callable[[], bool], feed: Callable[[], None], every_s: float = 0.1) -> None:
        """Feed again and again, as a device does: what comes before the port is open is lost."""
        while not condition():
            feed()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.until(condition), every_s)

    def events(self) -> list[Event]:
        return [capture.event(**HEADER) for capture in self.captures]

    def fixes(self) -> list[Fix]:
        return [event for event in self.events() if isinstance(event, Fix)]

    def seconds(self) -> list[int]:
        """The second of the minute that each capture's device told."""
        return [(capture.at_ns or 0) // 10**9 % 60 for capture in self.captures]


@asynccontextmanager
async def running(reader: Reader, kept: Kept) -> AsyncIterator[asyncio.Task[None]]:
    """Run a reader as the supervisor does; cancelled at the end."""
    task = asyncio.create_task(reader.run(kept.emit), name="reader")
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, ReaderError):
            await task


class Terminal:
    """A device on a pseudo-terminal."""

    def __init__(self) -> None:
        self.master, slave = pty.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        os.close(slave)

    def send(self, data: bytes) -> None:
        os.write(self.master, data)

    def unplug(self) -> None:
        os.close(self.master)


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def tcp_server(serve: Serve) -> AsyncIterator[str]:
    """A device behind a TCP server: its `host:port`."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


def saying(data: bytes, size: int = 4096) -> Serve:
    """A device that says `data`, and then waits for the other end to go."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for at in range(0, len(data), size):
            writer.write(data[at : at + size])
        await reader.read()

    return serve
