"""MQTT's side of the pipeline: a lane per class, so that telemetry waiting for its store never holds up business.

A lane has a connection of its own with a persistent session, and four stages that run side by side:

    open → prepare → store → settle, answer, acknowledge

While a group is being settled, the one behind it waits for the series store, the next has its points made and sent, and a
fourth is opened. Each stage has one group at most and hands it over in order (`ingest.receiving.handover`), so what comes from a gateway
keeps its order, and a stage that stands still holds up everything behind it, back to the broker: a message is acknowledged
after its commit, and the broker sends no more than `inbound` messages that are not (MQTT 5: receive maximum; 3.1.1: the socket
is not read). What a lane holds is bounded by bytes (`ingest.receiving.gathering`, `plumbline.mqtt.inbox`), whatever arrives.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import structlog

from ingest.operations.metrics import Metrics
from ingest.patience import Patience, Stop
from ingest.pipeline import Checkpoint, Group, Outcome, Pipeline, pass_by
from ingest.receiving.answers import Answers
from ingest.receiving.gathering import Gathering, Grouping, Opened, weight
from ingest.receiving.handover import Handover
from ingest.receiving.parcel import open_group
from plumbline import topics
from plumbline.errors import MqttError
from plumbline.event import EventClass
from plumbline.mqtt import Connection, keep_connected
from plumbline.site import SiteFile

__all__ = ["Grouping", "Lane", "subscription"]

_log: Final = structlog.get_logger()
T = TypeVar("T")


def subscription(event_class: EventClass, share: str | None) -> str:
    """The filter of one class; with a share name the workers of that group split the messages (MQTT 5, 4.8.2)."""
    own = topics.events("+", "+", event_class)
    return f"$share/{share}/{own}" if share else own


@dataclass(slots=True)
class _Load:
    """A group in the lane's stages."""

    opened: Opened
    group: Group
    taken_up: float
    points_s: float


class Lane:
    """Receives, commits and answers the batches of one class until told to stop.

    Args:
        event_class: which.
        connect: makes a connection; called for each try.
        share: the shared subscription's name; `None` on brokers without (amqtt).
        others: whether other workers go on once this one ends.
        pipeline: where groups go.
        sites: the site files by id.
        stop: ends the lane: what was taken is committed first, what cannot be stays the broker's.
        metrics: counters.
        on_commit: called after each commit.
        grouping: how messages are grouped.
        patience: how long to wait for a store or the broker.
        clock: UTC in ns.
        checkpoint: see `Pipeline`.
    """

    def __init__(
        self,
        *,
        event_class: EventClass,
        connect: Callable[[], Connection],
        share: str | None,
        others: Callable[[], Awaitable[bool]],
        pipeline: Pipeline,
        sites: Mapping[str, SiteFile],
        stop: Stop,
        metrics: Metrics,
        on_commit: Callable[[], None],
        grouping: Grouping,
        patience: Patience,
        clock: Callable[[], int] = time.time_ns,
        checkpoint: Checkpoint = pass_by,
    ) -> None:
        self._class: EventClass = event_class
        self._connect = connect
        self._share = share
        self._others = others
        self._pipeline = pipeline
        self._sites = sites
        self._stop = stop
        self._metrics = metrics
        self._on_commit = on_commit
        self._grouping = grouping
        self._patience = patience
        self._clock = clock
        self._checkpoint = checkpoint
        self._stir = asyncio.Event()
        self._gathering = Gathering(grouping, self._stir.set)
        self._drained = asyncio.Event()
        self._connection: Connection | None = None
        self._answers = Answers()
        self._loads: list[_Load] = []

    @property
    def connected(self) -> bool:
        """Whether it receives now."""
        return self._connection is not None

    async def run(self) -> None:
        """Serve until told to stop."""
        async with asyncio.TaskGroup() as group:
            receiver = group.create_task(
                keep_connected(
                    self._connect,
                    self._session,
                    on_failure=self._lost,
                    first_s=self._patience.first_s,
                    cap_s=self._patience.cap_s,
                ),
                name=f"ingest-{self._class}-receiver",
            )
            stages = group.create_task(self._stages(), name=f"ingest-{self._class}-stages")
            await self._stop.wait()
            self._stir.set()
            await asyncio.wait([stages])
            if self._connection is None:
                receiver.cancel()

    async def _session(self, connection: Connection) -> None:
        await connection.subscribe(subscription(self._class, self._share))
        self._connection = connection
        _log.info("receiving", event_class=self._class)
        try:
            async with asyncio.TaskGroup() as group:
                reader = group.create_task(self._read(connection), name=f"ingest-{self._class}-reader")
                await self._stop.wait()  # nothing more is taken; what was taken is committed and answered
                reader.cancel()
                await self._drained.wait()
                await self._answers.last()
            if self._share and not self._loads and not self._gathering and await self._others():
                connection.forget()  # a broker gives its share also to who is away, as long as it keeps the session
        finally:
            self._connection = None

    async def _read(self, connection: Connection) -> None:
        metrics, loop = self._metrics, asyncio.get_running_loop()
        received, received_bytes = metrics.messages.labels(self._class), metrics.message_bytes.labels(self._class)
        queue, queue_bytes = metrics.queue_messages.labels(self._class), metrics.queue_bytes.labels(self._class)
        while True:
            messages = await connection.take(self._grouping.messages)
            size = weight(messages)
            received.inc(len(messages))
            received_bytes.inc(size)
            queue.inc(len(messages))
            queue_bytes.inc(size)
            await self._gathering.put(messages, loop.time(), size=size)

    async def _stages(self) -> None:
        opened: Handover[Opened] = Handover(self._stir.set)
        prepared: Handover[_Load] = Handover()
        stored: Handover[_Load] = Handover()
        try:
            async with asyncio.TaskGroup() as group:
                for name, stage in (
                    ("open", self._open(opened)),
                    ("prepare", self._stage(opened, self._prepare, prepared, "points")),
                    ("store", self._stage(prepared, self._store, stored, "store")),
                    ("settle", self._stage(stored, self._settle, None, "commit")),
                ):
                    group.create_task(stage, name=f"ingest-{self._class}-{name}")
        finally:
            for load in self._loads:
                load.group.give_up()
            self._drained.set()

    async def _stage(
        self, source: Handover[T], act: Callable[[T], Awaitable[_Load]], onward: Handover[_Load] | None, task: str
    ) -> None:
        """Insist on doing something with each group, and hand it on; told to stop meanwhile, leave it to the broker."""
        while (thing := await source.take()) is not None:
            load = await self._patience.insist(
                lambda one=thing: act(one),
                task=f"{task} {self._class}",
                stop=self._stop,
                failed=lambda away: self._metrics.retries.labels(away).inc(),
            )
            if load is None or (onward is not None and not await onward.give(load)):
                break
        source.close()
        if onward is not None:
            await onward.give(None)

    async def _open(self, onward: Handover[Opened]) -> None:
        """Gather groups and open them until told to stop and nothing waits."""
        while True:
            while not self._gathering and not self._stop.is_set():
                self._stir.clear()
                await self._stir.wait()
            if not self._gathering:
                await onward.give(None)
                return
            group = Opened()
            await self._fill(group, onward)
            await self._checkpoint("opened")
            self._metrics.stage_seconds.labels(self._class, "open").observe(group.seconds)
            if not await onward.give(group):
                return

    async def _fill(self, group: Opened, onward: Handover[Opened]) -> None:
        """Open what waits, and what comes until the group is full or its turn has come."""
        loop = asyncio.get_running_loop()
        deadline: float | None = None
        while True:
            while portion := self._gathering.portion(group):
                began = loop.time()
                group.add(portion, open_group(portion, sites=self._sites, received_at=self._clock()))
                group.seconds += loop.time() - began
                await asyncio.sleep(0)
            if self._gathering.full(group) or self._stop.is_set():
                return
            wait_s = None
            if onward.wanted:
                now = loop.time()
                if deadline is None and self._gathering.expected(now) >= self._grouping.company:
                    deadline = now + self._grouping.linger_s
                if deadline is None or now >= deadline:
                    return
                wait_s = deadline - now
            self._stir.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._stir.wait()
            except TimeoutError:
                return

    async def _prepare(self, opened: Opened) -> _Load:
        began = asyncio.get_running_loop().time()
        load = _Load(opened, await self._pipeline.prepare(opened.parcels), began - opened.seconds, 0.0)
        load.points_s = asyncio.get_running_loop().time() - began
        self._loads.append(load)
        return load

    async def _store(self, load: _Load) -> _Load:
        began = asyncio.get_running_loop().time()
        await self._pipeline.store(load.group)
        load.points_s += asyncio.get_running_loop().time() - began
        if self._class == "telemetry":
            self._metrics.stage_seconds.labels(self._class, "points").observe(load.points_s)
        return load

    async def _settle(self, load: _Load) -> _Load:
        loop, opened = asyncio.get_running_loop(), load.opened
        began = loop.time()
        outcome = await self._pipeline.settle(load.group)
        self._measure(load, began, loop.time())
        await self._answer(opened, outcome)
        self._loads.remove(load)
        return load

    async def _answer(self, opened: Opened, outcome: Outcome) -> None:
        self._on_commit()
        if self._connection is not None:
            self._answers.say(self._connection, outcome.watermarks)
        await self._checkpoint("watermark")
        if self._connection is not None:
            self._connection.acknowledge(opened.messages)
        self._metrics.queue_messages.labels(self._class).dec(len(opened.messages))
        self._metrics.queue_bytes.labels(self._class).dec(opened.weight)
        await self._checkpoint("acknowledge")

    def _measure(self, load: _Load, began: float, now: float) -> None:
        metrics, name = self._metrics, self._class
        metrics.stage_seconds.labels(name, "sql").observe(now - began)
        metrics.commit_seconds.labels(name).observe(now - load.taken_up)
        metrics.arrival_seconds.labels(name).observe(now - load.opened.arrived)
        metrics.group_messages.labels(name).observe(len(load.opened.messages))
        metrics.group_events.labels(name).observe(load.opened.events)

    def _lost(self, error: MqttError, wait_s: float) -> None:
        self._metrics.retries.labels("broker").inc()
        _log.warning("broker away, will try again", event_class=self._class, error=str(error), wait_s=round(wait_s, 3))
