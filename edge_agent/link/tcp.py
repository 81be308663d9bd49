"""A TCP server as a link: a terminal server, a router with a receiver, gpsd, a scale with a network socket."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from edge_agent.link.line import Line, reason
from edge_agent.reader import ReaderError
from plumbline.patience import Patience

_CHUNK: Final = 16_384
_CONNECT_S: Final = 10.0
_WRITE_S: Final = 5.0
_CLOSE_S: Final = 2.0
#: A peer that lost its power says nothing; the kernel asks after it: first after 30 s, then four times every 10 s.
_KEEPALIVE: Final = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 4))


class TcpLink:
    """A connection to `host:port`. `sends` completes "check that the server at … sends …"."""

    reopen_when_silent = True

    def __init__(self, *, device: str, host: str, port: int, quiet_s: float, sends: str = "anything") -> None:
        self._device = device
        self._host = host
        self._port = port
        self._quiet_s = quiet_s
        self.place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.advice = f"that the server at {self.place} sends {sends}"

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Line]:
        """Connect."""
        try:
            async with Patience(_CONNECT_S):
                reader, writer = await asyncio.open_connection(self._host, self._port)
        except (OSError, UnicodeError) as error:  # TimeoutError is an OSError; a host of 70 letters is a UnicodeError
            raise ReaderError(
                self._device,
                f"cannot connect to {self.place} ({reason(error)})",
                "that the server runs, its address, and the network between",
            ) from error
        _keep_alive(writer)
        try:
            yield _TcpLine(self._device, self.place, self._quiet_s, reader, writer)
        finally:
            writer.close()
            # A peer that takes nothing more must not hold the reader: what is unsent is dropped.
            with contextlib.suppress(OSError):
                async with asyncio.timeout(_CLOSE_S):
                    await writer.wait_closed()


class _TcpLine:
    """An open connection (see `Line`)."""

    def __init__(
        self, device: str, place: str, quiet_s: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._device = device
        self._place = place
        self._quiet_s = quiet_s
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        try:
            async with Patience(self._quiet_s):
                chunk = await self._reader.read(_CHUNK)
        except TimeoutError:
            return b""
        except OSError as error:
            raise self._lost(reason(error)) from error
        if not chunk:
            raise self._lost("closed by the server")
        return chunk

    async def write(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            async with Patience(_WRITE_S):
                await self._writer.drain()
        except OSError as error:
            raise self._lost(reason(error)) from error

    def _lost(self, why: str) -> ReaderError:
        return ReaderError(
            self._device,
            f"the connection to {self._place} ended ({why})",
            "that the server still runs and the network between",
        )


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE:
            if hasattr(socket, name):  # not every system has all three
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
