"""The Modbus reader on a gateway that stands still: the bus is another machine and goes on meanwhile."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Literal

import pytest

from edge_agent.readers.modbus.frame import Request
from edge_agent.readers.modbus.line import SerialWay, TcpWay, Way
from edge_agent.readers.modbus.link import Link, SilenceError
from plumbline.profile import SerialLine
from tests.modbus_servers import RtuBus, Slave, checksum, plugged


def stand_still() -> None:
    """As a suspended gateway: the loop does nothing, everybody else goes on."""
    time.sleep(1.5)


FIRST, SECOND = Request(1, "holding", 0, 1), Request(1, "holding", 1, 1)


@contextlib.contextmanager
def terminal_server(slave: Slave) -> Iterator[int]:
    """A serial bus behind TCP, in a thread of its own: it does not stand still with the loop. Its port."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            peer, _ = listener.accept()
            with peer:
                while len(frame := peer.recv(256)) == 8:
                    body = frame[:1] + (slave.answer(frame[1:6]) or b"")
                    time.sleep(slave.delay_s)
                    peer.sendall(body + checksum(body))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


@contextlib.asynccontextmanager
async def opened(way: Way, timeout_s: float):
    link = Link(name="bus", way=way, framing="rtu", timeout_s=timeout_s)
    await link.open()
    try:
        yield link
    finally:
        await link.close()


@contextlib.contextmanager
def bus_of(kind: Literal["serial", "tcp"], slave: Slave) -> Iterator[Way]:
    if kind == "serial":
        with plugged(RtuBus({1: slave})) as bus:
            yield SerialWay(bus.path, SerialLine(), 0.0)
    else:
        with terminal_server(slave) as port:
            yield TcpWay("127.0.0.1", port, 60.0)


@pytest.mark.parametrize("kind", ["serial", "tcp"])
async def test_an_answer_that_came_while_the_gateway_stood_still_is_taken(kind: Literal["serial", "tcp"]) -> None:
    """The time was over and the answer there: the slave was never silent."""
    slave = Slave({"holding": {0: 77}}, delay_s=0.2)
    with bus_of(kind, slave) as way:
        async with opened(way, 0.4) as link:
            asyncio.get_running_loop().call_later(0.05, stand_still)
            assert await link.ask(FIRST) == [77]
    assert len(slave.asked) == 1


@pytest.mark.parametrize("kind", ["serial", "tcp"])
async def test_an_answer_that_came_too_late_is_not_taken_for_that_to_the_next_question(kind: Literal["serial", "tcp"]) -> None:
    """On RTU nothing in a frame tells which register it speaks of, and the kernel kept it while the gateway stood still."""
    slave = Slave({"holding": {0: 10, 1: 20}}, delay_s=0.6)
    with bus_of(kind, slave) as way:
        async with opened(way, 0.2) as link:
            with pytest.raises(SilenceError):
                await link.ask(FIRST)
            slave.delay_s = 0.0
            stand_still()
            assert await link.ask(SECOND) == [20]
