"""Where the parts run: one InfluxDB, a broker and a database for each measurement, the process that sends."""

import contextlib
import itertools
import sys
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Self

from plumbline.bench.ingest.load import Load
from plumbline.bench.ingest.packets import Packets
from plumbline.bench.ingest.publisher import CONNECTED
from plumbline.bench.ingest.servers import Broker, Influx
from plumbline.bench.processes import Program
from plumbline.errors import PlumblineError


class Bench:
    """The servers and folders of a run.

    Args:
        folder: empty; everything that the run leaves comes here.
        say: told what is going on.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)
        self.influx = Influx(folder / "influxdb")
        self.say = say

    async def __aenter__(self) -> Self:
        """Start InfluxDB."""
        await self.influx.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop it."""
        await self.influx.stop()
        await self.influx.aclose()

    def folder(self, name: str) -> Path:
        """A folder that does not exist yet."""
        return self._folder / f"{next(self._numbers):02d}-{name}"

    @contextlib.asynccontextmanager
    async def database(self) -> AsyncGenerator[str]:
        """An empty database of InfluxDB, gone after the block."""
        name = f"bench_{next(self._numbers)}"
        await self.influx.create(name)
        try:
            yield name
        finally:
            if self.influx.running:
                await self.influx.drop(name)

    @contextlib.asynccontextmanager
    async def broker(self) -> AsyncGenerator[Broker]:
        """A broker that knows no session yet."""
        async with Broker(self.folder("broker")) as broker:
            yield broker

    def packets(self, load: Load) -> Packets:
        """A load as packets in a file."""
        folder = self.folder("packets")
        folder.mkdir()
        self.say(f"making {load.events:,} events in messages of {load.per_message}")
        return Packets.write(folder / "publish", load.messages())

    def publisher(self, packets: Packets, broker: Broker, *options: str) -> Program:
        """The process that sends the packets; see `plumbline.bench.ingest.publisher` for its options."""
        module = "plumbline.bench.ingest.publisher"
        command = (sys.executable, "-m", module, str(broker.port), str(packets.path), *options)

        async def ready() -> bool:
            return CONNECTED in program.said() or not program.running  # with little to send it is done by now

        program = Program("the publisher", command, log=packets.path.with_suffix(".log"), ready=ready)
        return program

    async def publish(self, packets: Packets, broker: Broker) -> None:
        """Send all the packets to the broker. Raises `PlumblineError` where that fails."""
        async with self.publisher(packets, broker) as publisher:
            await sent(publisher)


async def sent(publisher: Program) -> None:
    """Wait until the publisher has sent everything. Raises `PlumblineError` where it failed."""
    if await publisher.exited():
        raise PlumblineError(f"bench: the publisher failed: {publisher.said()[-500:]}")
