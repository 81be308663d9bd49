"""Modbus slaves to test against: two servers of others (pymodbus, pyModbusTCP) and a bus of our own that can misbehave.

`python -m tests.modbus_servers PORT` serves registers that hold their own addresses, on all four tables, with pymodbus.
"""

import asyncio
import contextlib
import os
import pty
import select
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.servers import Server, answers, free_port

ROOT = Path(__file__).parents[1]
#: Table → address → content; what is missing is an illegal data address.
Content = dict[str, dict[int, int]]
FUNCTIONS = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}


class PymodbusServer(Server):
    """pymodbus' server in a process of its own: any unit, every register holds its address."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        command = [sys.executable, "-m", "tests.modbus_servers", str(self.port)]
        super().__init__(command, folder / "pymodbus.log", lambda: answers(self.port), folder=ROOT)


async def _serve(port: int) -> None:
    from pymodbus.server import ModbusTcpServer
    from pymodbus.simulator import DataType, SimData, SimDevice

    words = SimData(0, values=list(range(65_536)), datatype=DataType.REGISTERS)
    bits = SimData(0, values=[bool(i & 1) for i in range(65_536)], datatype=DataType.BITS)
    await ModbusTcpServer(SimDevice(0, simdata=([bits], [bits], [words], [words])), address=("127.0.0.1", port)).serve_forever()


def checksum(frame: bytes) -> bytes:
    """CRC-16 of Modbus over Serial Line 1.02, 6.2.2, bit by bit: not the table of the library under test."""
    register = 0xFFFF
    for byte in frame:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return register.to_bytes(2, "little")


@dataclass
class Slave:
    """One slave and how it misbehaves."""

    content: Content
    silent: bool = False
    garble: bool = False
    """Its checksums are wrong."""
    exception: int | None = None
    mute_past: int | None = None
    """Says nothing to requests for more registers than this."""
    mute_gaps: bool = False
    """Says nothing, instead of 'illegal data address'."""
    delay_s: float = 0.0
    asked: list[tuple[int, int, int]] = field(default_factory=list)
    """Function, address and count of each request."""

    def answer(self, pdu: bytes) -> bytes | None:
        function, address, count = pdu[0], int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        self.asked.append((function, address, count))
        if self.silent or (self.mute_past is not None and count > self.mute_past):
            return None
        if self.exception is not None:
            return bytes((function | 0x80, self.exception))
        table = self.content.get(FUNCTIONS.get(function, ""))
        if table is None:
            return bytes((function | 0x80, 1))
        found = [table.get(place) for place in range(address, address + count)]
        if None in found:
            return None if self.mute_gaps else bytes((function | 0x80, 2))
        if function in {1, 2}:
            bits = sum(bool(bit) << i for i, bit in enumerate(found))
            body = bits.to_bytes((count + 7) // 8, "little")
        else:
            body = b"".join(word.to_bytes(2, "big") for word in found)
        return bytes((function, len(body))) + body


class RtuBus:
    """Slaves on a pseudo-terminal, answered by a thread of its own. `path` is what the reader opens."""

    def __init__(self, slaves: dict[int, Slave]) -> None:
        self.slaves = slaves
        self.before = b""
        """Bytes in front of each answer."""
        self.echo = False
        """The adapter hears what it sends."""
        self.noise: Callable[[], bytes] | None = None
        """Bytes that come all the time."""
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def plug(self) -> str:
        """Make the port; its path."""
        self._ended.clear()
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self._thread = threading.Thread(target=self._serve, name="rtu-bus", daemon=True)
        self._thread.start()
        return self.path

    def unplug(self) -> None:
        """Take the port away."""
        self._ended.set()
        assert self._thread is not None
        self._thread.join()
        os.close(self._slave)
        os.close(self._master)

    def _serve(self) -> None:
        buffer = b""
        while not self._ended.is_set():
            if self.noise is not None:
                self._write(self.noise())
            if not select.select([self._master], [], [], 0.02)[0]:
                buffer = b""
                continue
            try:
                buffer += os.read(self._master, 256)
            except OSError:
                return
            while len(buffer) >= 8 and buffer[6:8] != checksum(buffer[:6]):
                buffer = buffer[1:]
            if len(buffer) >= 8:
                frame, buffer = buffer[:8], buffer[8:]
                self._take(frame)

    def _take(self, frame: bytes) -> None:
        if self.echo:
            self._write(frame)
        slave = self.slaves.get(frame[0])
        pdu = None if slave is None else slave.answer(frame[1:6])
        if slave is None or pdu is None:
            return
        if slave.delay_s:
            self._ended.wait(slave.delay_s)
        body = frame[:1] + pdu
        check = checksum(body)
        self._write(self.before + body + (check[::-1] if slave.garble else check))

    def _write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            while data and select.select([], [self._master], [], 1)[1]:
                data = data[os.write(self._master, data) :]


@contextlib.contextmanager
def plugged(bus: RtuBus) -> Iterator[RtuBus]:
    """A bus from plug to unplug."""
    bus.plug()
    try:
        yield bus
    finally:
        bus.unplug()


class TcpSlaves:
    """Slaves behind a TCP server in this event loop; `serve` may be replaced by one that misbehaves."""

    def __init__(self, slaves: dict[int, Slave]) -> None:
        self.slaves = slaves
        self.port = free_port()
        self.connections = 0
        self.wrap: Callable[[bytes, bytes], list[bytes]] = lambda _, answer: [answer]
        """What is sent instead of an answer (request, answer)."""
        self.hang_up_after: int | None = None
        """Close the connection after so many answers."""
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        answered = 0
        # Python 3.11's streams log a handler that is cancelled at the end of a test as a failure.
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while self.hang_up_after is None or answered < self.hang_up_after:
                head = await reader.readexactly(7)
                pdu = await reader.readexactly(int.from_bytes(head[4:6], "big") - 1)
                slave = self.slaves.get(head[6])
                answer = None if slave is None else slave.answer(pdu)
                if slave is None or answer is None:
                    continue
                if slave.delay_s:
                    await asyncio.sleep(slave.delay_s)
                frame = head[:4] + (len(answer) + 1).to_bytes(2, "big") + head[6:7] + answer
                for piece in self.wrap(head + pdu, frame):
                    writer.write(piece)
                    await writer.drain()
                answered += 1
        self._writers.discard(writer)
        writer.close()


def words(address: int, data: bytes) -> dict[int, int]:
    """Registers from `address` that hold `data`."""
    return {address + i // 2: int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)}


def soon(condition: Callable[[], bool], deadline_s: float = 120.0) -> "asyncio.Future[None]":
    """Wait in the event loop until `condition` holds."""

    async def wait() -> None:
        end = time.monotonic() + deadline_s
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError("the condition did not come true")
            await asyncio.sleep(0.01)  # the pause of a poll, not an assumption about time

    return asyncio.ensure_future(wait())


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
