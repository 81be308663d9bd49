"""Gateways that send what they have, out of order and some of it twice, until all of it is committed: as an outbox does."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence

import msgspec

from plumbline import codec, ranges, topics
from plumbline.address import Address
from plumbline.event import Event
from plumbline.mqtt import Connection, keep_connected
from tests.batches import NOON, SECOND, batch, check_in, fix, health, reading, scan, state

#: Longer without news, and what is not committed is sent again: a worker may have died with it.
AGAIN_S = 0.7
#: The fix that arrives with a position that does not exist.
POISON = 44


def day_of(number: int, *, telemetry: int, business: int) -> list[list[Event]]:
    """What gateway `number` saw: its business, its telemetry. Times differ from gateway to gateway: the devices do not."""

    def seen(kind: Callable[..., Event], n: int) -> Event:
        return kind(n, gateway=f"gw-{number}", at=NOON + n * SECOND + number)

    doing = [seen((scan, check_in, state)[n % 3], n) for n in range(1, business + 1)]
    measured = [seen(health if n % 97 == 0 else fix if n % 11 == 0 else reading, n) for n in range(1, telemetry + 1)]
    measured[POISON - 1] = msgspec.structs.replace(measured[POISON - 1], lat=31.2501)
    return [doing, measured]


def poisoned(message: tuple[str, bytes]) -> tuple[str, bytes]:
    """The same batch, one event of it with a position that does not exist."""
    topic, payload = message
    return topic, payload.replace(b'"lat":31.2501', b'"lat":131.2501', 1)


class Gateways:
    """Several gateways on one connection; `run` returns when all that they have is committed."""

    def __init__(
        self, url: str, events: Sequence[Sequence[Event]], *, seed: int, batch_size: int = 60, poison: bool = True
    ) -> None:
        self._address = Address.parse(url)
        self._rng = random.Random(seed)
        self._messages: list[tuple[str, bytes]] = []
        self._wanted: dict[tuple[str, str], int] = {}
        self._settled: dict[tuple[str, str], ranges.Pairs] = {}
        self._covers: list[tuple[tuple[str, str], ranges.Pairs]] = []
        self._news = asyncio.Event()
        self._allowed = 1.0
        for stream in events:
            first, at = stream[0], 0
            self._wanted[first.gateway, first.event_class] = len(stream)
            while at < len(stream):
                part = stream[at : at + self._rng.randint(1, batch_size)]
                at += len(part)
                message = batch(part)
                if poison and any(event.seq == POISON for event in part):
                    message = poisoned(message)
                self._messages.append(message)
                self._covers.append(((first.gateway, first.event_class), ranges.of(event.seq for event in part)))

        order = self._rng.sample(range(len(self._messages)), len(self._messages))
        self._messages = [self._messages[i] for i in order]
        self._covers = [self._covers[i] for i in order]

    @property
    def committed(self) -> int:
        """How many events are committed, as far as the watermarks say."""
        return sum(ranges.count(pairs) for pairs in self._settled.values())

    @property
    def total(self) -> int:
        """How many events there are."""
        return sum(self._wanted.values())

    def allow(self, share: float) -> None:
        """Send no more than this share of the messages until told otherwise (default: all)."""
        self._allowed = share
        self._news.set()

    async def until(self, share: float) -> None:
        """Return when this share of the events is committed."""
        while self.committed < share * self.total:
            self._news.clear()
            await self._news.wait()

    async def run(self) -> None:
        """Send until everything is committed."""
        listening = asyncio.create_task(
            keep_connected(
                lambda: Connection(address=self._address, client_id="gateways", inbound=1000),
                self._session,
                on_failure=lambda *_: None,
                first_s=0.05,
                cap_s=0.3,
            )
        )
        await listening

    async def _session(self, connection: Connection) -> None:
        await connection.subscribe(topics.committed("yard", "+", "business"))
        await connection.subscribe(topics.committed("yard", "+", "telemetry"))
        async with asyncio.TaskGroup() as group:
            reader = group.create_task(self._listen(connection))
            while self._allowed < 1 or self._waiting():
                self._rng.shuffle(waiting := self._waiting())
                for topic, payload in [*waiting, *waiting[: len(waiting) // 10]]:
                    await connection.publish(topic, payload)
                before = -1
                while before != self.committed and (self._waiting() or self._allowed < 1):
                    before = self.committed
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(AGAIN_S):
                            await self.until(1)
            reader.cancel()

    @property
    def _count(self) -> int:
        return round(self._allowed * len(self._messages))

    def _waiting(self) -> list[tuple[str, bytes]]:
        return [
            message
            for message, (stream, numbers) in list(zip(self._messages, self._covers, strict=True))[: self._count]
            if ranges.difference(numbers, self._settled.get(stream, ()))
        ]

    async def _listen(self, connection: Connection) -> None:
        async for message in connection.messages():
            mark = codec.decode_watermark(message.payload)
            key = (mark.gateway, mark.event_class)
            told = ((1, mark.upto), *mark.beyond) if mark.upto else mark.beyond
            self._settled[key] = ranges.union(self._settled.get(key, ()), told)
            self._news.set()
            message.ack()
