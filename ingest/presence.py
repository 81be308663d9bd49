"""Births, wills and goodbyes: who is online, kept in the `gateway` table.

Each worker listens on its own connection with a clean session: the retained words tell it the present state at every
connection, so nothing is missed while it is away.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest import deadletters, gateways
from ingest.metrics import Metrics
from ingest.parcel import Letter
from ingest.patience import Patience, Stop
from plumbline import codec, topics
from plumbline.delivery import Presence
from plumbline.errors import CodecError, MqttError
from plumbline.mqtt import Connection, Message, keep_connected

_log: Final = structlog.get_logger()


def read_presence(topic: str, payload: bytes) -> Presence | Letter:
    """What a message on a presence topic says, or the letter about it."""
    try:
        presence = codec.decode_presence(payload)
    except CodecError as error:
        return Letter(topic, error.reason, f"{topic}: {error.detail}", payload)
    place = topics.parse(topic)
    if place is None or (place.site, place.gateway) != (presence.site, presence.gateway):
        return Letter(
            topic, "misplaced", f"{topic}: says {presence.site}/{presence.gateway}; check who publishes there", payload
        )
    return presence


class PresenceLane:
    """Follows the presence topics until told to stop."""

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
                name="ingest-presence-receiver",
            )
            await self._stop.wait()
            receiver.cancel()

    async def _session(self, connection: Connection) -> None:
        await connection.subscribe(topics.all_presence())
        async for message in connection.messages():
            if message.payload:  # an empty one only clears what was retained
                await self._patience.insist(
                    lambda message=message: self._take(message),
                    task="presence",
                    stop=self._stop,
                    failed=lambda away: self._metrics.retries.labels(away).inc(),
                )
            message.ack()

    async def _take(self, message: Message) -> None:
        said = read_presence(message.topic, message.payload)
        now = self._clock()
        async with self._engine.begin() as connection:
            if isinstance(said, Presence):
                await gateways.say_presence(connection, said, now)
            else:
                await deadletters.keep(connection, [(said, None)], now=now)
                self._metrics.letters.labels(said.reason).inc()
        if isinstance(said, Letter):
            await self._retention.added(self._engine, [said])
        self._on_commit()

    def _lost(self, error: MqttError, wait_s: float) -> None:
        _log.warning("broker away, will try again", lane="presence", error=str(error), wait_s=round(wait_s, 3))
