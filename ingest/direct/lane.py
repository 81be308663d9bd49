"""One table at work: waits for its hold, hears what was announced, then receives and reads until the end or a take-over."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest.direct.hold import BEAT_S, LAPSE_S, Hold, LaneLostError
from ingest.direct.intake import INBOUND, Intake
from ingest.direct.messages import Messages, Taken
from ingest.direct.metrics import DirectMetrics
from ingest.direct.reading import Reading
from ingest.direct.settings import Table
from ingest.patience import DATABASE_AWAY, Patience, Stop
from ingest.pipeline import Beside, Checkpoint, Pipeline, pass_by
from plumbline.address import Address
from plumbline.backoff import delay_s
from plumbline.errors import MqttError
from plumbline.event import CLASSES, EventClass
from plumbline.ids import new_epoch
from plumbline.listening import Entry, learn
from plumbline.mqtt import Connection, Version
from plumbline.site import SiteFile

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all lanes of a worker share."""

    address: Address
    version: Version
    engine: AsyncEngine
    pipeline: Callable[[EventClass, Beside], Pipeline]
    """Makes a pipeline of a class; the second argument belongs into each of its transactions."""
    sites: Mapping[str, SiteFile]
    worker: Callable[[], str]
    """Our name, once it is known."""
    metrics: DirectMetrics
    on_commit: Callable[[], None]
    failed: Callable[[str], None]
    patience: Patience
    clock: Callable[[], int] = time.time_ns
    beat_s: float = BEAT_S
    lapse_s: float = LAPSE_S
    checkpoint: Checkpoint = pass_by


class Lane:
    """Serves one table."""

    def __init__(self, table: Table, around: Surroundings) -> None:
        self.table: Final = table
        self._around = around
        self._stop = Stop()
        self._hold = Hold(around.engine, table.site, table.name, around.worker(), lapse_s=around.lapse_s)

    def stop(self) -> None:
        """End in order: what was taken from the broker is put into the database, the group under way is committed."""
        self._stop.set()

    async def run(self) -> None:
        """Serve until told to stop."""
        while not self._stop.is_set():
            if not await self._insist_take():
                await self._stop.pause(self._around.beat_s)
            elif (lost := await self._term()) is not None:
                _log.warning("lane lost", site=self.table.site, gateway=self.table.name, why=str(lost))
            else:
                await self._release()

    async def _insist_take(self) -> bool:
        taken = await self._around.patience.insist(
            self._hold.take, task=f"direct {self.table.name}", stop=self._stop, failed=self._around.failed
        )
        return bool(taken)

    async def _release(self) -> None:
        try:
            await self._hold.release()
        except DATABASE_AWAY as error:  # it lapses
            _log.debug("lane not given back", gateway=self.table.name, error=str(error)[:200])

    async def _term(self) -> LaneLostError | None:
        """From a take to its end; returns why, where another worker took over.

        Nobody is cancelled in the middle of a transaction: SQLite keeps the lock of one that was, until somebody tidies up.
        """
        around, table, epoch = self._around, self.table, new_epoch()
        entries: dict[EventClass, Entry] = {event_class: table.entry() for event_class in CLASSES}
        any_entry = entries["business"]
        messages = Messages(
            around.engine,
            self._hold,
            table.site,
            table.name,
            epoch,
            max_bytes=table.max_bytes,
            retained=any_entry.accept_retained,
        )
        opened = await around.patience.insist(
            lambda: self._begin(messages), task=f"direct {table.name}", stop=self._stop, failed=around.failed
        )
        if opened is None:
            return None
        places, heard_until = opened
        _log.info("lane taken", site=table.site, gateway=table.name, epoch=epoch, worker=around.worker())
        term = Stop()
        readings = {
            event_class: Reading(
                event_class=event_class,
                table=table,
                epoch=epoch,
                messages=messages,
                entry=entry,
                pipeline=around.pipeline,
                sites=around.sites,
                stop=term,
                on_commit=around.on_commit,
                failed=around.failed,
                patience=around.patience,
                clock=around.clock,
            )
            for event_class, entry in entries.items()
        }

        def kept(taken: Taken) -> None:
            around.metrics.count(table.site, table.name, taken)
            for reading in readings.values():
                reading.wake()

        intake = Intake(
            table=table,
            filters=any_entry.dialect.filters,
            connect=self._connect,
            messages=messages,
            on_kept=kept,
            stop=term,
            heard_until=heard_until,
            failed=around.failed,
            patience=around.patience,
            clock=around.clock,
            checkpoint=around.checkpoint,
        )
        around.metrics.follow(table.site, table.name, intake)
        ended = Stop()
        lost: list[LaneLostError] = []

        async def until_lost(work: Awaitable[None]) -> None:
            try:
                await work
            except LaneLostError as error:
                lost.append(error)
                term.set()

        async def serve() -> None:
            if await self._learn(list(entries.values()), term):
                async with asyncio.TaskGroup() as group:
                    for work in (intake.run(), *(readings[one].run(places[one]) for one in CLASSES)):
                        group.create_task(until_lost(work), name=f"direct-{table.name}")
            ended.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(until_lost(self._beat(intake, ended)), name=f"direct-{table.name}-beat")
            serving = group.create_task(serve(), name=f"direct-{table.name}-serve")
            stopping = group.create_task(self._stop.wait(), name=f"direct-{table.name}-stop")
            await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
            term.set()
            stopping.cancel()
        return lost[0] if lost else None

    async def _begin(self, messages: Messages) -> tuple[dict[EventClass, int], int | None]:
        return await messages.open(), await self._hold.heard_until()

    async def _beat(self, intake: Intake, ended: Stop) -> None:
        """Beat until the term has ended, and once more: what is known then of who listened is kept."""
        last = False
        while not last:
            last = await ended.pause(self._around.beat_s)
            try:
                await self._hold.beat(intake.until())
                await intake.weigh()
            except DATABASE_AWAY as error:
                _log.debug("no beat", gateway=self.table.name, error=str(error)[:200])

    async def _learn(self, entries: Sequence[Entry], term: Stop) -> bool:
        """Hear what is announced before all else; false where told to stop first."""
        around, attempt = self._around, 0
        while not term.is_set():
            try:
                await learn(around.address, around.version, entries, self.table.max_bytes)
            except MqttError as error:
                attempt += 1
                wait_s = delay_s(attempt, around.patience.chance, first_s=around.patience.first_s, cap_s=around.patience.cap_s)
                _log.warning("broker away, will try again", gateway=self.table.name, error=str(error), wait_s=round(wait_s, 3))
            else:
                return True
            await term.pause(wait_s)
        return False

    def _connect(self) -> Connection:
        """The session is the table's, not the worker's: whoever takes over gets what the broker kept."""
        around, table = self._around, self.table
        return Connection(
            address=around.address,
            client_id=f"plumbline-{table.site}-{table.name}",
            version=around.version,
            session_expiry_s=table.session_expiry_s,
            inbound=INBOUND,
        )
