"""What is sent next on a connection. One task sends everything, so that the order among what waits is ours.

1. live events, business before telemetry, each after its linger; what was not committed in time goes again
2. the backlog, business before telemetry, at its rate
3. what ingest asked for again
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import structlog

from edge_agent.config import UplinkSettings
from edge_agent.outbox import Chunk, Outbox, OutboxError
from edge_agent.uplink.lanes import Lane, Lanes, Sent
from edge_agent.uplink.pace import Pace
from plumbline import codec, ranges, topics
from plumbline.compression import compressed
from plumbline.delivery import BatchHeader
from plumbline.errors import MqttRefusedError
from plumbline.event import EventClass
from plumbline.mqtt import Connection
from plumbline.ranges import Pairs

_log = structlog.get_logger(__name__)

#: Ranges of thinned numbers in one batch.
_TOLD_RANGES: Final = 2000
_END: Final = 2**63 - 1
#: How soon it is seen that events need not wait for the gateway's clock any more.
_LOOK_EVERY_S: Final = 1.0

Turn = Callable[[float], Awaitable[float | None]]


class Sender:
    """Sends on one connection until `end`.

    Args:
        connection: where to.
        outbox: what.
        lanes: where each class stands; resumed for this connection.
        settings: batches, window, rate, resending.
        pace: how much may be under way.
        wake: set by whatever changes what can be sent.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        outbox: Outbox,
        lanes: Lanes,
        settings: UplinkSettings,
        pace: Pace,
        wake: asyncio.Event,
    ) -> None:
        self._connection = connection
        self._outbox = outbox
        self._lanes = lanes
        self._settings = settings
        self._pace = pace
        self._wake = wake
        self._now = asyncio.get_running_loop().time
        self._ending = False
        self.resent = 0
        """Batches sent again because no watermark covered them in time."""
        self._turns: list[Turn] = [
            *(partial(turn, lane) for lane in lanes for turn in (self._again, self._live)),
            *(partial(turn, lane) for turn in (self._late, self._replay) for lane in lanes),
        ]

    def end(self) -> None:
        """Send nothing more; `run` returns."""
        self._ending = True
        self._wake.set()

    async def run(self) -> None:
        """Send. Raises `MqttError` where the connection is lost."""
        while not self._ending:
            self._wake.clear()
            if self._lanes.epoch != self._outbox.epoch:
                self._lanes.resume(self._now())
            try:
                wait_s = await self._step()
            except OutboxError as error:
                _log.error("uplink.outbox", error=str(error))
                wait_s = 1.0
            if wait_s == 0.0:
                await asyncio.sleep(0)
            else:
                await self._sleep(wait_s)

    async def _sleep(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _step(self) -> float | None:
        """Send at most one batch; return the seconds until there is something to do (0: at once; None: when woken)."""
        now = self._now()
        waits: list[float] = []
        for turn in self._turns:
            wait_s = await turn(now)
            if wait_s == 0.0:
                return 0.0
            if wait_s is not None:
                waits.append(wait_s)
        return min(waits, default=None)

    # Each turn sends at most one batch and returns like `_step`.

    async def _again(self, lane: Lane, now: float) -> float | None:
        """What ingest has not committed in time. While it says nothing at all, one batch asks for all of them."""
        waits: list[float] = []
        asked = False
        for sent in lane.under_way:
            unanswered = sent.at > lane.heard_at
            if not sent.acknowledged.done() or (unanswered and asked):
                asked = asked or unanswered
                continue
            asked = asked or unanswered
            left_s = sent.at + self._settings.resend_after_s - now
            if left_s <= 0:
                await self._resend(lane, sent)
                return 0.0
            waits.append(left_s)
        return min(waits, default=None)

    async def _live(self, lane: Lane, now: float) -> float | None:
        if (held_s := self._lanes.hold_s(lane.event_class)) > 0:
            return min(held_s, _LOOK_EVERY_S)
        if len(lane.live) >= lane.window or (lane.event_class == "telemetry" and not self._pace.room):
            return None
        if lane.leap(now, self._settings.batch_events):
            _log.info("uplink.behind", event_class=lane.event_class, backlog=ranges.count(lane.owed))
        left_s = self._linger_left_s(lane, now)
        if left_s is None or left_s > 0:
            return left_s
        return 0.0 if await self._send_live(lane) else None

    def _linger_left_s(self, lane: Lane, now: float) -> float | None:
        """How long live events may still wait for company; `None` where there are none."""
        stream = self._outbox.stream(lane.event_class)
        waiting = stream.last - lane.cursor
        if waiting <= 0:
            lane.since = None
            return 0.0 if not lane.owed and self._untold(lane) else None
        if lane.since is None:
            lane.since = now
        each = stream.pending_bytes / max(stream.pending, 1)
        if waiting >= self._settings.batch_events or waiting * each >= self._settings.batch_bytes:
            return 0.0
        return lane.since + lane.linger_s - now

    async def _send_live(self, lane: Lane) -> bool:
        newest = self._outbox.stream(lane.event_class).last
        chunk = await self._pending(lane, lane.cursor, lane.held)
        lane.since = None
        if chunk.epoch != self._lanes.epoch:
            return True
        if chunk.events:
            lane.cursor = chunk.events[-1].seq
        else:
            lane.cursor = max(lane.cursor, min(newest, self._outbox.stream(lane.event_class).durable))
        untold = self._untold(lane)
        if chunk.events or untold:
            lane.live.append(self._publish(lane, chunk, untold))
        return bool(chunk.events or untold)

    async def _late(self, lane: Lane, now: float) -> float | None:
        if (held_s := self._lanes.hold_s(lane.event_class)) > 0:
            return min(held_s, _LOOK_EVERY_S)
        if not lane.owed or len(lane.late) >= lane.late_room or not self._pace.room:
            return None
        wait_s = self._pace.late_in_s(now)
        if wait_s > 0:
            return wait_s
        first, last = lane.owed[0]
        chunk = await self._pending(lane, first - 1, ranges.union(lane.held, ((last + 1, _END),)))
        if chunk.epoch != self._lanes.epoch:
            return 0.0
        sent = chunk.events[-1].seq if chunk.events else last
        lane.owed = ranges.difference(lane.owed, ((1, sent), *lane.held))
        untold = self._untold(lane)
        if chunk.events or untold:
            lane.late.append(self._publish(lane, chunk, untold, late=True))
        return 0.0

    async def _pending(self, lane: Lane, after: int, held: Pairs) -> Chunk:
        limits = {"max_events": self._settings.batch_events, "max_bytes": self._pace.event_bytes(self._settings.batch_bytes)}
        return await self._outbox.pending(lane.event_class, after, held=held, **limits)

    def _untold(self, lane: Lane) -> Pairs:
        """Numbers dropped by policy that ingest was not told of yet: it must not take them for lost.

        Told with the backlog around them, not before: each would stand alone beyond the watermark.
        """
        thinned = self._outbox.stream(lane.event_class).thinned
        if not thinned:
            return ()
        return ranges.difference(thinned, [*lane.held, *lane.told, (lane.progress + 1, _END)])[:_TOLD_RANGES]

    async def _resend(self, lane: Lane, sent: Sent) -> None:
        """Send again what of a batch is still missing."""
        missing = ranges.difference(sent.numbers, lane.held)
        chunk = await self._outbox.replay(
            lane.event_class, missing, max_events=self._settings.batch_events, max_bytes=self._settings.batch_bytes
        )
        if chunk.epoch != self._lanes.epoch or sent not in lane.under_way:
            return
        thinned = self._outbox.stream(lane.event_class).thinned
        dropped = ranges.difference(missing, ranges.difference(missing, thinned)) if thinned else ()
        if not chunk.events and not dropped:  # committed and forgotten meanwhile
            (lane.live if sent in lane.live else lane.late).remove(sent)
            return
        self._publish(lane, chunk, dropped, sent=sent)
        self.resent += 1
        _log.info("uplink.resent", event_class=lane.event_class, events=len(chunk.events), first=missing[0][0])

    async def _replay(self, lane: Lane, now: float) -> float | None:
        """Send a batch of what ingest asked for, and say which of it there will never be; if that is lost, ingest asks again."""
        if not lane.wanted or (lane.replaying is not None and not lane.replaying.done()) or not self._pace.room:
            return None
        wait_s = self._pace.late_in_s(now)
        if wait_s > 0:
            return wait_s
        durable = self._outbox.stream(lane.event_class).durable
        wanted = lane.wanted
        chunk = await self._outbox.replay(
            lane.event_class,
            wanted,
            max_events=self._settings.batch_events,
            max_bytes=self._pace.event_bytes(self._settings.batch_bytes),
        )
        if chunk.epoch != self._lanes.epoch:
            lane.wanted = ()
            return 0.0
        # All that was wanted up to here was looked at: what is not there will never be.
        reached = chunk.events[-1].seq if chunk.events else durable
        looked_at = ranges.difference(wanted, ((reached + 1, _END),))
        absent = ranges.difference(looked_at, ranges.of(event.seq for event in chunk.events))
        lost = ranges.difference(absent, self._outbox.stream(lane.event_class).thinned)
        lane.wanted = ranges.difference(lane.wanted, ((1, reached),)) if chunk.events else ()
        if not chunk.events and not absent:
            return 0.0
        if lost:
            _log.warning(
                "uplink.replay.gone",
                event_class=lane.event_class,
                numbers=ranges.count(lost),
                ranges=lost[:10],
                check="history_bytes in [outbox]: what ingest asks for again is no longer kept",
            )
        thinned = ranges.difference(absent, lost)
        lane.replaying = self._publish(lane, chunk, thinned[:_TOLD_RANGES], lost=lost[:_TOLD_RANGES], late=True).acknowledged
        return 0.0

    def _publish(
        self,
        lane: Lane,
        chunk: Chunk,
        thinned: Pairs = (),
        *,
        lost: Pairs = (),
        late: bool = False,
        sent: Sent | None = None,
    ) -> Sent:
        """Hand a batch to the connection; `sent` is what it repeats."""
        numbers = ranges.of(event.seq for event in chunk.events)
        payload = self._payload(lane.event_class, chunk, numbers, thinned, lost)
        topic = topics.events(self._outbox.site, self._outbox.gateway, lane.event_class)
        acknowledged = self._connection.publish_soon(topic, payload)
        if acknowledged.done() and (error := acknowledged.exception()) is not None:
            raise error
        now = self._now()
        lane.told = ranges.union(lane.told, thinned)
        if sent is None:
            sent = Sent(ranges.union(numbers, thinned), now, acknowledged)
        sent.at, sent.acknowledged = now, acknowledged
        size = len(payload)
        under_way = self._pace.sent(size, sum(len(event.body) for event in chunk.events), now, late=late)

        def settled(done: asyncio.Future[None]) -> None:
            if done.cancelled():
                return
            if (error := done.exception()) is not None:  # refused, or the connection is lost, which its reader says
                self._pace.refused(size)
                self._wake.set()  # it is due again after a while
                if isinstance(error, MqttRefusedError):
                    _log.error("uplink.batch_refused", error=str(error), event_class=lane.event_class)
                return
            sent.at = self._now()  # from now on its time to be committed counts
            self._pace.acknowledged(size, under_way, sent.at - now)
            self._lanes.delivered(sent.at)
            self._wake.set()

        acknowledged.add_done_callback(settled)
        return sent

    def _payload(self, event_class: EventClass, chunk: Chunk, numbers: Pairs, thinned: Pairs, lost: Pairs) -> bytes:
        header = BatchHeader(
            site=self._outbox.site,
            gateway=self._outbox.gateway,
            epoch=chunk.epoch,
            event_class=event_class,
            ranges=numbers,
            thinned=thinned,
            lost=lost,
        )
        batch = codec.encode_batch(header, [event.body for event in chunk.events])
        return compressed(batch) if self._settings.compression == "auto" else batch
