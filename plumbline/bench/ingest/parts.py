"""One measurement each: limit, drain, live, latency, loss. What is written about each is in the package's docstrings and README."""

import asyncio
import contextlib
import time
from array import array
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from plumbline import codec, topics
from plumbline.address import Address
from plumbline.bench.figures import spread_ms
from plumbline.bench.ingest import limit as bare
from plumbline.bench.ingest.bench import Bench, sent
from plumbline.bench.ingest.consumers import Consumer, Ingest
from plumbline.bench.ingest.load import SITE, Load
from plumbline.bench.ingest.packets import Packets
from plumbline.bench.ingest.servers import Broker
from plumbline.bench.ingest.watch import EVERY_S, Count, Course, follow, look
from plumbline.bench.processes import Program
from plumbline.errors import PlumblineError
from plumbline.mqtt import Connection

#: So long nothing may come of ingest before the benchmark gives up; of a peer, which gathers for a second and tries again
#: after five, before what is missing counts as lost.
STALL_S: Final = 60.0
PEER_STALL_S: Final = 12.0
#: Events that may be on their way and not yet be committed, beside a publisher: gateways have windows too.
UNDER_WAY: Final = 60_000
#: InfluxDB is away so long when loss is counted.
AWAY_S: Final = 4.0
#: Messages that the broker may send ahead of their acknowledgement.
_INBOUND: Final = 4000
#: How often InfluxDB is asked for its counter of accepted points, and for a count where that will not do.
_ASK_EVERY_S: Final = 0.1
_COUNT_EVERY_S: Final = 0.5


async def limit(bench: Bench, load: Load) -> dict[str, Any]:
    """Points/s that InfluxDB takes of the load's points ready-made: plain and gzip, on one connection and on two."""
    figures: dict[str, Any] = {"points": load.events, "lines_a_request": 5000}
    gateways = range(load.gateways)
    for connections in (1, 2):
        shares = [list(load.bodies(gateways[number::connections])) for number in range(connections)]
        for name, bodies in (("plain", shares), ("gzip", [bare.packed(share) for share in shares])):
            bench.say(f"limit: ready-made {name} bodies on {connections} connection{'s' * (connections - 1)}")
            async with bench.database() as database:
                before = bench.influx.usage()
                seconds = await asyncio.to_thread(bare.post_all, bench.influx.port, database, bodies)
                used = bench.influx.usage().cpu_s - before.cpu_s
                if (count := await bench.influx.count(database)) != load.events:
                    raise PlumblineError(f"bench: InfluxDB has {count} of {load.events} points of the bare loop")
            figures[f"{name}_{connections}"] = {
                "points_per_s": round(load.events / seconds),
                "influxd_cpu_us_per_point": round(used / load.events * 1e6, 2),
            }
    for connections in (1, 2):
        figures[f"best_{connections}"] = max(figures[f"{name}_{connections}"]["points_per_s"] for name in ("plain", "gzip"))
    return figures


async def backlog(bench: Bench, load: Load) -> dict[str, Any]:
    """Ingest drains a backlog into InfluxDB; the ledger proves that everything is there, and so does the store's count."""
    async with bench.database() as database, bench.broker() as broker:
        ingest = _ingest(bench, load, broker, f"influx:http://127.0.0.1:{bench.influx.port}/{database}")
        programs: Mapping[str, Program] = {"ingest": ingest, "broker": broker, "influxd": bench.influx}
        course = await drained(bench, load, broker, [ingest], ingest.received, programs=programs)
        check(course, ingest)
        return course.figures() | await proof(ingest, load) | {"points": await bench.influx.count(database)}


async def embedded(bench: Bench, load: Load, *, core: int | None, points: Callable[[Path], Awaitable[int]]) -> dict[str, Any]:
    """Ingest drains a backlog into the embedded store, on one core; the broker has the others to itself.

    `points` counts what is in the store's file afterwards.
    """
    async with bench.broker() as broker:
        folder = bench.folder("series")
        folder.mkdir()
        ingest = _ingest(bench, load, broker, f"embedded:{folder}/series.duckdb", core=core)
        programs: Mapping[str, Program] = {"ingest": ingest, "broker": broker}
        course = await drained(bench, load, broker, [ingest], ingest.received, programs=programs)
        check(course, ingest)
        return course.figures() | await proof(ingest, load) | {"points": await points(folder / "series.duckdb"), "core": core}


async def live(bench: Bench, load: Load, *, embedded: bool = False) -> dict[str, Any]:
    """Ingest takes what a publisher sends at the same time, as fast as it is committed; memory over the run.

    `embedded`: into the embedded store in place of InfluxDB.
    """
    packets = bench.packets(load)
    async with bench.database() as database, bench.broker() as broker:
        series = f"influx:http://127.0.0.1:{bench.influx.port}/{database}"
        if embedded:
            folder = bench.folder("series")
            folder.mkdir()
            series = f"embedded:{folder}/series.duckdb"
        ingest = _ingest(bench, load, broker, series)
        publisher = bench.publisher(packets, broker, "--told")
        under_way = min(UNDER_WAY, max(load.per_message, load.events // 4))
        told = packets.told()

        def tell(events: int) -> None:
            told[:8] = ((events + under_way) // load.per_message).to_bytes(8, "little")

        programs: Mapping[str, Program] = {
            "ingest": ingest,
            "broker": broker,
            "influxd": bench.influx,
            "publisher": publisher,
        }
        before = look(0, programs)
        async with ingest, publisher:
            bench.say(f"ingest takes {load.events:,} events while they are sent")
            tell(0)
            course = await follow(ingest.received, programs, load.events, before=before, stall_s=STALL_S, seen=tell)
            check(course, ingest)
            await sent(publisher)
        # What was left when the publisher had nothing more to send was drained without it: not in the rate.
        figures = course.until(load.events - under_way).figures() | {"events": course.events, "wanted": load.events}
        figures |= {"memory": course.memory("ingest")} | await proof(ingest, load)
        return figures if embedded else figures | {"points": await bench.influx.count(database)}


async def latency(bench: Bench, load: Load, *, events_per_s: float) -> dict[str, Any]:
    """From the moment a batch is sent to the moment its watermark is here, at a steady rate."""
    packets = bench.packets(load)
    async with bench.database() as database, bench.broker() as broker:
        ingest = _ingest(bench, load, broker, f"influx:http://127.0.0.1:{bench.influx.port}/{database}")
        publisher = bench.publisher(packets, broker, "--stamps", "--per-second", str(events_per_s / load.per_message))
        watcher = Connection(address=Address.parse(broker.url), client_id="bench-watch", inbound=1000)
        async with ingest, watcher:
            await watcher.subscribe(topics.committed(SITE, "+", "telemetry"))
            watching = asyncio.create_task(_watch(watcher, load), name="bench-watch")
            bench.say(f"latency at {events_per_s:,.0f} events/s")
            async with publisher:
                await sent(publisher)
            try:
                async with asyncio.timeout(STALL_S):
                    committed = await watching
            except TimeoutError:
                raise PlumblineError(f"bench: not every batch was committed; read {ingest.log}") from None
        stamps = array("q")
        stamps.frombytes(packets.path.with_suffix(".stamps").read_bytes())
        took = [(there - sent_at) / 1e9 for sent_at, there in zip(stamps, committed, strict=True)]
        began = min(stamps)
        achieved = load.events / ((max(stamps) - began) / 1e9) if max(stamps) > began else 0.0
        return {"asked_events_per_s": round(events_per_s), "sent_events_per_s": round(achieved)} | spread_ms(took)


async def receiving(bench: Bench, load: Load) -> float:
    """CPU µs per event of this process for receiving a load's messages from a broker and acknowledging them, and nothing else."""
    packets = bench.packets(load)
    async with bench.broker() as broker:

        def connect() -> Connection:
            address = Address.parse(broker.url)
            return Connection(address=address, client_id="bench-receiver", session_expiry_s=300, inbound=_INBOUND)

        async with connect() as connection:
            await connection.subscribe(topics.all_events(share=None))
        await bench.publish(packets, broker)
        began, left = time.process_time(), packets.count
        async with connect() as connection:
            while left:
                messages = await connection.take(_INBOUND)
                left -= len(messages)
                connection.acknowledge(messages)
            return round((time.process_time() - began) / load.events * 1e6, 3)


async def sustained(bench: Bench, make: Consumer, load: Load, *, ours: bool) -> dict[str, Any]:
    """A consumer drains a backlog of the messages that all consumers can read, counted in InfluxDB."""
    async with bench.database() as database, bench.broker() as broker:
        consumer = _make(bench, make, broker, database, load)
        base = await bench.influx.accepted()

        async def accepted() -> int:
            return await bench.influx.accepted() - base

        programs: Mapping[str, Program] = {"consumer": consumer, "broker": broker, "influxd": bench.influx}
        stall_s = STALL_S if ours else PEER_STALL_S
        course = await drained(
            bench, load, broker, [consumer], accepted, programs=programs, stall_s=stall_s, every_s=_ASK_EVERY_S
        )
        # What a peer gathers last waits a second for company: not in its rate.
        return course.figures(since="ready", share=0.95) | {"missing": load.events - await bench.influx.count(database)}


async def loss(
    bench: Bench, make: Consumer, load: Load, *, trouble: Literal["killed", "away"], events_per_s: float
) -> dict[str, Any]:
    """Trouble in the middle of a steady flow: the consumer is killed and started again, or InfluxDB is away for 4 s."""
    packets = bench.packets(load)
    async with bench.database() as database, bench.broker() as broker:
        consumer = _make(bench, make, broker, database, load)
        publisher = bench.publisher(packets, broker, "--per-second", str(events_per_s / load.per_message))

        async def count() -> int:
            return await bench.influx.count(database)

        async with consumer, publisher:
            bench.say(f"{consumer.name}: {load.events:,} events, " + ("killed" if trouble == "killed" else "InfluxDB away"))
            half_s = load.events / events_per_s / 2
            if trouble == "killed":
                await asyncio.sleep(half_s)
                await consumer.kill()
                await consumer.start()
            else:
                await asyncio.sleep(max(0.0, half_s - AWAY_S / 2))
                await bench.influx.stop()
                await asyncio.sleep(AWAY_S)
                await bench.influx.start()
            await sent(publisher)
            course = await follow(count, {}, load.events, before=look(0, {}), stall_s=PEER_STALL_S, every_s=_COUNT_EVERY_S)
        return {"sent": load.events, "lost": load.events - course.events}


def _ingest(bench: Bench, load: Load, broker: Broker, series: str, *, core: int | None = None) -> Ingest:
    folder = bench.folder("ingest")
    return Ingest(folder, broker_port=broker.port, series=series, site_file=load.site_file(), core=core)


def _make(bench: Bench, make: Consumer, broker: Broker, database: str, load: Load) -> Program:
    return make(
        bench.folder("consumer"),
        broker_port=broker.port,
        influx_port=bench.influx.port,
        database=database,
        per_message=load.per_message,
    )


async def drained(
    bench: Bench,
    load: Load,
    broker: Broker,
    consumers: Sequence[Program],
    count: Count,
    *,
    programs: Mapping[str, Program],
    stall_s: float = STALL_S,
    every_s: float = EVERY_S,
) -> Course:
    """Let the whole load wait in the broker for the sessions of consumers that are away; start them, follow them, stop them.

    Several share a subscription. They are killed first, not stopped: who stops in order leaves its share to the others.
    """
    async with _together(consumers):
        for consumer in consumers if len(consumers) > 1 else ():
            await consumer.kill()  # the broker knows their sessions from now on
    packets: Packets = bench.packets(load)
    await bench.publish(packets, broker)
    bench.say(
        f"{consumers[0].name} drains {load.events:,} events" + (f", {len(consumers)} of it" if len(consumers) > 1 else "")
    )
    before = look(0, programs, starting=consumers)
    async with _together(consumers):
        return await follow(count, programs, load.events, before=before, stall_s=stall_s, every_s=every_s)


@contextlib.asynccontextmanager
async def _together(programs: Sequence[Program]) -> AsyncGenerator[None]:
    """Programs that are started at the same time, and stopped one after the other."""
    async with contextlib.AsyncExitStack() as stack:
        for program in programs:
            stack.push_async_callback(program.stop)
        for failed in await asyncio.gather(*(program.start() for program in programs), return_exceptions=True):
            if failed is not None:
                raise failed
        yield


async def _watch(watcher: Connection, load: Load) -> list[int]:
    """When the watermark of each batch came, in the order in which they were sent (ns of the monotonic clock)."""
    batches = list(load.batches())
    waiting: dict[str, deque[tuple[int, int]]] = {load.gateway(number): deque() for number in range(load.gateways)}
    for number, (gateway, _, last) in enumerate(batches):
        waiting[load.gateway(gateway)].append((last, number))
    there, left = [0] * len(batches), len(batches)
    async for message in watcher.messages():
        now = time.monotonic_ns()
        message.ack()
        mark = codec.decode_watermark(message.payload)
        queue = waiting[mark.gateway]
        while queue and queue[0][0] <= mark.upto:
            there[queue.popleft()[1]] = now
            left -= 1
        if not left:
            break
    return there


def check(course: Course, ingest: Ingest) -> None:
    """Raise `PlumblineError` where ingest did not take everything."""
    if course.events < course.wanted:
        raise PlumblineError(f"bench: ingest took {course.events} of {course.wanted} events; read {ingest.log} (--keep)")


async def proof(ingest: Ingest, load: Load) -> dict[str, Any]:
    """The ledger's own word, and whether it is that everything arrived once and nothing is missing."""
    ledger = await ingest.proof()
    complete = ledger["received"] == load.events and not ledger["missing"] and not ledger["dead"]
    return {"ledger": ledger, "ledger_complete": complete}
