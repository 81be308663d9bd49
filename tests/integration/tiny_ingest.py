"""The smallest ingest that keeps the contract with gateways: for tests of the agent's side alone."""

import asyncio
import contextlib
from typing import Self

import pytest

from plumbline import codec, ranges, topics
from plumbline.address import Address
from plumbline.delivery import ReplayRequest, Watermark
from plumbline.event import CLASSES, Health
from plumbline.mqtt import Connection, keep_connected


async def until(condition, what, deadline_s=120.0):
    try:
        async with asyncio.timeout(deadline_s):
            while not condition():  # noqa: ASYNC110 - what is waited for happens behind a broker
                await asyncio.sleep(0.005)  # the pause of a poll, not an assumption about time
    except TimeoutError:
        pytest.fail(f"waited {deadline_s:g} s for {what}")


class TinyIngest:
    """Receives batches, remembers every copy of every event, and answers with watermarks unless it is told to be silent."""

    def __init__(self, url, name) -> None:
        self.address = Address.parse(url)
        self.name = name
        self.received = {name: {} for name in CLASSES}
        self.thinned = dict.fromkeys(CLASSES, ())
        self.lost = dict.fromkeys(CLASSES, ())
        self.copies = []
        self.presence = []
        self.silent = False
        self.most_beyond = 0
        self.clashes = []
        self.epoch = None
        self.connection = None
        self.ready = asyncio.Event()

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(
            keep_connected(self._connection, self._session, on_failure=lambda *_: None, first_s=0.05, cap_s=0.2)
        )
        await self.ready.wait()
        return self

    async def __aexit__(self, *_) -> None:
        assert not self.clashes, "one number, two events"
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task

    @property
    def health(self):
        """The health events received, oldest first."""
        return [event for event in self.copies if isinstance(event, Health)]

    def _connection(self):
        return Connection(address=self.address, client_id=self.name)

    async def _session(self, connection):
        await connection.subscribe(topics.all_events(share=None))
        await connection.subscribe(topics.all_presence())
        self.connection = connection
        self.ready.set()
        async for message in connection.messages():
            message.ack()
            if message.topic.endswith("/presence"):
                self.presence.append(codec.decode_presence(message.payload))
                continue
            batch = codec.decode_batch(message.payload)
            assert not batch.refused
            if not self.takes(batch):
                continue
            if self.epoch != batch.header.epoch:
                self.epoch, self.received = batch.header.epoch, {name: {} for name in CLASSES}
            event_class = batch.header.event_class
            self.thinned[event_class] = ranges.union(self.thinned[event_class], batch.header.thinned)
            self.lost[event_class] = ranges.union(self.lost[event_class], batch.header.lost)
            for event in batch.events:
                self.copies.append(event)
                self.received[event_class].setdefault(event.seq, event.id)
                if self.received[event_class][event.seq] != event.id:
                    self.clashes.append(event.seq)
            if not self.silent:
                self.commit(event_class)

    def takes(self, _batch):
        """Whether a batch is taken at all; a test may lose some."""
        return True

    def commit(self, event_class, numbers=None):
        upto, beyond = ranges.watermark(
            ranges.union(
                ranges.of(numbers if numbers is not None else self.received[event_class]),
                self.thinned[event_class],
                self.lost[event_class],
            )
        )
        self.most_beyond = max(self.most_beyond, len(beyond))
        mark = Watermark(site="s", gateway="g", epoch=self.epoch, event_class=event_class, upto=upto, beyond=beyond)
        self.connection.publish_soon(topics.committed("s", "g", event_class), codec.encode(mark), retain=True)

    def ask(self, event_class, *wanted):
        request = ReplayRequest(epoch=self.epoch, event_class=event_class, ranges=wanted)
        self.connection.publish_soon(topics.replay("s", "g"), codec.encode(request))
