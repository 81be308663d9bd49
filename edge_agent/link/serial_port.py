"""A serial port as a link, read and written in a thread of its own: a driver that hangs stops only its own reader."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, ParamSpec, Protocol, TypeVar, cast

import serial

from edge_agent.link.line import Line, reason
from edge_agent.reader import ReaderError
from edge_agent.unplugged import UnpluggedError
from plumbline.profile import SerialLine

P = ParamSpec("P")
T = TypeVar("T")

#: What pyserial raises where a port cannot be opened, read or written: `TypeError` where it was closed in mid-read.
_FAILED: Final = (cast("type[OSError]", serial.SerialException), OSError, ValueError, TypeError)
_WRITE_TIMEOUT: Final = cast("type[OSError]", serial.SerialTimeoutException)
_PARITY: Final = {"none": "N", "even": "E", "odd": "O"}
_WRITE_TIMEOUT_S: Final = 2.0
_CLOSE_S: Final = 2.0
#: After the first byte, what follows in this time comes along: at 921,600 baud 100 reads a second, not 1,000.
_GATHER_S: Final = 0.01
_LITTLE: Final = 512
_CHUNK: Final = 16_384
_BY_ID: Final = Path("/dev/serial/by-id")


class _Port(Protocol):
    """The part of pyserial that is used, with types: pyserial itself has none."""

    in_waiting: int

    def read(self, size: int = 1) -> bytes: ...

    def write(self, data: bytes) -> int | None: ...

    def close(self) -> None: ...


class SerialLink:
    """A serial port by its path, best the one in `/dev/serial/by-id/`, or a pyserial URL such as `rfc2217://10.0.0.7:4001`."""

    reopen_when_silent = False

    def __init__(self, *, device: str, port: str, line: SerialLine, quiet_s: float) -> None:
        self._device = device
        self._path = port
        self._line = line
        self._quiet_s = quiet_s
        self.place = f"{port} at {line.baudrate} baud"
        self.advice = f"the device's power, its cable to {port} and its speed (set here: {line.baudrate} baud)"

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Line]:
        """Open the port, for this program alone."""
        thread = ThreadPoolExecutor(1, thread_name_prefix=f"port-{self._device}")
        try:
            port = await self._open(thread)
            try:
                yield _SerialLine(self._device, self._path, port, thread)
            finally:
                # In the port's own thread: a read that still goes on there ends first, at the latest after `quiet_s`.
                # Waited for, because whoever opens the port again must find it free; a driver that hangs is left behind.
                await asyncio.wait({asyncio.wrap_future(thread.submit(_close, port))}, timeout=self._quiet_s + _CLOSE_S)
        finally:
            thread.shutdown(wait=False)  # the loop must not wait for a driver that hangs

    async def _open(self, thread: ThreadPoolExecutor) -> _Port:
        opening = thread.submit(self._make)
        try:
            return await asyncio.wrap_future(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_late)
            raise
        except _FAILED as error:
            raise UnpluggedError(
                self._device, f"cannot open the serial port {self._path} ({reason(error)})", self._where(), self._path
            ) from error

    def _make(self) -> _Port:
        line = self._line
        return cast("Callable[..., _Port]", serial.serial_for_url)(
            self._path,
            baudrate=line.baudrate,
            bytesize=line.bytesize,
            parity=_PARITY[line.parity],
            stopbits=line.stopbits,
            timeout=self._quiet_s,
            write_timeout=_WRITE_TIMEOUT_S,
            **({} if "://" in self._path else {"exclusive": True}),
        )

    def _where(self) -> str:
        """What to check, with the ports that there are: a site engineer sees which one he meant."""
        if "://" in self._path:
            return "that the port server runs, its address, and the network between"
        if Path(self._path).exists():
            return "that no other program holds it, and that this user is in the group dialout"
        try:
            there = sorted(os.listdir(_BY_ID))  # noqa: PTH208 - names are wanted, not paths
        except OSError:
            there = []
        found = ", ".join(there[:8]) if there else "no port at all"
        return f"that the device is plugged in, and the path ({_BY_ID} has: {found})"


class _SerialLine:
    """An open port (see `Line`)."""

    def __init__(self, device: str, path: str, port: _Port, thread: ThreadPoolExecutor) -> None:
        self._device = device
        self._path = path
        self._port = port
        self._thread = thread

    async def read(self) -> bytes:
        return await self._do(_available, self._port)

    async def write(self, data: bytes) -> None:
        try:
            await self._do(_written, self._port, data)
        except _WRITE_TIMEOUT as error:
            raise ReaderError(
                self._device,
                f"{self._path} took nothing for {_WRITE_TIMEOUT_S:g} s",
                "the cable and the device's flow control",
            ) from error

    async def _do(self, what: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await asyncio.wrap_future(self._thread.submit(what, *args, **kwargs))
        except _WRITE_TIMEOUT:
            raise
        except _FAILED as error:
            raise UnpluggedError(
                self._device,
                f"the serial port {self._path} failed ({_gone(error)})",
                "whether the device was unplugged or lost its power; it is opened again when it is back",
                self._path,
            ) from error


def _available(port: _Port) -> bytes:
    """Wait for a byte, at most the port's timeout, and take what else comes within a moment."""
    found = bytearray(port.read(1))
    if not found:
        return b""
    if port.in_waiting < _LITTLE:
        time.sleep(_GATHER_S)
    while len(found) < _CHUNK and (waiting := port.in_waiting):  # a socket:// port says 1 for any number
        found += port.read(min(waiting, _CHUNK))
    return bytes(found)


def _gone(error: BaseException) -> str:
    """What pyserial guesses where a port is readable and has nothing, in fewer words."""
    said = reason(error)
    return "it is gone" if "returned no data" in said or isinstance(error, TypeError) else said


def _written(port: _Port, data: bytes) -> None:
    left = data
    while left:
        left = left[port.write(left) or 0 :]


def _close(port: _Port) -> None:
    with contextlib.suppress(*_FAILED):  # an unplugged port cannot even be closed properly
        port.close()


def _close_late(opening: Future[_Port]) -> None:
    """A port that opened after nobody waited for it any more."""
    if not opening.cancelled() and opening.exception() is None:
        _close(opening.result())
