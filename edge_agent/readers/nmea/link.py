"""The ways to a live receiver: a serial port or a TCP server.

`opened()` opens the link and gives a `read` that returns what has arrived, or `b""` when the line was quiet for
`quiet_s`. Whatever goes wrong is a `ReaderError` that says what to check.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final, Protocol

import serial

from edge_agent.reader import ReaderError
from plumbline.profile import SerialLine

Read = Callable[[], Awaitable[bytes]]

_CHUNK: Final = 4096
_CONNECT_S: Final = 10.0
_PARITY: Final = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}


class Link(Protocol):
    """A way to a receiver, opened by one task, again after it failed."""

    @property
    def advice(self) -> str:
        """What to check when nothing, or nothing readable, comes."""
        ...

    @property
    def reopen_when_silent(self) -> bool:
        """Whether opening again may help against silence: a TCP peer that vanished looks like a silent one."""
        ...

    def opened(self) -> contextlib.AbstractAsyncContextManager[Read]:
        """Open the link; leaving the context closes it. Raises `ReaderError`, and so does the `read` that it gives."""
        ...


class SerialLink:
    """A serial port, read in a thread of its own: one read at a time, so that a slow disk slows the reading."""

    reopen_when_silent = False

    def __init__(self, *, device: str, port: str, line: SerialLine, quiet_s: float) -> None:
        self._device = device
        self._path = port
        self._line = line
        self._quiet_s = quiet_s
        self.advice = f"the receiver's power, its cable to {port} and its speed (set here: {line.baudrate} baud)"

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Read]:
        """Open the port."""
        thread = ThreadPoolExecutor(1, thread_name_prefix=f"nmea-{self._device}")
        loop = asyncio.get_running_loop()
        try:
            port = await self._open(thread)

            async def read() -> bytes:
                try:
                    return await loop.run_in_executor(thread, _available, port)
                except (OSError, TypeError) as error:  # pyserial raises TypeError where the port vanished in mid-read
                    raise ReaderError(
                        self._device,
                        f"the serial port {self._path} failed ({reason(error)})",
                        "whether the receiver was unplugged or lost its power",
                    ) from error

            try:
                yield read
            finally:
                # A read that still goes on ends first; then the thread closes the port that was its own.
                with contextlib.suppress(OSError):
                    port.cancel_read()
                thread.submit(port.close)
        finally:
            thread.shutdown(wait=False)

    async def _open(self, thread: ThreadPoolExecutor) -> serial.Serial:
        def make() -> serial.Serial:
            return serial.Serial(
                self._path,
                baudrate=self._line.baudrate,
                bytesize=self._line.bytesize,
                parity=_PARITY[self._line.parity],
                stopbits=self._line.stopbits,
                timeout=self._quiet_s,
            )

        try:
            return await asyncio.get_running_loop().run_in_executor(thread, make)
        except (OSError, ValueError) as error:
            raise ReaderError(
                self._device,
                f"cannot open the serial port {self._path} ({reason(error)})",
                "that the receiver is plugged in, the path (ls /dev/serial/by-id), and that this user is in the group dialout",
            ) from error


def _available(port: serial.Serial) -> bytes:
    """Wait for a byte, at most the port's timeout, and take what else is there."""
    first = port.read(1)
    return first + port.read(min(port.in_waiting, _CHUNK)) if first else b""


class TcpLink:
    """A TCP server that sends sentences: gpsd's raw data, a terminal server, a router with a receiver."""

    reopen_when_silent = True

    def __init__(self, *, device: str, host: str, port: int, quiet_s: float) -> None:
        self._device = device
        self._host = host
        self._port = port
        self._quiet_s = quiet_s
        self.advice = f"that the server at {host}:{port} sends NMEA 0183"

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Read]:
        """Connect."""
        try:
            async with asyncio.timeout(_CONNECT_S):
                reader, writer = await asyncio.open_connection(self._host, self._port)
        except OSError as error:  # TimeoutError is one
            raise ReaderError(
                self._device,
                f"cannot connect to {self._host}:{self._port} ({reason(error)})",
                "that the server runs, its address, and the network between",
            ) from error

        async def read() -> bytes:
            try:
                async with asyncio.timeout(self._quiet_s):
                    chunk = await reader.read(_CHUNK)
            except TimeoutError:
                return b""
            except OSError as error:
                raise self._lost(reason(error)) from error
            if not chunk:
                raise self._lost("closed by the server")
            return chunk

        try:
            yield read
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _lost(self, why: str) -> ReaderError:
        return ReaderError(
            self._device,
            f"the connection to {self._host}:{self._port} ended ({why})",
            "that the server still runs and the network between",
        )


def reason(error: BaseException) -> str:
    """The system's own words for what failed, without its error numbers."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
