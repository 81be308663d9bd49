"""MQTT's side of the pipeline: a lane per class, so that telemetry waiting for its store never holds up business.

A lane has a connection of its own with a persistent session. A message is acknowledged after its commit; until then it is
the broker's, which holds back once `inbound` messages are out (MQTT 5: receive maximum; 3.1.1: the socket is not read).
That, and the bounded queue between reader and worker, is all the memory a lane uses, whatever arrives.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from ingest.metrics import Metrics
from ingest.parcel import Parcel, open_parcel
from ingest.patience import Patience, Stop
from ingest.pipeline import Checkpoint, Pipeline, pass_by
from plumbline import codec, topics
from plumbline.delivery import Watermark
from plumbline.errors import MqttError
from plumbline.event import EventClass
from plumbline.mqtt import Connection, keep_connected
from plumbline.site import SiteFile

_log: Final = structlog.get_logger()

#: Watermarks that may be on their way to the broker.
_UNANSWERED: Final = 1000

#: An event's JSON, about: the size of a compressed message says little of the work in it.
_EVENT_BYTES: Final = 400
_GOODBYE_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """How messages that wait are committed together."""

    messages: int = 64
    """At most so many messages."""
    size_bytes: int = 4 * 1024 * 1024
    """No further message once the group has so many bytes."""
    linger_s: float = 0.005
    """So long a group waits for company."""


def subscription(event_class: EventClass, share: str | None) -> str:
    """The filter of one class; with a share name the workers of that group split the messages (MQTT 5, 4.8.2)."""
    own = topics.events("+", "+", event_class)
    return f"$share/{share}/{own}" if share else own


class Lane:
    """Receives, commits and answers the batches of one class until told to stop.

    Args:
        event_class: which.
        connect: makes a connection; called for each try.
        share: the shared subscription's name; `None` on brokers without (amqtt).
        pipeline: where groups go.
        sites: the site files by id.
        stop: ends the lane: what is queued is committed first, what cannot be stays the broker's.
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
        self._pipeline = pipeline
        self._sites = sites
        self._stop = stop
        self._metrics = metrics
        self._on_commit = on_commit
        self._grouping = grouping
        self._patience = patience
        self._clock = clock
        self._checkpoint = checkpoint
        self._queue: asyncio.Queue[Parcel | None] = asyncio.Queue(maxsize=2 * grouping.messages)
        self._drained = asyncio.Event()
        self._connection: Connection | None = None
        self._published: list[asyncio.Future[None]] = []
        self._newest: dict[tuple[str, str], str] = {}

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
            worker = group.create_task(self._work(), name=f"ingest-{self._class}-worker")
            await self._stop.wait()
            end = group.create_task(self._queue.put(None), name=f"ingest-{self._class}-end")
            await asyncio.wait([worker])
            end.cancel()
            if self._connection is None:
                receiver.cancel()

    async def _session(self, connection: Connection) -> None:
        await connection.subscribe(subscription(self._class, self._share))
        self._connection = connection
        _log.info("receiving", event_class=self._class)
        try:
            async with asyncio.TaskGroup() as group:
                reader = group.create_task(self._read(connection), name=f"ingest-{self._class}-reader")
                await self._drained.wait()
                reader.cancel()
                if self._published:  # the last answers are out before goodbye, where the broker still listens
                    await asyncio.wait(self._published, timeout=_GOODBYE_S)
        finally:
            self._connection = None

    async def _read(self, connection: Connection) -> None:
        received = self._metrics.messages.labels(self._class)
        async for message in connection.messages():
            received.inc()
            await self._queue.put(
                open_parcel(message.topic, message.payload, sites=self._sites, received_at=self._clock(), ack=message.ack)
            )

    async def _work(self) -> None:
        seconds = self._metrics.commit_seconds.labels(self._class)
        try:
            while parcels := await self._gather():
                with seconds.time():
                    outcome = await self._patience.insist(
                        lambda group=parcels: self._pipeline.commit(group),
                        task=f"commit {self._class}",
                        stop=self._stop,
                        failed=lambda away: self._metrics.retries.labels(away).inc(),
                    )
                if outcome is None:
                    return
                self._on_commit()
                self._answer(outcome.watermarks)
                await self._checkpoint("watermark")
                for parcel in parcels:
                    parcel.ack()
                await self._checkpoint("acknowledge")
        finally:
            self._drained.set()

    async def _gather(self) -> list[Parcel]:
        """The messages that wait, at least one; empty at the end."""
        first = await self._queue.get()
        if first is None:
            return []
        parcels, size = [first], _size(first)
        try:
            async with asyncio.timeout(self._grouping.linger_s):
                while len(parcels) < self._grouping.messages and size < self._grouping.size_bytes:
                    parcel = await self._queue.get()
                    if parcel is None:
                        self._queue.put_nowait(None)
                        break
                    parcels.append(parcel)
                    size += _size(parcel)
        except TimeoutError:
            pass
        return parcels

    def _answer(self, watermarks: list[Watermark]) -> None:
        """Publish how far each stream is committed; the retained one is that of the gateway's newest epoch.

        Nothing depends on one answer: a gateway that misses it sends again, and every repetition is answered. So none is
        sent while the broker has left too many unacknowledged.
        """
        connection = self._connection
        if connection is None:
            return
        # Never waited for here: the acknowledgement may stand in the socket behind messages that only our own acks let in.
        self._published = [answer for answer in self._published if not answer.done()]
        for watermark in watermarks[: max(0, _UNANSWERED - len(self._published))]:
            place = (watermark.site, watermark.gateway)
            newest = max(self._newest.get(place, ""), watermark.epoch)
            if len(self._newest) > 10_000:  # places are named by whoever publishes
                self._newest.clear()
            self._newest[place] = newest
            topic = topics.committed(watermark.site, watermark.gateway, watermark.event_class)
            retain = watermark.epoch == newest
            answer = connection.publish_soon(topic, codec.encode(watermark), retain=retain)
            answer.add_done_callback(_forget)
            self._published.append(answer)

    def _lost(self, error: MqttError, wait_s: float) -> None:
        _log.warning("broker away, will try again", event_class=self._class, error=str(error), wait_s=round(wait_s, 3))


def _size(parcel: Parcel) -> int:
    return max(len(parcel.payload), len(parcel.events) * _EVENT_BYTES)


def _forget(answer: asyncio.Future[None]) -> None:
    """An answer that did not arrive needs no complaint; its error is looked at so that asyncio does not complain either."""
    if not answer.cancelled():
        answer.exception()
