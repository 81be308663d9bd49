"""`plumbline bench e2e`: through the whole chain, from a device's wire to what is committed and to what the wall is told.

The product runs as its users run it: `plumbline up` and an agent, each a process of its own. A scanner is a pseudo-terminal,
sensors publish on the broker. This process only watches: the batches on MQTT (which event has which number), the committed
watermark, and the wall's stream. The limit in the same run is the broker alone: the same client, the same messages, no product.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import httpx

from plumbline import child, codec, topics
from plumbline.address import Address
from plumbline.bench.figures import spread_ms
from plumbline.broker import free_port
from plumbline.errors import PlumblineError
from plumbline.mqtt import Connection

SITE: Final = "bench"
GATEWAY: Final = "gw-1"
_SITE_FILE: Final = """\
id = "bench"
title_en = "Bench"
title_zh = "测试"
timezone = "UTC"
lat = 0.0
lon = 0.0

[[zones]]
id = "gate"
title_en = "Gate"
title_zh = "大门"
kind = "gate"
polygon = [[0.0, 0.0], [0.001, 0.0], [0.001, 0.001]]

[[devices]]
id = "scanner"
title_en = "Scanner"
title_zh = "扫码枪"
kind = "scanner"
zone = "gate"
"""
_WAIT_S: Final = 120.0


class Watch:
    """What was seen from outside, in seconds of one clock."""

    def __init__(self) -> None:
        self.captured: dict[str, int] = {}
        """Event id → when the agent stamped it (ns)."""
        self.numbered: dict[int, int] = {}
        """Number of a business event → when it was stamped (ns)."""
        self.committed: dict[int, int] = {}
        """Number of a business event → when its watermark arrived here (ns)."""
        self.visible: dict[str, int] = {}
        """Event id → when the wall's stream brought it here (ns)."""
        self.watermark = {"business": 0, "telemetry": 0}
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Something was seen."""
        self._changed.set()

    async def until(self, what: str, condition: Any) -> None:
        """Wait until `condition()` holds. Raises `PlumblineError` naming `what` when nothing comes of it."""
        try:
            async with asyncio.timeout(_WAIT_S):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise PlumblineError(f"bench: waited {_WAIT_S:g} s for {what}; watermarks are {self.watermark}") from None

    async def mqtt(self, connection: Connection) -> None:
        """Watch batches and watermarks."""
        async for message in connection.messages():
            message.ack()
            now = time.time_ns()
            topic = topics.parse(message.topic)
            if topic is None:
                continue
            if topic.leaf == "events/business":
                for event in codec.decode_batch(message.payload).events:
                    self.captured[event.id] = self.numbered[event.seq] = event.at
            elif topic.leaf.startswith("committed/"):
                mark = codec.decode_watermark(message.payload)
                if mark.event_class == "business":
                    for seq in range(self.watermark["business"] + 1, mark.upto + 1):
                        self.committed[seq] = now
                self.watermark[mark.event_class] = max(mark.upto, self.watermark[mark.event_class])
            self.changed()

    async def stream(self, api: str) -> None:
        """Watch the wall's stream."""
        async with (
            httpx.AsyncClient(base_url=api, timeout=httpx.Timeout(10, read=_WAIT_S)) as client,
            client.stream("GET", "/api/stream", params={"site": SITE}) as answer,
        ):
            name = ""
            async for line in answer.aiter_lines():
                if line.startswith("event: "):
                    name = line[7:]
                elif name == "observed" and line.startswith("data: "):
                    self.visible[json.loads(line[6:])["event_id"]] = time.time_ns()
                    self.changed()


async def measure(folder: Path, *, seconds: float, scans_per_s: float, readings_per_s: float, flood: int) -> dict[str, Any]:
    """Run the benchmark in `folder`; figures as a table of tables."""
    (folder / "site.toml").write_text(_SITE_FILE, encoding="utf-8")
    broker_port, port = free_port(), free_port()
    broker, api = f"mqtt://127.0.0.1:{broker_port}", f"http://127.0.0.1:{port}"
    from plumbline.demo.devices import SerialDevice  # noqa: PLC0415 - brings Pillow along

    scanner = SerialDevice(folder / "tty-scanner")
    (folder / "gateway.toml").write_text(_gateway(folder, broker), encoding="utf-8")
    watch = Watch()
    up = ["up", "--site", "site.toml", "--data", "data", "--port", str(port), "--broker-port", str(broker_port)]
    async with _product(folder, *up), contextlib.AsyncExitStack() as stack:
        await _ready(api, folder)
        address = Address.parse(broker)
        watcher = await stack.enter_async_context(Connection(address=address, client_id="bench-watch", inbound=1000))
        await watcher.subscribe(topics.events("+", "+", "business"))
        await watcher.subscribe(topics.committed("+", "+", "business"))
        await watcher.subscribe(topics.committed("+", "+", "telemetry"))
        devices = await stack.enter_async_context(Connection(address=address, client_id="bench-devices"))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        watching = [
            tasks.create_task(watch.mqtt(watcher), name="watch-mqtt"),
            tasks.create_task(watch.stream(api), name="watch-stream"),
        ]
        limit = await _broker_alone(address, flood)
        async with _product(folder, "edge", "run", "--config", "gateway.toml"):
            await _wake(watch, scanner, devices)
            latency = await _steady(
                watch, scanner, devices, seconds=seconds, scans_per_s=scans_per_s, readings_per_s=readings_per_s
            )
            throughput = await _flood(watch, devices, flood)
        for task in watching:
            task.cancel()
    scanner.close()
    throughput["of_broker_alone"] = round(throughput["events_per_s"] / limit["messages_per_s"], 3)
    return {"latency": latency, "throughput": throughput, "limit_broker_alone": limit}


async def _wake(watch: Watch, scanner: Any, devices: Connection) -> None:
    """Wait until both of the agent's readers are heard at the far end: the first messages may find no reader yet."""
    try:
        async with asyncio.timeout(_WAIT_S):
            while not (watch.visible and watch.watermark["telemetry"] > 0):
                scanner.send(b"PL1:BENCH/0/0\r\n")
                await devices.publish("devices/warm-up/bench", b'{"value": 0}')
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise PlumblineError("bench: the agent is not heard; read edge.log in the folder given by --keep") from None


async def _steady(
    watch: Watch, scanner: Any, devices: Connection, *, seconds: float, scans_per_s: float, readings_per_s: float
) -> dict[str, Any]:
    before = set(watch.captured)
    loop = asyncio.get_running_loop()
    begin, scans, readings = loop.time(), 0, 0
    while (elapsed := loop.time() - begin) < seconds:
        while scans < elapsed * scans_per_s:
            scanner.send(b"PL1:BENCH/1/%d\r\n" % scans)
            scans += 1
        while readings < elapsed * readings_per_s:
            devices.publish_soon(f"devices/sensor-{readings % 20}/bench", b'{"value": %d}' % readings)
            readings += 1
        await asyncio.sleep(0.002)
    await watch.until(
        "every scan to be seen on the wall", lambda: len(watch.visible.keys() & (watch.captured.keys() - before)) >= scans
    )
    await watch.until("every scan to be committed", lambda: watch.watermark["business"] >= max(watch.numbered))
    mine = watch.captured.keys() - before
    numbers = {at: seq for seq, at in watch.numbered.items()}
    return {
        "scans_per_s": scans_per_s,
        "readings_per_s": readings_per_s,
        "scans_sent": scans,
        "scans_seen": len(mine),
        "captured_to_committed": spread_ms(
            [(watch.committed[numbers[watch.captured[i]]] - watch.captured[i]) / 1e9 for i in mine]
        ),
        "captured_to_visible": spread_ms([(watch.visible[i] - watch.captured[i]) / 1e9 for i in mine]),
    }


async def _flood(watch: Watch, devices: Connection, count: int) -> dict[str, Any]:
    start_mark = watch.watermark["telemetry"]
    begin = time.perf_counter()
    await _publish_all(devices, ((f"devices/sensor-{i % 20}/bench", b'{"value": %d}' % i) for i in range(count)))
    sent = time.perf_counter() - begin
    await watch.until("every reading to be committed", lambda: watch.watermark["telemetry"] >= start_mark + count)
    taken = time.perf_counter() - begin
    return {"events": count, "seconds": round(taken, 2), "published_in_s": round(sent, 2), "events_per_s": round(count / taken)}


async def _broker_alone(address: Address, count: int) -> dict[str, Any]:
    async with (
        Connection(address=address, client_id="bench-alone-in", inbound=1000) as into,
        Connection(address=address, client_id="bench-alone-out") as out,
    ):
        await into.subscribe("alone")

        async def receive() -> None:
            seen = 0
            async for message in into.messages():
                message.ack()
                seen += 1
                if seen == count:
                    return

        begin = time.perf_counter()
        receiver = asyncio.create_task(receive(), name="bench-alone")
        await _publish_all(out, (("alone", b'{"value": %d}' % i) for i in range(count)))
        await receiver
        taken = time.perf_counter() - begin
    return {"messages": count, "seconds": round(taken, 2), "messages_per_s": round(count / taken)}


async def _publish_all(connection: Connection, messages: Iterable[tuple[str, bytes]]) -> None:
    """Publish as fast as it goes, with at most 500 messages under way, and wait until all are acknowledged."""
    window = asyncio.Semaphore(500)
    last: asyncio.Future[None] | None = None
    for topic, payload in messages:
        await window.acquire()
        last = connection.publish_soon(topic, payload)
        last.add_done_callback(lambda _done: window.release())
    for _ in range(500):
        await window.acquire()
    if last is not None:
        await last


def _product(folder: Path, *arguments: str) -> contextlib.AbstractAsyncContextManager[object]:
    return child.running(sys.executable, "-m", "plumbline", *arguments, log=folder / f"{arguments[0]}.log", folder=folder)


async def _ready(api: str, folder: Path) -> None:
    try:
        async with asyncio.timeout(_WAIT_S), httpx.AsyncClient() as client:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get(f"{api}/ready")).is_success:
                        return
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise PlumblineError(f"bench: plumbline up did not become ready; read {folder}/up.log") from None


def _gateway(folder: Path, broker: str) -> str:
    return f"""\
site = "{SITE}"
gateway = "{GATEWAY}"
data = "edge"

[server]
brokers = ["{broker}"]

[[reader]]
type = "serial_scanner"
name = "scanner"
port = "{folder}/tty-scanner"

[[reader]]
type = "mqtt"
name = "sensors"
broker = "{broker}"
client_id = "bench-reader"

[[reader.devices]]
topic = "devices/+/bench"
device_level = 1
measurement = "bench"
metrics.value = {{ unit = "1", title_en = "Value", title_zh = "值" }}
"""
