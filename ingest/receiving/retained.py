"""Follows one kind of retained word of the gateways: who is online, what a clock was set to.

Each worker listens on its own connection with a clean session: the retained words tell it the present state at every
connection, so nothing is missed while it is away.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ingest import deadletters
from ingest.operations.metrics import Metrics
from ingest.patience import Patience, Stop
from ingest.receiving.parcel import Letter
from plumbline import topics
from plumbline.errors import CodecError, MqttError
from plumbline.mqtt import Connection, Message, keep_connected

_log: Final = structlog.get_logger()


class _Word(Protocol):
    """What a gateway says of itself."""

    @property
    def site(self) -> str:
        """Whose gateway it is."""
        ...

    @property
    def gateway(self) -> str:
        """Who says it."""
        ...


W = TypeVar("W", bound=_Word)


@dataclass(frozen=True, slots=True)
class Word(Generic[W]):
    """One kind of word: where it is said, how it is read, what is done with it."""

    name: str
    """For logs and metrics."""
    topic_filter: str
    decode: Callable[[bytes], W]
    """Raises `CodecError`."""
    keep: Callable[[AsyncConnection, W, int], Awaitable[None]]
    """Note it within a transaction; the time is UTC in nanoseconds."""


def read(word: Word[W], topic: str, payload: bytes) -> W | Letter:
    """What a message says, or the letter about it."""
    try:
        said = word.decode(payload)
    except CodecError as error:
        return Letter(topic, error.reason, f"{topic}: {error.detail}", payload)
    place = topics.parse(topic)
    if place is None or (place.site, place.gateway) != (said.site, said.gateway):
        return Letter(topic, "misplaced", f"{topic}: says {said.site}/{said.gateway}; check who publishes there", payload)
    return said


class RetainedLane(Generic[W]):
    """Follows the topics of one kind of word until cancelled.

    `on_said` is called with each word once it is noted, and whether the broker had kept it (a word of now is not kept).
    """

    def __init__(
        self,
        word: Word[W],
        *,
        connect: Callable[[], Connection],
        engine: AsyncEngine,
        stop: Stop,
        metrics: Metrics,
        retention: deadletters.Retention,
        on_said: Callable[[W, bool], None],
        patience: Patience,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._word = word
        self._connect = connect
        self._engine = engine
        self._stop = stop
        self._metrics = metrics
        self._retention = retention
        self._on_said = on_said
        self._patience = patience
        self._clock = clock
        self._connection: Connection | None = None

    @property
    def name(self) -> str:
        """What it follows."""
        return self._word.name

    @property
    def connected(self) -> bool:
        """Whether it hears its topics now."""
        return self._connection is not None

    def say(self, topic: str, payload: bytes) -> bool:
        """Publish something to a gateway, without waiting; false where there is no connection now."""
        if self._connection is None:
            return False
        self._connection.publish_soon(topic, payload).add_done_callback(_look_at)
        return True

    async def run(self) -> None:
        """Serve until cancelled."""
        await keep_connected(
            self._connect,
            self._session,
            on_failure=self._lost,
            first_s=self._patience.first_s,
            cap_s=self._patience.cap_s,
        )

    async def _session(self, connection: Connection) -> None:
        await connection.subscribe(self._word.topic_filter)
        self._connection = connection
        up = self._metrics.connected.labels(self._word.name)
        up.set(1)
        try:
            async for message in connection.messages():
                if message.payload:  # an empty one only clears what was retained
                    await self._patience.insist(
                        lambda message=message: self._take(message),
                        task=self._word.name,
                        stop=self._stop,
                        failed=lambda away: self._metrics.retries.labels(away).inc(),
                    )
                message.ack()
        finally:
            self._connection = None
            up.set(0)

    async def _take(self, message: Message) -> None:
        said = read(self._word, message.topic, message.payload)
        now = self._clock()
        async with self._engine.begin() as connection:
            if isinstance(said, Letter):
                await deadletters.keep(connection, [(said, None)], now=now)
                self._metrics.letters.labels(said.reason).inc()
            else:
                await self._word.keep(connection, said, now)
        if isinstance(said, Letter):
            await self._retention.added(self._engine, [said])
        else:
            self._on_said(said, message.retain)

    def _lost(self, error: MqttError, wait_s: float) -> None:
        self._metrics.retries.labels("broker").inc()
        _log.warning("broker away, will try again", lane=self._word.name, error=str(error), wait_s=round(wait_s, 3))


def _look_at(done: asyncio.Future[None]) -> None:
    """What did not arrive is said again by itself; its error is looked at so that asyncio does not complain."""
    if not done.cancelled():
        done.exception()
