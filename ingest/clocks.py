"""Listens to gateways whose clock was set, and has corrected what they sent before."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest import corrections, deadletters
from ingest.corrections import Corrector
from ingest.metrics import Metrics
from ingest.parcel import Letter
from ingest.patience import Patience, Stop
from plumbline import clock_set, topics
from plumbline.clock_set import ClockSet
from plumbline.errors import CodecError, MqttError
from plumbline.mqtt import Connection, Message, keep_connected

_log: Final = structlog.get_logger()

#: How often it is looked whether something is to be corrected, beside after each word.
EVERY_S: Final = 10.0


def read_clock(topic: str, payload: bytes) -> ClockSet | Letter:
    """What a message on a clock topic says, or the letter about it."""
    try:
        said = clock_set.decode(payload)
    except CodecError as error:
        return Letter(topic, error.reason, f"{topic}: {error.detail}", payload)
    place = topics.parse(topic)
    if place is None or (place.site, place.gateway) != (said.site, said.gateway):
        return Letter(topic, "misplaced", f"{topic}: says {said.site}/{said.gateway}; check who publishes there", payload)
    return said


class ClockLane:
    """Follows the clock topics until told to stop. The retained words tell it everything again at every connection."""

    def __init__(
        self,
        *,
        connect: Callable[[], Connection],
        engine: AsyncEngine,
        stop: Stop,
        metrics: Metrics,
        retention: deadletters.Retention,
        on_commit: Callable[[], None],
        patience: Patience,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._connect = connect
        self._engine = engine
        self._stop = stop
        self._metrics = metrics
        self._retention = retention
        self._on_commit = on_commit
        self._patience = patience
        self._clock = clock
        self._corrector = Corrector(engine=engine, clock=clock)
        self._news = asyncio.Event()

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
                name="ingest-clock-receiver",
            )
            correcting = group.create_task(self._correct(), name="ingest-clock-corrector")
            await self._stop.wait()
            receiver.cancel()
            correcting.cancel()

    async def _correct(self) -> None:
        while True:
            self._news.clear()
            if await self._patience.insist(
                self._corrector.sweep,
                task="clock",
                stop=self._stop,
                failed=lambda away: self._metrics.retries.labels(away).inc(),
            ):
                self._on_commit()
            try:
                async with asyncio.timeout(EVERY_S):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _session(self, connection: Connection) -> None:
        await connection.subscribe(topics.all_clocks())
        async for message in connection.messages():
            if message.payload:  # an empty one only clears what was retained
                await self._patience.insist(
                    lambda message=message: self._take(message),
                    task="clock",
                    stop=self._stop,
                    failed=lambda away: self._metrics.retries.labels(away).inc(),
                )
            message.ack()

    async def _take(self, message: Message) -> None:
        said = read_clock(message.topic, message.payload)
        async with self._engine.begin() as connection:
            if isinstance(said, ClockSet):
                await corrections.learn(connection, said, self._clock())
            else:
                await deadletters.keep(connection, [(said, None)], now=self._clock())
                self._metrics.letters.labels(said.reason).inc()
        if isinstance(said, Letter):
            await self._retention.added(self._engine, [said])
        self._news.set()

    def _lost(self, error: MqttError, wait_s: float) -> None:
        _log.warning("broker away, will try again", lane="clock", error=str(error), wait_s=round(wait_s, 3))
