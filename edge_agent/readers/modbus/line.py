"""The ways to a bus: a serial port (RS-485 adapter) or a TCP connection. Bytes in, bytes out; whatever fails is an `OSError`."""

import asyncio
import contextlib
import errno
import os
import socket
import time
from typing import Final, Protocol

import serial

from plumbline.patience import Patience
from plumbline.profile import SerialLine

_CHUNK: Final = 4096
#: What may wait unread; an answer is 260 bytes at most, so what is older is noise.
_BACKLOG: Final = 16_384
_PARITY: Final = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}


class Line(Protocol):
    """An open way to a bus, used by one task."""

    async def send(self, frame: bytes) -> None:
        """Send a request. What came before and was not read is forgotten. Raises `OSError`."""
        ...

    async def receive(self) -> bytes:
        """Wait for bytes. Raises `OSError`, also where the other side closed the connection."""
        ...

    async def close(self) -> None:
        """Close it; never raises."""
        ...


class Way(Protocol):
    """Where a bus is; opens nothing until asked."""

    @property
    def place(self) -> str:
        """Port or address, for messages."""
        ...

    @property
    def advice(self) -> str:
        """What to check when it cannot be opened or fails."""
        ...

    @property
    def reopen_when_silent(self) -> bool:
        """Whether opening again may help against silence: a TCP peer that vanished looks like a silent one."""
        ...

    def transit_s(self, size: int) -> float:
        """How long so many bytes are under way."""
        ...

    async def open(self) -> Line:
        """Open it. Raises `OSError` (`TimeoutError` is one) or `ValueError` (a speed that the port does not have)."""
        ...


class SerialWay:
    """A serial port. Only one program may have it open: two masters on a bus would take each other's answers."""

    reopen_when_silent = False

    def __init__(self, port: str, line: SerialLine, pause_s: float) -> None:
        self.place = port
        self.line = line
        self._pause_s = pause_s
        self.advice = (
            "that the adapter is plugged in, the path (ls /dev/serial/by-id), that this user is in the group dialout, "
            "and that no other program has the port open"
        )

    def transit_s(self, size: int) -> float:
        """How long so many bytes are on the line: 11 bits each."""
        return size * 11 / self.line.baudrate

    async def open(self) -> Line:
        """Open the port, in a thread: a driver may take its time."""
        try:
            return _SerialLine(await asyncio.to_thread(self._port), self._pause())
        except serial.SerialException as error:
            if error.errno is None:
                raise
            # pyserial puts path, number and text of the error into one; the path is told anyway.
            busy = error.errno in {errno.EAGAIN, errno.EBUSY}
            raise OSError(error.errno, "another program has it open" if busy else os.strerror(error.errno)) from error

    def _port(self) -> serial.Serial:
        return serial.Serial(
            self.place,
            baudrate=self.line.baudrate,
            bytesize=self.line.bytesize,
            parity=_PARITY[self.line.parity],
            stopbits=self.line.stopbits,
            timeout=0,
            exclusive=True,
        )

    def _pause(self) -> float:
        """Silence before a request: 3.5 characters of 11 bits, at least 1.75 ms (Modbus over Serial Line 1.02, 2.5.1.1)."""
        return max(self._pause_s, 3.5 * 11 / self.line.baudrate, 0.00175)


class _SerialLine:
    def __init__(self, port: serial.Serial, pause_s: float) -> None:
        self._port = port
        self._pause_s = pause_s
        self._descriptor: int = port.fileno()
        self._came = bytearray()
        self._news = asyncio.Event()
        self._failure: OSError | None = None
        self._heard_s = 0.0
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._descriptor, self._readable)

    def _readable(self) -> None:
        try:
            chunk = os.read(self._descriptor, _CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self._failure = error
        else:
            if chunk:
                self._came += chunk
                del self._came[:-_BACKLOG]
                self._heard_s = time.monotonic()
            else:
                self._failure = OSError("the port is gone")
        if self._failure is not None:
            self._loop.remove_reader(self._descriptor)
        self._news.set()

    async def send(self, frame: bytes) -> None:
        wait_s = self._heard_s + self._pause_s - time.monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        # A gateway that stood still has the answer to an earlier request here: on RTU nothing would tell it from this one's.
        if self._failure is None and self._port.in_waiting:
            self._readable()
        if self._failure is not None:
            raise self._failure
        self._came.clear()
        if os.write(self._descriptor, frame) != len(frame):
            raise OSError("the port takes no bytes")
        self._heard_s = time.monotonic()

    async def receive(self) -> bytes:
        while not self._came:
            if self._failure is not None:
                raise self._failure
            self._news.clear()
            await self._news.wait()
        chunk = bytes(self._came)
        self._came.clear()
        return chunk

    async def close(self) -> None:
        self._loop.remove_reader(self._descriptor)
        with contextlib.suppress(OSError):
            self._port.close()


class TcpWay:
    """A Modbus TCP device or gateway, or a terminal server with a serial bus behind it."""

    reopen_when_silent = True

    def __init__(self, host: str, port: int, connect_s: float) -> None:
        self.place = f"{host}:{port}"
        self._host = host
        self._port = port
        self._connect_s = connect_s
        self.advice = (
            "that the device is on, its address, the network between, and that no other program takes its few connections"
        )

    def transit_s(self, size: int) -> float:  # noqa: ARG002 - one contract with the serial way
        """Nothing to speak of."""
        return 0.0

    async def open(self) -> Line:
        """Connect."""
        try:
            async with Patience(self._connect_s):
                return _TcpLine(*await asyncio.open_connection(self._host, self._port, limit=_BACKLOG))
        except TimeoutError as error:
            if error.args:
                raise  # the system's own, which says what it is
            raise TimeoutError(f"no answer within {self._connect_s:g} s") from None
        except OSError as error:
            if error.errno is None or isinstance(error, socket.gaierror):
                raise
            raise OSError(error.errno, os.strerror(error.errno)) from error  # asyncio words it for programmers


class _TcpLine:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, frame: bytes) -> None:
        if self._writer.is_closing() or self._reader.at_eof():
            raise ConnectionResetError("the device closed the connection")
        await self._forget()
        self._writer.write(frame)
        await self._writer.drain()

    async def _forget(self) -> None:
        """Take what has come, also what the kernel still holds: after a standstill that is the answer to an earlier request."""
        with contextlib.suppress(TimeoutError):
            async with Patience(0):
                while True:
                    await self.receive()

    async def receive(self) -> bytes:
        chunk = await self._reader.read(_CHUNK)
        if not chunk:
            raise ConnectionResetError("the device closed the connection")
        return chunk

    async def close(self) -> None:
        self._writer.transport.abort()  # a polite end would wait for a peer that takes nothing
