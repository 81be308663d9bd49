"""One connection: birth, subscriptions, what arrives, goodbye."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from edge_agent.channel import Channel
from edge_agent.config import UplinkSettings
from edge_agent.outbox import Outbox, OutboxError
from edge_agent.uplink.canary import CanaryLostError, CanaryWatch
from edge_agent.uplink.lanes import Lanes
from edge_agent.uplink.pace import Pace
from edge_agent.uplink.sending import Sender
from edge_agent.uplink.servers import Place
from plumbline import __version__, codec, ranges, topics
from plumbline.delivery import Presence, ReplayRequest, Watermark
from plumbline.errors import CodecError, MqttRefusedError
from plumbline.event import CLASSES, EventClass
from plumbline.mqtt import Connection, Message

_log = structlog.get_logger(__name__)

#: Numbers that ingest may have asked for again and not got yet, in ranges: more are not remembered, it asks again.
_REPLAY_RANGES: Final = 10_000
#: Ingest says for so long that it holds less than it once did, before we believe that it lost it.
_LESS_S: Final = 2.0
#: How long what it lost is under way before it is sent once more, where it still lacks it.
_REFILL_AGAIN_S: Final = 300.0


def presence(outbox: Outbox, *, online: bool) -> bytes:
    """A gateway's birth, goodbye or will."""
    said = Presence(
        site=outbox.site,
        gateway=outbox.gateway,
        online=online,
        at=time.time_ns(),
        epoch=outbox.epoch,
        agent=__version__,
        backlog=sum(outbox.stream(name).pending for name in CLASSES),
    )
    return codec.encode(said)


class Session:
    """Serves one connection until `end`.

    Args:
        connection: open.
        place: the broker it leads to.
        outbox: what is sent.
        lanes: where each class stands.
        settings: of the uplink.
        channel: what else is said and heard.
        wake: set by whatever changes what can be sent.
        told: called when the watermark moved.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        place: Place,
        outbox: Outbox,
        lanes: Lanes,
        settings: UplinkSettings,
        channel: Channel,
        wake: asyncio.Event,
        told: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._place = place
        self._outbox = outbox
        self._lanes = lanes
        self._channel = channel
        self._told = told
        self._wake = wake
        self._pace = Pace(drain_bytes_per_s=settings.drain_bytes_per_s)
        self.sender = Sender(connection, outbox=outbox, lanes=lanes, settings=settings, pace=self._pace, wake=wake)
        self._canary: CanaryWatch | None = None
        if settings.canary_every_s > 0:
            self._canary = CanaryWatch(
                connection,
                site=outbox.site,
                gateway=outbox.gateway,
                every_s=settings.canary_every_s,
                patience_s=settings.canary_patience_s,
            )
        self.unproven: str | None = None
        """Why nothing proves this subscription."""

    def end(self) -> None:
        """Say goodbye; `run` returns."""
        self.sender.end()

    async def run(self, online: Callable[[], None]) -> None:
        """Serve; `online` is called once the broker has taken everything that begins a connection. Raises `MqttError`."""
        await self._begin()
        online()
        self._channel.connected(self._retain, str(self._place.address))
        try:
            async with asyncio.TaskGroup() as group:
                others = [group.create_task(self._receive(), name="uplink-receive")]
                if self._canary is not None:
                    others.append(group.create_task(self._watch(self._canary), name="uplink-canary"))
                await self.sender.run()
                await self._connection.publish(self._presence_topic, presence(self._outbox, online=False), retain=True)
                for task in others:
                    task.cancel()
        finally:
            self._channel.disconnected()

    @property
    def _presence_topic(self) -> str:
        return topics.presence(self._outbox.site, self._outbox.gateway)

    async def _begin(self) -> None:
        site, gateway = self._outbox.site, self._outbox.gateway
        for name in CLASSES:
            await self._connection.subscribe(topics.committed(site, gateway, name))
        await self._connection.subscribe(topics.replay(site, gateway))
        if self._canary is not None:
            try:
                await self._canary.subscribe()
            except MqttRefusedError as error:
                self._doubt(str(error))
        for topic in self._channel.topics:
            await self._connection.subscribe(topic)
        now = asyncio.get_running_loop().time
        begin = now()
        await self._connection.publish(self._presence_topic, presence(self._outbox, online=True), retain=True)
        self._pace.round_trip(now() - begin)
        self._lanes.resume(now())

    def _retain(self, topic: str, payload: bytes) -> None:
        """Publish without waiting; on a connection that is just being lost the channel says it again at the next."""
        done = self._connection.publish_soon(topic, payload, retain=True)
        done.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _watch(self, canary: CanaryWatch) -> None:
        """Prove the subscription again and again. Raises `CanaryLostError` where that fails on a broker that can do it."""
        while self.unproven is None:
            try:
                await canary.prove()
            except MqttRefusedError as error:
                self._doubt(str(error))
            except CanaryLostError as error:
                if not self._place.proven:
                    self._place.silences += 1
                    if self._place.silences > 1:  # no canary has ever come back from there: its rules, not its routes
                        self._doubt(str(error))
                        continue
                raise
            else:
                self._place.proven = True
                await canary.pause()

    def _doubt(self, why: str) -> None:
        self.unproven = why
        _log.warning("uplink.no_canary", error=why, check="deploy/mosquitto/acl: what a gateway may write and read")

    # Receiving.

    async def _receive(self) -> None:
        site, gateway = self._outbox.site, self._outbox.gateway
        marks: dict[str, EventClass] = {topics.committed(site, gateway, name): name for name in CLASSES}
        handlers: dict[str, Callable[[bytes], None]] = {topics.replay(site, gateway): self._on_replay}
        if self._canary is not None:
            handlers[self._canary.topic] = self._canary.heard
        async for message in self._connection.messages():
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
        if watermark.epoch == self._lanes.epoch == self._outbox.epoch:
            now = asyncio.get_running_loop().time()
            self._lanes.cover(event_class, watermark.upto, watermark.beyond, now)
            self._refill(event_class, watermark, now)
            self._wake.set()
        await self._outbox.commit_watermark(watermark)
        self._told()

    def _refill(self, event_class: EventClass, watermark: Watermark, now: float) -> None:
        """Send again what ingest once held and holds no more: its database was lost, or is an older copy.

        A watermark that another worker of ingest overtook says less too, but not for long.
        """
        lane = self._lanes[event_class]
        known, _ = ranges.watermark(self._outbox.stream(event_class).committed)
        lost = ranges.difference(((watermark.upto + 1, known),), watermark.beyond) if watermark.upto < known else ()
        if not lost:
            lane.less_since = None
        elif lane.less_since is None:
            lane.less_since = now
        elif now - lane.less_since >= _LESS_S:
            lane.less_since = now + _REFILL_AGAIN_S
            lane.wanted = ranges.union(lane.wanted, lost)[:_REPLAY_RANGES]
            _log.warning(
                "uplink.refill",
                event_class=event_class,
                numbers=ranges.count(lost),
                check="whether ingest's database was lost or replaced; what the history still has goes there again",
            )

    def _on_replay(self, payload: bytes) -> None:
        request: ReplayRequest = codec.decode_replay(payload)
        if request.epoch != self._lanes.epoch:
            _log.warning("uplink.replay.other_epoch", asked=request.epoch, ours=self._lanes.epoch)
            return
        lane = self._lanes[request.event_class]
        newest = self._outbox.stream(request.event_class).last
        asked = [(first, min(last, newest)) for first, last in request.ranges if first <= last and first <= newest]
        wanted = ranges.difference(asked, lane.coming(newest))
        lane.wanted = ranges.union(lane.wanted, wanted)[:_REPLAY_RANGES]
        _log.info(
            "uplink.replay", event_class=request.event_class, numbers=ranges.count(asked), on_their_way=_less(asked, wanted)
        )
        self._wake.set()


def _less(asked: Sequence[tuple[int, int]], wanted: ranges.Pairs) -> int:
    return ranges.count(ranges.union(asked)) - ranges.count(wanted)
