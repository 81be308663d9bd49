"""`plumbline bench agent`: what a gateway's agent takes of memory and processor, over many events from four kinds of reader.

The agent runs as its users run it, a process of its own: a scanner on a pseudo-terminal, a satellite receiver behind a TCP
server, a Modbus TCP meter, sensors on the broker. This process plays them, commits what arrives as ingest would, and reads
the agent's memory and CPU time from the kernel.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from plumbline import child, codec, ranges, topics
from plumbline.address import Address
from plumbline.bench.figures import slope
from plumbline.bench.processes import cpu_s, rss_mb
from plumbline.broker import free_port, own_broker
from plumbline.delivery import Watermark
from plumbline.errors import PlumblineError
from plumbline.event import CLASSES, EventClass
from plumbline.mqtt import Connection
from plumbline.ranges import Pairs

SITE: Final = "bench"
GATEWAY: Final = "gw-1"
#: Events of one device that may be under way without being committed.
_UNDER_WAY: Final = 2000
_SCANS_PER_S: Final = 20
_POLLS_PER_S: Final = 10
#: Samples of memory over the run, and the share of it that counts as warming up.
_SAMPLES: Final = 100
_WARM: Final = 0.1
_WAIT_S: Final = 60.0


@dataclass(slots=True)
class _Run:
    """What was committed so far, and what the agent took for it."""

    held: dict[EventClass, Pairs] = field(default_factory=lambda: dict.fromkeys(CLASSES, ()))
    kinds: dict[str, int] = field(default_factory=dict[str, int])
    memory: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def committed(self) -> int:
        return sum(ranges.count(held) for held in self.held.values())

    async def room(self, kind: str, sent: int) -> None:
        """Wait until the agent has caught up with what one device sent."""
        while sent - self.kinds.get(kind, 0) > _UNDER_WAY:
            self.moved.clear()
            await _soon(self.moved, "the agent to deliver")


async def measure(folder: Path, *, events: int) -> dict[str, Any]:
    """Run an agent over `events` events; figures as a table."""
    from plumbline.demo.devices import SerialDevice  # noqa: PLC0415 - brings Pillow along

    run = _Run()
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(own_broker(folder=folder / "broker", host="127.0.0.1", port=free_port()))
        address = Address.parse(broker.url)
        near = await stack.enter_async_context(Connection(address=address, client_id="bench-ingest", inbound=1000))
        devices = await stack.enter_async_context(Connection(address=address, client_id="bench-devices"))
        await near.subscribe(topics.all_events(share=None))
        scanner = SerialDevice(folder / "tty-scanner")
        stack.callback(scanner.close)
        receiver = await stack.enter_async_context(_serving(partial(_receiver, run)))
        meter = await stack.enter_async_context(_serving(_meter))
        (folder / "gateway.toml").write_text(_gateway(folder, broker.url, receiver, meter), encoding="utf-8")
        command = (sys.executable, "-m", "plumbline", "edge", "run", "--config", str(folder / "gateway.toml"))
        process = await stack.enter_async_context(child.running(*command, log=folder / "edge.log", folder=folder))
        async with asyncio.TaskGroup() as tasks:
            playing = [
                tasks.create_task(_commit(run, near), name="bench-commit"),
                tasks.create_task(_scan(scanner), name="bench-scanner"),
                tasks.create_task(_publish(run, devices), name="bench-devices"),
            ]
            while run.committed == 0:
                run.moved.clear()
                await _soon(run.moved, f"the agent to deliver anything; read {folder}/edge.log (--keep)")
            begin, cpu = time.perf_counter(), cpu_s(process.pid)
            while run.committed < events:
                if run.committed >= len(run.memory) * events / _SAMPLES:
                    run.memory.append((run.committed, rss_mb(process.pid)))
                run.moved.clear()
                await _soon(run.moved, f"the agent to deliver; read {folder}/edge.log (--keep)")
            taken, used = time.perf_counter() - begin, cpu_s(process.pid) - cpu
            run.memory.append((run.committed, rss_mb(process.pid)))
            for task in playing:
                task.cancel()
    warm = run.memory[int(len(run.memory) * _WARM) :]
    return {
        "events": run.committed,
        "events_of": run.kinds,
        "seconds": round(taken, 1),
        "events_per_s": round(run.committed / taken),
        "agent_cpu_us_per_event": round(used / run.committed * 1e6, 1),
        "rss_mb": {
            "first": round(run.memory[0][1], 1),
            "warm": round(warm[0][1], 1),
            "last": round(warm[-1][1], 1),
            "highest": round(max(mb for _, mb in run.memory), 1),
            "limit": 80,
        },
        "growth_mb_per_million_events": round(slope(warm) * 1e6, 2),
    }


async def _soon(event: asyncio.Event, what: str) -> None:
    try:
        async with asyncio.timeout(_WAIT_S):
            await event.wait()
    except TimeoutError:
        raise PlumblineError(f"bench: waited {_WAIT_S:g} s for {what}") from None


async def _commit(run: _Run, connection: Connection) -> None:
    """Do ingest's part: take batches in any order, answer with watermarks."""
    async for message in connection.messages():
        batch = codec.decode_batch(message.payload)
        name, held = batch.header.event_class, run.held
        fresh = ranges.difference(batch.header.ranges, held[name])
        for event in batch.events:
            kind = type(event).__name__.lower()
            run.kinds[kind] = run.kinds.get(kind, 0) + ranges.contains(fresh, event.seq)
        held[name] = ranges.union(held[name], batch.header.ranges, batch.header.thinned)
        upto, beyond = ranges.watermark(held[name])
        mark = Watermark(site=SITE, gateway=GATEWAY, epoch=batch.header.epoch, event_class=name, upto=upto, beyond=beyond[:100])
        connection.publish_soon(topics.committed(SITE, GATEWAY, name), codec.encode(mark))
        message.ack()
        run.moved.set()


async def _scan(scanner: Any) -> None:
    for n in range(sys.maxsize):
        scanner.send(b"PL1:BENCH/1/%d\r\n" % n)
        await asyncio.sleep(1 / _SCANS_PER_S)


async def _publish(run: _Run, devices: Connection) -> None:
    """Fifty sensors, with at most 500 messages that the broker has not acknowledged."""
    window = asyncio.Semaphore(500)
    for n in range(sys.maxsize):
        await window.acquire()
        done = devices.publish_soon(f"devices/sensor-{n % 50}/bench", b'{"value": %d, "other": %d.5}' % (n, n % 100))
        done.add_done_callback(lambda _done: window.release())
        await run.room("reading", n)


async def _receiver(run: _Run, _into: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
    """A receiver that drives north, a second of its time after the other, as fast as they are taken."""
    from plumbline.demo.devices import sentence  # noqa: PLC0415

    start = datetime(2026, 1, 1, tzinfo=UTC)
    for n in range(sys.maxsize):
        at = start + timedelta(seconds=n)
        place = f"31{14 + n % 1000 / 1000:07.4f},N,12128.4200,E"
        rmc = sentence(f"GNRMC,{at:%H%M%S}.00,A,{place},1.9,0.0,{at:%d%m%y},,,A")
        out.write(sentence(f"GNGGA,{at:%H%M%S}.00,{place},1,09,0.9,12.3,M,8.3,M,,") + rmc)
        if n % 50 == 0:
            await out.drain()
            await run.room("fix", n)


async def _meter(into: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
    """A Modbus TCP slave that answers every read of registers (function 3) with a count."""
    for n in range(sys.maxsize):
        request = await into.readexactly(12)
        count = int.from_bytes(request[10:12], "big")
        data = b"".join(((n + i) % 1000).to_bytes(2, "big") for i in range(count))
        body = request[6:8] + bytes([len(data)]) + data
        out.write(request[:4] + len(body).to_bytes(2, "big") + body)
        await out.drain()


@contextlib.asynccontextmanager
async def _serving(play: Any) -> AsyncGenerator[int]:
    """A TCP server on a free port that plays a device for whoever connects."""

    async def serve(into: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await play(into, out)
        out.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        server.close()


def _gateway(folder: Path, broker: str, receiver: int, meter: int) -> str:
    metric = '{{ unit = "1", title_en = "Value", title_zh = "值"{} }}'
    return f"""\
site = "{SITE}"
gateway = "{GATEWAY}"
data = "edge"

[server]
brokers = ["{broker}"]

[outbox]
history_bytes = 4194304

[[reader]]
type = "serial_scanner"
name = "scanner"
port = "{folder}/tty-scanner"

[[reader]]
type = "nmea"
name = "receiver"
address = "127.0.0.1:{receiver}"
interval_s = 0

[[reader]]
type = "modbus"
name = "bus"
address = "127.0.0.1:{meter}"

[[reader.slaves]]
device = "meter"
unit = 1
every_s = {1 / _POLLS_PER_S}
measurement = "energy"
metrics.power = {metric.format("")}
registers.power = {{ address = 0, type = "uint16" }}

[[reader]]
type = "mqtt"
name = "sensors"
broker = "{broker}"
client_id = "bench-reader"

[[reader.devices]]
topic = "devices/+/bench"
device_level = 1
measurement = "bench"
metrics.value = {metric.format("")}
metrics.other = {metric.format(", filter = { deadband = 0.1 }")}
"""
