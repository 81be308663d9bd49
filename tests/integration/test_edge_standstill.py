"""The edge agent on a gateway that stands still: devices, brokers and pictures go on meanwhile, or wait with it."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

from edge_agent.reader import Capture, Context
from edge_agent.readers import line
from plumbline import settings

SCALE = {
    "measurement": "scale",
    "silence_s": 3.0,
    "metrics": {"weight_kg": {"unit": "kg", "title_en": "Weight", "title_zh": "重量"}},
    "line": {"patterns": ["{weight_kg} kg"]},
}


def stand_still(seconds: float) -> None:
    """As a suspended gateway: the loop does nothing, everybody else goes on."""
    time.sleep(seconds)


class Kept:
    """What a reader emitted and reported."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self.reports: list[str] = []

    async def emit(self, capture: Capture) -> None:
        self.values += capture.event.keywords["values"].values()

    def report(self, device: str, what: str) -> None:
        self.reports.append(f"{device}: {what}")


@contextlib.contextmanager
def device(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A device behind TCP, in a thread of its own: it does not stand still with the loop. Its address."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listener.accept()
                with peer:
                    talk(peer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


async def eventually(what: Callable[[], object]) -> None:
    async with asyncio.timeout(120):
        while not what():  # noqa: ASYNC110 - devices in threads have no event of this loop
            await asyncio.sleep(0.01)


async def test_a_line_that_came_in_two_halves_around_a_standstill_is_one() -> None:
    """Its rest was there all the time: the device was neither silent nor did it send a line without an end."""
    half, asleep, whole = threading.Event(), threading.Event(), threading.Event()
    connections: list[int] = []

    def talk(peer: socket.socket) -> None:
        connections.append(1)
        peer.sendall(b"1.5 kg\r\n98")
        half.set()
        asleep.wait(120)
        time.sleep(3)
        peer.sendall(b"76.5 kg\r\n")
        whole.wait(120)

    kept = Kept()
    with device(talk) as address:
        table = settings.convert({"address": address, **SCALE}, line.Settings, "test")
        task = asyncio.create_task(line.build("scale", table, Context(report=kept.report)).run(kept.emit))
        await eventually(lambda: task.done() or (half.is_set() and kept.values))
        asleep.set()
        stand_still(6)
        await eventually(lambda: task.done() or len(kept.values) > 1)
        whole.set()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert (kept.values, kept.reports, len(connections)) == ([1.5, 9876.5], [], 1)
