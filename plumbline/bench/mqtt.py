"""`plumbline bench mqtt`: what a message costs to receive and acknowledge, ours beside paho on one Mosquitto in one run.

Messages of the size of one event wait in a session for each way of taking them; then each connects and takes them. What is
counted is the CPU time of this process, kernel included: the messages as objects, and every acknowledgement.
"""

import asyncio
import gc
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from plumbline.address import Address
from plumbline.broker import free_port, own_broker
from plumbline.mqtt import Connection
from plumbline.mqtt.link import Link, Options
from plumbline.mqtt.native import NativeLink
from plumbline.mqtt.through_paho import PahoLink

_TOPIC: Final = "plumbline/v1/bench/gw-1/events/telemetry"
_EVENT_BYTES: Final = 400
_BULK: Final = 1000
_INBOUND: Final = 4000
_UNDER_WAY: Final = 1000


class Cost(NamedTuple):
    """Of one message."""

    cpu_us: float
    per_s: float


async def _in_bulk(connection: Connection, count: int) -> None:
    while count > 0:
        messages = await connection.take(_BULK)
        count -= len(messages)
        connection.acknowledge(messages)


async def _one_by_one(connection: Connection, count: int) -> None:
    async for message in connection.messages():
        message.ack()
        count -= 1
        if count == 0:
            return


_WAYS: Final[dict[str, tuple[Callable[[Options], Link], Callable[[Connection, int], Awaitable[None]]]]] = {
    "ours_in_bulk": (NativeLink, _in_bulk),
    "ours_one_by_one": (NativeLink, _one_by_one),
    "paho_in_bulk": (PahoLink, _in_bulk),
    "paho_one_by_one": (PahoLink, _one_by_one),
}


async def measure(folder: Path, *, messages: int, rounds: int = 3) -> dict[str, Any]:
    """CPU µs a message and messages/s of each way, the median of some rounds; and how much of paho's cost ours is."""
    costs: dict[str, list[Cost]] = {way: [] for way in _WAYS}
    async with own_broker(folder=folder / "broker", host="127.0.0.1", port=free_port()) as broker:
        address = Address.parse(broker.url)

        def connect(way: str) -> Connection:
            return Connection(
                address=address,
                client_id=f"bench-{way}",
                version=broker.version,
                session_expiry_s=3600,
                inbound=_INBOUND,
                keepalive_s=60,
                through=_WAYS[way][0],
            )

        for way in _WAYS:
            async with connect(way) as connection:
                await connection.subscribe(_TOPIC)
        for turn in range(rounds):
            await _publish(address, messages)
            ways = list(_WAYS) if turn % 2 == 0 else list(_WAYS)[::-1]
            for way in ways:
                costs[way].append(await _cost(connect(way), _WAYS[way][1], messages))
    figures: dict[str, Any] = {
        way: {
            "cpu_us_a_message": round(statistics.median(cost.cpu_us for cost in many), 2),
            "messages_per_s": round(statistics.median(cost.per_s for cost in many)),
        }
        for way, many in costs.items()
    }
    ours, theirs = (figures[way]["cpu_us_a_message"] for way in ("ours_in_bulk", "paho_in_bulk"))
    return {
        "messages": messages,
        "bytes": _EVENT_BYTES,
        "rounds": rounds,
        **figures,
        "paho_times_ours": round(theirs / ours, 1),
    }


async def _cost(connection: Connection, receive: Callable[[Connection, int], Awaitable[None]], count: int) -> Cost:
    gc.collect()
    async with connection:
        wall, cpu = time.perf_counter(), time.process_time()
        await receive(connection, count)
        await asyncio.sleep(0)  # the last acknowledgements go out
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        await connection.publish(f"{_TOPIC}/end", b"")  # the broker has them
    return Cost(cpu / count * 1e6, count / wall)


async def _publish(address: Address, count: int) -> None:
    async with Connection(address=address, client_id="bench-publisher") as publisher:
        payload = bytes(_EVENT_BYTES)
        for begin in range(0, count, _UNDER_WAY):
            size = min(_UNDER_WAY, count - begin)
            await asyncio.gather(*(publisher.publish_soon(_TOPIC, payload) for _ in range(size)))
