"""How the uplink drains a backlog beside live data, and how soon what is captured is committed.

The far end is a process of its own that does ingest's part as fast as it can be done: take batches apart, answer with
watermarks. So the figures are those of outbox, uplink and broker, and the memory that is read is the gateway's.
"""

import asyncio
import contextlib
import os
import sys
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any, Final

from edge_agent.config import Server, UplinkSettings
from edge_agent.outbox import Outbox
from edge_agent.outbox.benchmark import reading
from edge_agent.uplink.uplink import Uplink
from plumbline import child, codec, ranges, topics
from plumbline.address import Address
from plumbline.broker import free_port, own_broker
from plumbline.delivery import Watermark
from plumbline.errors import PlumblineError
from plumbline.mqtt import Connection
from plumbline.ranges import Pairs

SITE: Final = "harbour-7"
GATEWAY: Final = "gw-gate"
#: What a gateway of forty devices captures.
LIVE_PER_S: Final = 20
_GROUP: Final = 500
_WAIT_S: Final = 60.0
_PAGE_MB: Final = os.sysconf("SC_PAGE_SIZE") / 1e6


async def measure_drain(folder: Path, events: int, *, drain_bytes_per_s: int = 0) -> dict[str, Any]:
    """Let `events` readings wait, connect, and capture more while they drain.

    Returns events a second of the backlog, how old live data was when it was committed, memory and what went over the link;
    `holes` is the largest number of ranges that were held beyond the watermark.
    """
    async with Outbox(folder / "drain.db", site=SITE, gateway=GATEWAY, history_bytes=0) as outbox:
        for at in range(0, events, _GROUP):
            await outbox.append([reading(time.time_ns() + n) for n in range(min(_GROUP, events - at))])
        stream = outbox.stream("telemetry")
        memory = [_rss_mb()]
        holes = 0
        settings = UplinkSettings(drain_bytes_per_s=drain_bytes_per_s)
        async with _far_end(folder) as url:
            ages = _Ages(outbox)
            uplink = Uplink(outbox, server=Server(brokers=(url,)), settings=settings)
            task = asyncio.create_task(uplink.run(), name="uplink")
            await _until(lambda: uplink.connected, "the broker")
            begin, live = time.perf_counter(), 0
            first, progress = 0.0, (time.perf_counter(), stream.pending)
            while stream.upto < events:
                elapsed = time.perf_counter() - begin
                while live < elapsed * LIVE_PER_S:
                    await ages.append()
                    live += 1
                ages.look()
                memory.append(_rss_mb())
                holes = max(holes, len(stream.committed) - 1)
                first = first or (time.perf_counter() - begin if ages.taken else 0.0)
                progress = _progress(progress, stream.pending, "the backlog to drain")
                await asyncio.sleep(0.01)
            taken = time.perf_counter() - begin
            await _until(lambda: ages.look() == 0, "the live events to be committed")
            uplink.stop()
            await task
    return {
        "backlog_events": events,
        "drained_events_per_s": round(events / taken),
        "seconds": round(taken, 2),
        "live_events": live,
        "live_age_s": {"p50": _share(ages.taken, 0.5), "p99": _share(ages.taken, 0.99), "max": _share(ages.taken, 1.0)},
        "first_live_committed_s": round(first, 3),
        "holes": holes,
        "resent": uplink.resent,
        "rss_mb": {"before": round(memory[0], 1), "highest": round(max(memory), 1), "last": round(memory[-1], 1)},
    }


async def measure_latency(folder: Path, *, events_per_s: int = 500, seconds: float = 10.0) -> dict[str, Any]:
    """Capture `events_per_s` on an idle link; from capture to committed, in milliseconds."""
    async with Outbox(folder / "latency.db", site=SITE, gateway=GATEWAY) as outbox, _far_end(folder) as url:
        ages = _Ages(outbox)
        uplink = Uplink(outbox, server=Server(brokers=(url,)), settings=UplinkSettings())
        task = asyncio.create_task(uplink.run(), name="uplink")
        await _until(lambda: uplink.connected, "the broker")
        begin, count = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - begin) < seconds:
            due = int(elapsed * events_per_s)
            if due > count:
                await asyncio.gather(*(ages.append() for _ in range(due - count)))
                count = due
            ages.look()
            await asyncio.sleep(0.001)
        await _until(lambda: ages.look() == 0, "the last events to be committed")
        uplink.stop()
        await task
    return {
        "events": count,
        "events_per_s": events_per_s,
        "captured_to_committed": {
            "p50_ms": round(1000 * _share(ages.taken, 0.5), 1),
            "p99_ms": round(1000 * _share(ages.taken, 0.99), 1),
            "max_ms": round(1000 * _share(ages.taken, 1.0), 1),
        },
    }


class _Ages:
    """Captures events and sees how old they are when the gateway knows them committed."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._stream = outbox.stream
        self._waiting: deque[tuple[float, int]] = deque()
        self.taken: list[float] = []

    async def append(self) -> None:
        captured = time.perf_counter()
        await self._outbox.append([reading(time.time_ns())])
        self._waiting.append((captured, self._stream("telemetry").last))

    def look(self) -> int:
        """How many are not committed."""
        now, committed = time.perf_counter(), self._stream("telemetry").committed
        while self._waiting and any(first <= self._waiting[0][1] <= last for first, last in reversed(committed)):
            self.taken.append(now - self._waiting.popleft()[0])
        return len(self._waiting)


def _share(values: list[float], share: float) -> float:
    """A percentile by nearest rank; 0 where there is none."""
    ordered = sorted(values)
    return round(ordered[max(0, min(len(ordered) - 1, int(len(ordered) * share)))], 4) if ordered else 0.0


def _progress(before: tuple[float, int], pending: int, what: str) -> tuple[float, int]:
    now = time.perf_counter()
    if pending != before[1]:
        return now, pending
    if now - before[0] > _WAIT_S:
        raise PlumblineError(f"bench: waited {_WAIT_S:g} s for {what}; {pending} events are left")
    return before


async def _until(condition: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(_WAIT_S):
            while not condition():  # noqa: ASYNC110 - a poll by a program that measures
                await asyncio.sleep(0.002)
    except TimeoutError:
        raise PlumblineError(f"bench: waited {_WAIT_S:g} s for {what}") from None


def _rss_mb() -> float:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE_MB


@contextlib.asynccontextmanager
async def _far_end(folder: Path) -> AsyncGenerator[str]:
    """A broker, and a process that commits what arrives there."""
    async with own_broker(folder=folder / "broker", host="127.0.0.1", port=free_port()) as broker:
        command = (sys.executable, "-m", "edge_agent.uplink.benchmark", broker.url)
        async with (
            child.running(*command, log=folder / "far-end.log", folder=folder),
            Connection(address=Address.parse(broker.url), client_id="bench-ready") as ready,
        ):
            await ready.subscribe("bench/ready")
            async with asyncio.timeout(_WAIT_S):
                async for message in ready.messages():
                    message.ack()
                    break
            yield broker.url


async def _commit(url: str) -> None:
    """Do ingest's part for every gateway of a broker."""
    held: dict[tuple[str, str], Pairs] = {}
    async with Connection(address=Address.parse(url), client_id="bench-ingest", inbound=100) as connection:
        await connection.subscribe(topics.all_events(share=None))
        ready = asyncio.create_task(_say_ready(connection), name="bench-ready")
        async for message in connection.messages():
            header = codec.decode_batch(message.payload).header
            ready.cancel()
            stream = (header.epoch, header.event_class)
            held[stream] = ranges.union(held.get(stream, ()), header.ranges, header.thinned)
            upto, beyond = ranges.watermark(held[stream])
            mark = Watermark(
                site=header.site,
                gateway=header.gateway,
                epoch=header.epoch,
                event_class=header.event_class,
                upto=upto,
                beyond=beyond[:256],
            )
            topic = topics.committed(header.site, header.gateway, header.event_class)
            connection.publish_soon(topic, codec.encode(mark), retain=True)
            message.ack()


async def _say_ready(connection: Connection) -> None:
    while True:
        await connection.publish("bench/ready", b"")
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    asyncio.run(_commit(sys.argv[1]))
