"""Brings the outbox to ingest over MQTT and listens to what ingest has committed.

MQTT may lose, repeat and reorder. A broker's acknowledgement therefore frees nothing: an event is done when the committed
watermark covers it, and what is not covered in time is sent again under its own id and number.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from edge_agent.channel import Channel
from edge_agent.config import Server, UplinkSettings
from edge_agent.outbox import Chunk, Outbox, OutboxError
from plumbline import __version__, codec, ranges, topics
from plumbline.address import Address
from plumbline.delivery import BatchHeader, Presence, ReplayRequest, Watermark
from plumbline.errors import CodecError, MqttError
from plumbline.event import CLASSES, EventClass
from plumbline.mqtt import Connection, Message, Will, keep_connected
from plumbline.ranges import Pairs

_log = structlog.get_logger(__name__)

#: A batch that stays uncommitted while ingest is silent waits at most this many times `resend_after_s`.
_MOST_PATIENT: Final = 16
#: Numbers that ingest may have asked for again and not got yet, in ranges: more are not remembered, it asks again.
_REPLAY_RANGES: Final = 10_000
#: Ranges of thinned numbers in one batch.
_TOLD_RANGES: Final = 2000


@dataclass(slots=True, eq=False)
class Sent:
    """A batch under way."""

    numbers: Pairs
    at: float
    acknowledged: asyncio.Future[None]
    """By the broker: until then it is not sent again, for it has not left us."""
    tries: int = 1


@dataclass(slots=True)
class Lane:
    """One class on its way."""

    event_class: EventClass
    linger_s: float
    cursor: int = 0
    """The newest number that was sent on this connection."""
    held: Pairs = ()
    """What ingest says it holds."""
    window: list[Sent] = field(default_factory=list[Sent])
    wanted: Pairs = ()
    """What ingest asked for again."""
    told: Pairs = ()
    """Thinned numbers that were told to ingest on this connection."""
    replaying: asyncio.Future[None] | None = None
    since: float | None = None
    """When an event was first seen waiting."""

    def cover(self, upto: int, beyond: Sequence[tuple[int, int]]) -> None:
        """Take a watermark: free what it covers."""
        self.held = ranges.union(self.held, ((1, upto),) if upto else (), beyond)
        self.window = [sent for sent in self.window if ranges.difference(sent.numbers, self.held)]
        for sent in self.window:
            sent.tries = 1  # ingest lives: no more patience than usual


class Uplink:
    """The way from one outbox to ingest.

    Args:
        outbox: what to send.
        server: brokers in order of preference; each new attempt takes the next one.
        settings: batches, window, resending.
        client_id: this gateway's name at the broker.
        channel: what else is said and heard on the same connection.
    """

    def __init__(
        self,
        outbox: Outbox,
        *,
        server: Server,
        settings: UplinkSettings,
        client_id: str | None = None,
        channel: Channel | None = None,
    ) -> None:
        self._outbox = outbox
        self._channel = channel or Channel()
        self._server = server
        self._settings = settings
        self._client_id = client_id or f"plumbline-{outbox.site}-{outbox.gateway}"
        self._addresses = [Address.parse(url) for url in server.brokers]
        self._next = 0
        self._wake = asyncio.Event()
        self._stopping = False
        self._epoch = ""
        linger = {"business": settings.linger_ms.business, "telemetry": settings.linger_ms.telemetry}
        self._lanes: dict[EventClass, Lane] = {name: Lane(name, linger[name] / 1000) for name in CLASSES}
        self._changed: asyncio.Future[None] | None = None
        self.connected = False
        self.resent = 0
        """Batches sent again because no watermark covered them in time."""
        outbox.when_appended(self._wake.set)

    async def run(self) -> None:
        """Stay connected and send, until `stop`."""
        if not self._stopping:
            await keep_connected(self._connection, self._session, on_failure=self._failed)

    def stop(self) -> None:
        """Say goodbye and end; what is not sent stays in the outbox."""
        self._stopping = True
        self._wake.set()

    async def drained(self) -> None:
        """Return when ingest holds everything; at once where there is no connection to wait for."""
        while self.connected and any(self._outbox.stream(name).pending for name in CLASSES):
            changed = self._changed = asyncio.get_running_loop().create_future()
            await changed

    def _tell(self) -> None:
        self._wake.set()
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    def _connection(self) -> Connection:
        address = self._addresses[self._next % len(self._addresses)]
        self._next += 1
        self._address = address
        gone = self._presence(online=False)
        return Connection(
            address=address,
            client_id=self._client_id,
            version=self._server.version,
            keepalive_s=self._server.keepalive_s,
            will=Will(self._presence_topic, codec.encode(gone)),
        )

    @property
    def _presence_topic(self) -> str:
        return topics.presence(self._outbox.site, self._outbox.gateway)

    def _presence(self, *, online: bool) -> Presence:
        return Presence(
            site=self._outbox.site,
            gateway=self._outbox.gateway,
            online=online,
            at=time.time_ns(),
            epoch=self._outbox.epoch,
            agent=__version__,
            backlog=sum(self._outbox.stream(name).pending for name in CLASSES),
        )

    def _failed(self, error: MqttError, wait_s: float) -> None:
        _log.warning("uplink.offline", error=str(error), next_try_s=round(wait_s, 1))

    async def _session(self, connection: Connection) -> None:
        site, gateway = self._outbox.site, self._outbox.gateway
        for name in CLASSES:
            await connection.subscribe(topics.committed(site, gateway, name))
        await connection.subscribe(topics.replay(site, gateway))
        for topic in self._channel.topics:
            await connection.subscribe(topic)
        await connection.publish(self._presence_topic, codec.encode(self._presence(online=True)), retain=True)
        self._next = 0  # the next search begins with the preferred broker again
        self._resume()
        self.connected = True
        publish = partial(_retain, connection)
        self._channel.connected(publish, str(self._address))
        _log.info("uplink.online", broker=str(self._address), epoch=self._epoch)
        try:
            async with asyncio.TaskGroup() as group:
                receiving = group.create_task(self._receive(connection), name="uplink-receive")
                await self._send(connection)
                await connection.publish(self._presence_topic, codec.encode(self._presence(online=False)), retain=True)
                receiving.cancel()
        finally:
            self.connected = False
            self._channel.disconnected()
            self._tell()

    def _resume(self) -> None:
        """Begin again behind what is committed: what was under way on the old connection counts as lost."""
        same = self._epoch == self._outbox.epoch
        self._epoch = self._outbox.epoch
        for name, lane in self._lanes.items():
            stream = self._outbox.stream(name)
            lane.held = ranges.union(lane.held if same else (), stream.committed)
            lane.cursor = ranges.watermark(lane.held)[0]
            lane.window, lane.wanted, lane.replaying, lane.since = [], lane.wanted if same else (), None, None
            lane.told = ()

    # Sending. One task sends everything, so that business goes before telemetry whenever both wait.

    async def _send(self, connection: Connection) -> None:
        while not self._stopping:
            self._wake.clear()
            if self._epoch != self._outbox.epoch:
                self._resume()
            due: float | None = None
            try:
                for lane in self._lanes.values():
                    wait_s = await self._step(connection, lane)
                    if wait_s == 0.0:
                        due = 0.0
                        break
                    if wait_s is not None:
                        due = wait_s if due is None else min(due, wait_s)
            except OutboxError as error:
                _log.error("uplink.outbox", error=str(error))
                due = 1.0
            if due != 0.0:
                await self._sleep(due)
            else:
                await asyncio.sleep(0)

    async def _sleep(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _step(self, connection: Connection, lane: Lane) -> float | None:
        """Send at most one batch of a lane; return the seconds until it wants to be asked again (0: at once; None: woken)."""
        now = asyncio.get_running_loop().time()
        waits: list[float] = []
        for sent in lane.window:
            if not sent.acknowledged.done():
                continue
            left = sent.at + self._patience_s(sent) - now
            if left <= 0:
                await self._resend(connection, lane, sent)
                return 0.0
            waits.append(left)
        if len(lane.window) < self._settings.window:
            left = self._linger_left_s(lane, now)
            if left is not None and left <= 0:
                if await self._send_new(connection, lane):
                    return 0.0
            elif left is not None:
                waits.append(left)
        if lane.wanted and (lane.replaying is None or lane.replaying.done()):
            await self._replay(connection, lane)  # behind live data: what a server asks for again is not urgent
            return 0.0
        return min(waits, default=None)

    def _patience_s(self, sent: Sent) -> float:
        return self._settings.resend_after_s * float(min(2 ** (sent.tries - 1), _MOST_PATIENT))

    def _linger_left_s(self, lane: Lane, now: float) -> float | None:
        """How long new events may still wait for company; `None` where there are none."""
        stream = self._outbox.stream(lane.event_class)
        waiting = stream.last - lane.cursor
        if waiting <= 0:
            lane.since = None
            return 0.0 if self._untold(lane) else None
        if lane.since is None:
            lane.since = now
        each = stream.pending_bytes / max(stream.pending, 1)
        if waiting >= self._settings.batch_events or waiting * each >= self._settings.batch_bytes:
            return 0.0
        return lane.since + lane.linger_s - now

    async def _send_new(self, connection: Connection, lane: Lane) -> bool:
        limits = {"max_events": self._settings.batch_events, "max_bytes": self._settings.batch_bytes}
        newest = self._outbox.stream(lane.event_class).last
        chunk = await self._outbox.pending(lane.event_class, lane.cursor, held=lane.held, **limits)
        lane.since = None
        if chunk.epoch != self._epoch:
            return True
        untold = self._untold(lane)
        if chunk.events or untold:
            lane.window.append(self._publish(connection, lane, chunk, untold))
            lane.told = ranges.union(lane.told, untold)
        if not chunk.events:
            lane.cursor = max(lane.cursor, min(newest, self._outbox.stream(lane.event_class).durable))
            return bool(untold)
        lane.cursor = chunk.events[-1].seq
        return True

    def _untold(self, lane: Lane) -> Pairs:
        """Numbers dropped by policy that ingest was not told of yet: it must not take them for lost."""
        thinned = self._outbox.stream(lane.event_class).thinned
        return ranges.difference(thinned, [*lane.held, *lane.told])[:_TOLD_RANGES] if thinned else ()

    async def _resend(self, connection: Connection, lane: Lane, sent: Sent) -> None:
        """Send again what of a batch is still missing."""
        missing = ranges.difference(sent.numbers, lane.held)
        chunk = await self._outbox.replay(
            lane.event_class, missing, max_events=self._settings.batch_events, max_bytes=self._settings.batch_bytes
        )
        if chunk.epoch != self._epoch or sent not in lane.window:
            return
        thinned = self._outbox.stream(lane.event_class).thinned
        dropped = ranges.difference(missing, ranges.difference(missing, thinned)) if thinned else ()
        if not chunk.events and not dropped:
            lane.window.remove(sent)  # committed and forgotten meanwhile
            return
        again = self._publish(connection, lane, chunk, dropped)
        sent.at, sent.acknowledged, sent.tries = again.at, again.acknowledged, sent.tries + 1
        self.resent += 1
        _log.info("uplink.resent", event_class=lane.event_class, events=len(chunk.events), first=missing[0][0])

    async def _replay(self, connection: Connection, lane: Lane) -> None:
        """Send a batch of what ingest asked for; if it is lost, ingest asks again."""
        chunk = await self._outbox.replay(
            lane.event_class,
            lane.wanted,
            max_events=self._settings.batch_events,
            max_bytes=self._settings.batch_bytes,
        )
        if not chunk.events or chunk.epoch != self._epoch:
            if chunk.epoch == self._epoch:
                _log.warning(
                    "uplink.replay.gone",
                    event_class=lane.event_class,
                    ranges=lane.wanted[:10],
                    check="history_bytes in [outbox]: what ingest asks for again is no longer kept",
                )
            lane.wanted = ()
            return
        lane.wanted = ranges.difference(lane.wanted, ((1, chunk.events[-1].seq),))
        lane.replaying = self._publish(connection, lane, chunk).acknowledged
        lane.replaying.add_done_callback(lambda _: self._wake.set())

    def _publish(self, connection: Connection, lane: Lane, chunk: Chunk, thinned: Pairs = ()) -> Sent:
        numbers = ranges.of(event.seq for event in chunk.events)
        header = BatchHeader(
            site=self._outbox.site,
            gateway=self._outbox.gateway,
            epoch=chunk.epoch,
            event_class=lane.event_class,
            ranges=numbers,
            thinned=thinned,
        )
        topic = topics.events(self._outbox.site, self._outbox.gateway, lane.event_class)
        payload = codec.encode_batch(header, [event.body for event in chunk.events])
        acknowledged = connection.publish_soon(topic, payload)
        if acknowledged.done() and (error := acknowledged.exception()) is not None:
            raise error
        acknowledged.add_done_callback(self._acknowledged)
        return Sent(ranges.union(numbers, thinned), asyncio.get_running_loop().time(), acknowledged)

    def _acknowledged(self, done: asyncio.Future[None]) -> None:
        if not done.cancelled() and done.exception() is None:
            self._wake.set()  # from now on its time to be committed counts

    # Receiving.

    async def _receive(self, connection: Connection) -> None:
        site, gateway = self._outbox.site, self._outbox.gateway
        handlers: dict[str, Callable[[bytes], object]] = {topics.replay(site, gateway): self._on_replay}
        marks: dict[str, EventClass] = {topics.committed(site, gateway, name): name for name in CLASSES}
        async for message in connection.messages():
            try:
                if message.topic in marks:
                    await self._on_watermark(marks[message.topic], message)
                elif message.topic in handlers:
                    handlers[message.topic](message.payload)
                else:
                    self._channel.deliver(message.topic, message.payload)
            except CodecError as error:
                _log.warning(
                    "uplink.unreadable", topic=message.topic, error=str(error), check="the versions of ingest and agent"
                )
            except OutboxError as error:
                _log.error("uplink.outbox", error=str(error))  # the next watermark says it again
            finally:
                message.ack()

    async def _on_watermark(self, event_class: EventClass, message: Message) -> None:
        if not message.payload:  # a retained message was cleared
            return
        watermark: Watermark = codec.decode_watermark(message.payload)
        if watermark.event_class != event_class:
            raise CodecError("invalid", f"the topic is of {event_class}, the watermark of {watermark.event_class}")
        if watermark.epoch == self._epoch == self._outbox.epoch:
            newest = self._outbox.stream(event_class).last
            beyond = [(first, min(last, newest)) for first, last in watermark.beyond if first <= last and first <= newest]
            self._lanes[event_class].cover(min(watermark.upto, newest), beyond)
            self._wake.set()
        await self._outbox.commit_watermark(watermark)
        self._tell()

    def _on_replay(self, payload: bytes) -> None:
        request: ReplayRequest = codec.decode_replay(payload)
        if request.epoch != self._epoch:
            _log.warning("uplink.replay.other_epoch", asked=request.epoch, ours=self._epoch)
            return
        lane = self._lanes[request.event_class]
        newest = self._outbox.stream(request.event_class).last
        asked = [(first, min(last, newest)) for first, last in request.ranges if first <= last and first <= newest]
        lane.wanted = ranges.union(lane.wanted, asked)[:_REPLAY_RANGES]
        _log.info("uplink.replay", event_class=request.event_class, numbers=ranges.count(asked))
        self._wake.set()


def _retain(connection: Connection, topic: str, payload: bytes) -> None:
    """Publish without waiting; on a connection that is just being lost the channel says it again at the next."""
    connection.publish_soon(topic, payload, retain=True).add_done_callback(lambda done: done.cancelled() or done.exception())
