"""A link between two programs that can be slow, far, or cut: a TCP proxy with the faults of a site's radio."""

import asyncio
import contextlib
import socket
import struct
from typing import Self


class WeakLink:
    """Forwards a free loopback port to another one; its attributes may be changed at any time.

    What `swallow` takes is lost for good, and so is the connection: neither end hears of it, as behind a router that
    forgot us.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self.latency_s = 0.0
        """Of each direction."""
        self.bytes_per_s: float | None = None
        """Of each direction."""
        self.refusing = False
        self.connections = 0
        self.carried = 0
        """Bytes that went up."""
        self.reset_after: int | None = None
        """The connection is reset when so many more bytes went up."""
        self._open: set[asyncio.StreamWriter] = set()
        self._dead: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # a link is no store: the sender shall feel it
        listener.bind(("127.0.0.1", 0))
        self._server = await asyncio.start_server(self._serve, sock=listener, limit=4096)
        self.port = listener.getsockname()[1]
        self.url = f"mqtt://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_) -> None:
        self._server.close()
        self.reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def reset(self) -> None:
        """Both ends get a reset on every connection."""
        for writer in list(self._open):
            with contextlib.suppress(OSError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    def swallow(self) -> None:
        """From now on nothing goes through the connections of now; new ones work."""
        self._dead |= self._open

    async def _serve(self, near_in: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.current_task())
        if self.refusing:
            near.transport.abort()
            return
        self.connections += 1
        try:
            far_in, far = await asyncio.open_connection("127.0.0.1", self._target, limit=4096)
        except OSError:
            near.transport.abort()
            return
        both = {near, far}
        self._open |= both
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._carry(near_in, far, up=True))
                group.create_task(self._carry(far_in, near, up=False))
        except* (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open -= both
            self._dead -= both
            for writer in both:
                writer.transport.abort()

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, up: bool) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=2000)
        now = asyncio.get_running_loop().time

        async def deliver() -> None:
            while True:
                at, data = await under_way.get()
                await asyncio.sleep(at - now())
                if sink not in self._dead:
                    await self._pass(sink, data, up=up)

        async with asyncio.TaskGroup() as group:
            group.create_task(deliver())
            while True:
                data = await source.read(1024 if self.bytes_per_s else 65536)
                if self.bytes_per_s:
                    await asyncio.sleep(len(data) / self.bytes_per_s)
                if not data:
                    if sink in self._dead:
                        await asyncio.Event().wait()
                    raise ConnectionResetError
                await under_way.put((now() + self.latency_s, data))

    async def _pass(self, sink: asyncio.StreamWriter, data: bytes, *, up: bool) -> None:
        left = self.reset_after
        if up and left is not None and len(data) > left:
            sink.write(data[:left])
            await sink.drain()
            self.reset_after = None
            self.reset()
            raise ConnectionResetError
        if up:
            self.carried += len(data)
            self.reset_after = None if left is None else left - len(data)
        sink.write(data)
        await sink.drain()
