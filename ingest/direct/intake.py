"""A lane's session with the broker: what arrives is put into the database, and only then taken from the broker."""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import structlog

from ingest.direct.messages import Messages, Taken
from ingest.direct.settings import Table
from ingest.patience import DATABASE_AWAY, Patience, Stop
from ingest.pipeline import Checkpoint, pass_by
from plumbline.delivery import Presence
from plumbline.errors import MqttError
from plumbline.mqtt import Connection, Message, keep_connected

_log: Final = structlog.get_logger()

#: Messages that may be on their way into the database at once: with large ones this bounds the memory.
INBOUND: Final = 64
#: What may wait in the database of one lane, while a store is away, before the rest is left to the broker.
MOST_WAITING: Final = 200_000
MOST_BYTES: Final = 256 * 1024 * 1024
#: At the end the broker is asked once more whether we are subscribed; so long its answer is waited for.
_ANSWER_S: Final = 1.0
#: Where a test may stop the intake, beside the steps of the pipeline.
STEPS: Final = ("direct_taken", "direct_kept", "direct_acknowledged")


class Intake:
    """Receives one table's messages until told to stop. Raises `LaneLostError` once another worker has the lane.

    Args:
        table: what is declared.
        filters: what to subscribe to.
        connect: makes a connection with the lane's session; called for each try.
        messages: the lane's.
        on_kept: called after each group of messages is safe.
        stop: ends it: what was taken is put into the database first.
        heard_until: when the lane was certainly subscribed last (ns); `None`: never.
        failed: told `database` for each try that failed.
        patience: how long to wait for the database or the broker.
        clock: UTC in ns.
        checkpoint: awaited after each of `STEPS`.
    """

    def __init__(
        self,
        *,
        table: Table,
        filters: Sequence[str],
        connect: Callable[[], Connection],
        messages: Messages,
        on_kept: Callable[[Taken], None],
        stop: Stop,
        heard_until: int | None,
        failed: Callable[[str], None],
        patience: Patience,
        clock: Callable[[], int] = time.time_ns,
        checkpoint: Checkpoint = pass_by,
    ) -> None:
        self._table = table
        self._filters = filters
        self._connect = connect
        self._messages = messages
        self._on_kept = on_kept
        self._stop = stop
        self._heard_until = heard_until
        self._failed = failed
        self._patience = patience
        self._clock = clock
        self._checkpoint = checkpoint
        self._now = 0
        self._turn = asyncio.Lock()
        self._open = asyncio.Event()
        self._open.set()
        self._asked: asyncio.Future[None] | None = None
        self._connection: Connection | None = None

    @property
    def listening(self) -> bool:
        """Whether we are subscribed, as far as we know."""
        return self._connection is not None

    async def run(self) -> None:
        """Serve until told to stop."""
        receiving = asyncio.create_task(
            keep_connected(
                self._connect, self._session, on_failure=self._lost, first_s=self._patience.first_s, cap_s=self._patience.cap_s
            ),
            name=f"direct-{self._table.name}-receiver",
        )
        stopping = asyncio.create_task(self._stop.wait(), name=f"direct-{self._table.name}-stop")
        try:
            await asyncio.wait([receiving, stopping], return_when=asyncio.FIRST_COMPLETED)
            async with self._turn:  # what was taken is safe first, and the broker told
                self.until()
                if self._asked is not None:
                    await asyncio.wait([self._asked], timeout=_ANSWER_S)
                receiving.cancel()
            await asyncio.wait([receiving])
            if not receiving.cancelled():
                receiving.result()
            await self._say(online=False)
        finally:
            stopping.cancel()
            receiving.cancel()

    def until(self) -> int | None:
        """When we were certainly subscribed last (ns); asks the broker, so that more is known the next time.

        That nothing was said of an end proves nothing: somebody may stand still, they or we. What the broker answers does.
        """
        if self._connection is not None and (self._asked is None or self._asked.done()):
            self._asked = self._connection.ping()
            self._asked.add_done_callback(partial(self._answered, self._clock()))
        return self._heard_until

    def _answered(self, asked_at: int, answer: asyncio.Future[None]) -> None:
        if not answer.cancelled() and answer.exception() is None:
            self._heard_until = asked_at

    async def weigh(self) -> None:
        """Look how much waits in the database, and leave what comes to the broker while that is too much."""
        count, size = await self._messages.waiting()
        full = count >= MOST_WAITING or size >= MOST_BYTES
        if full == self._open.is_set():
            _log.warning(
                "direct devices: the rest waits at the broker" if full else "direct devices: received again",
                site=self._table.site,
                gateway=self._table.name,
                messages_waiting=count,
                bytes_waiting=size,
            )
            (self._open.clear if full else self._open.set)()

    async def _session(self, connection: Connection) -> None:
        for one in self._filters:
            await connection.subscribe(one, qos=1)
        async with self._turn:
            await self._opened(session_present=connection.session_present)
            self._connection = connection
            _log.info("direct devices are heard", site=self._table.site, gateway=self._table.name, filters=list(self._filters))
            await self._patience.insist(
                lambda: self._told(online=True), task="direct presence", stop=self._stop, failed=self._failed
            )
        try:
            while True:
                await self._open.wait()
                messages = await connection.take(INBOUND)
                await self._checkpoint("direct_taken")
                async with self._turn:
                    if not await self._keep(messages):
                        return
                    await self._checkpoint("direct_kept")
                    connection.acknowledge(messages)
                await self._checkpoint("direct_acknowledged")
        except MqttError:
            async with self._turn:
                await self._say(online=False)
            raise
        finally:
            self._connection = None

    async def _opened(self, *, session_present: bool) -> None:
        """Record since when we were not subscribed; the numbers of a session that is gone mean nothing any more."""
        since, now = self._heard_until, self._clock()

        async def record() -> None:
            await self._messages.opened(since, now, kept=session_present)

        await self._patience.insist(record, task="direct gap", stop=self._stop, failed=self._failed)
        self._heard_until = now

    async def _keep(self, messages: Sequence[Message]) -> bool:
        self._now = max(self._clock(), self._now + 1)
        taken = await self._patience.insist(
            lambda: self._messages.keep(messages, self._now),
            task=f"direct {self._table.name}",
            stop=self._stop,
            failed=self._failed,
        )
        if taken is not None:
            self._on_kept(taken)
        return taken is not None

    async def _told(self, *, online: bool) -> None:
        """These devices' gateway is online while somebody hears them."""
        now = self._clock()
        await self._messages.say(Presence(site=self._table.site, gateway=self._table.name, online=online, at=now), now)

    async def _say(self, *, online: bool) -> None:
        """The same where nothing waits for it."""
        try:
            await self._told(online=online)
        except DATABASE_AWAY as error:  # the next connection says how it is then
            _log.debug("presence not recorded", gateway=self._table.name, error=str(error)[:200])

    def _lost(self, error: MqttError, wait_s: float) -> None:
        _log.warning(
            "broker away, will try again",
            site=self._table.site,
            gateway=self._table.name,
            error=str(error),
            wait_s=round(wait_s, 3),
        )
