"""Take in what waits in the inbox: each batch in one transaction, with all it means and the mark that it was taken.

Nothing is taken in twice (the mark and the evidence commit together, and evidence has the event's id), and an event that
cannot be taken in is set aside with its reason instead of holding back those behind it.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final, Protocol

import structlog
from sqlalchemy import Row, select, update
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plumbline.backoff import delay_s
from plumbline.codec import decode_event
from plumbline.errors import CodecError
from plumbline.event import Event
from plumbline.inbox import inbox
from plumbline.site import SiteFile, Zones
from tracking_service import activity, progress
from tracking_service.draft import Draft
from tracking_service.outcome import Observed, Outcome

_log = structlog.get_logger()

#: How long milestones may be past their date before that is noticed.
_DUE_EVERY_NS: Final = 5_000_000_000
#: How long a gateway may be gone before that is noticed.
_GATEWAYS_EVERY_NS: Final = 1_000_000_000


class Listener(Protocol):
    """Who wants to know what was taken in; called after the commit, from intake's task, and must not wait."""

    def __call__(self, outcome: Outcome, /) -> None:
        """Hear of a committed transaction."""
        ...


class Intake:
    """The consumer of the inbox.

    Args:
        engine: the database that holds the inbox and tracking's tables.
        sites: titles of devices and places, and the sites' time zones.
        heard: told of every transaction after its commit.
        batch: the most rows of one transaction.
        poll_s: how long a row waits at most when nobody says `wake`.
        now_ns: UTC, ns.
    """

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        sites: Mapping[str, SiteFile],
        heard: Listener = lambda _outcome: None,
        batch: int = 200,
        poll_s: float = 0.5,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._engine = engine
        self._reader = engine.execution_options(read_only=True)
        self._sites = sites
        self._zones: Mapping[str, tzinfo] = Zones(sites)
        self._heard = heard
        self._batch = batch
        self._poll_s = poll_s
        self._now_ns = now_ns
        self._woken = asyncio.Event()
        self._due_checked = 0
        self._gateways_checked = 0
        self._turns = activity.GatewayTurns()

    @property
    def zones(self) -> Mapping[str, tzinfo]:
        """The sites' time zones."""
        return self._zones

    def wake(self) -> None:
        """Say that rows may be waiting. Call from the event loop's thread."""
        self._woken.set()

    async def run(self) -> None:
        """Take in until cancelled. A database that is away is waited for."""
        failures = 0
        async with contextlib.AsyncExitStack() as stack:
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            if self._engine.dialect.name == "postgresql":
                tasks.create_task(self._listen(), name="tracking-intake-listen")
            while True:
                self._woken.clear()
                try:
                    took = await self.take()
                    await self.tick()
                    failures, pause = 0, self._poll_s
                    if took:
                        continue
                except (SQLAlchemyError, OSError) as error:
                    failures += 1
                    pause = delay_s(failures, random.random)
                    _log.warning("tracking.intake.database_unavailable", error=str(error), retry_in_s=round(pause, 1))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), pause)

    async def take(self) -> int:
        """Take in one batch; returns the number of rows (0: nothing waits)."""
        async with self._reader.connect() as connection:
            waiting = select(inbox.c.position).where(inbox.c.processed_at.is_(None)).limit(1)
            if (await connection.execute(waiting)).first() is None:
                return 0
        try:
            outcome = await self._transaction(self._batch)
        except Exception as error:  # whatever a hostile event provokes: the row is found and set aside
            if not _refused(error):
                raise
            _log.warning("tracking.intake.batch_refused", error=str(error))
            return await self._one_by_one()
        self._heard(outcome)
        return len(outcome.observed)

    async def tick(self) -> None:
        """What time alone brings: milestones past their date, gateways that came or went."""
        now = self._now_ns()
        changes: Sequence[progress.Change] = ()
        if now - self._due_checked >= _DUE_EVERY_NS:
            self._due_checked = now
            async with self._reader.connect() as connection:
                due = await progress.anything_due(connection, now=now)
            if due:
                async with self._engine.begin() as connection:
                    changes = await progress.tell_short(connection, zones=self._zones, now=now)
                    entries = activity.of_changes(changes, now)
                    await activity.add(connection, entries)
                if changes:
                    self._heard(Outcome(activity=entries, orders=frozenset(), notices=True))
        if now - self._gateways_checked < _GATEWAYS_EVERY_NS:
            return
        self._gateways_checked = now
        async with self._reader.connect() as connection:
            turns = await self._turns.read(connection)
        if turns:
            async with self._engine.begin() as connection:
                new = await activity.add(connection, turns)
            self._turns.told(turns)
            if new:
                self._heard(Outcome(activity=new))

    async def _transaction(self, limit: int) -> Outcome:
        async with self._engine.begin() as connection:
            statement = (
                select(inbox)
                .where(inbox.c.processed_at.is_(None))
                .order_by(inbox.c.position)
                .limit(limit)
                .with_for_update(skip_locked=True)
            )
            rows = (await connection.execute(statement)).all()
            return await self._take_rows(connection, rows)

    async def _one_by_one(self) -> int:
        """A batch was refused by the database: find the row that it cannot take, and set that one aside."""
        async with self._reader.connect() as connection:
            waiting = select(inbox.c.position).where(inbox.c.processed_at.is_(None)).order_by(inbox.c.position)
            positions = (await connection.execute(waiting.limit(self._batch))).scalars().all()
        for position in positions:
            statement = (
                select(inbox)
                .where(inbox.c.position == position, inbox.c.processed_at.is_(None))
                .with_for_update(skip_locked=True)
            )
            try:
                async with self._engine.begin() as connection:
                    outcome = await self._take_rows(connection, (await connection.execute(statement)).all())
            except Exception as error:
                if not _refused(error):
                    raise
                async with self._engine.begin() as connection:
                    rows = (await connection.execute(statement)).all()
                    outcome = await self._set_aside(connection, rows, f"{type(error).__name__}: {error}"[:400])
            self._heard(outcome)
        return len(positions)

    async def _take_rows(self, connection: AsyncConnection, rows: Sequence[Row[Any]]) -> Outcome:
        now = self._now_ns()
        draft = Draft(self._sites)
        for row in rows:
            event = _decoded(row)
            if isinstance(event, str):
                _log.warning("tracking.intake.unreadable", event_id=row.event_id, site=row.site, error=event)
                draft.refuse(row, event)
            else:
                draft.add(event)
        outcome = await draft.commit(connection, zones=self._zones, now=now)
        return await self._mark(connection, rows, now, outcome)

    async def _set_aside(self, connection: AsyncConnection, rows: Sequence[Row[Any]], why: str) -> Outcome:
        draft = Draft(self._sites)
        for row in rows:
            _log.error("tracking.intake.set_aside", event_id=row.event_id, site=row.site, error=why)
            draft.refuse(row, why)
        now = self._now_ns()
        return await self._mark(connection, rows, now, await draft.commit(connection, zones=self._zones, now=now))

    async def _mark(self, connection: AsyncConnection, rows: Sequence[Row[Any]], now: int, outcome: Outcome) -> Outcome:
        taken = [row.position for row in rows]
        await connection.execute(update(inbox).where(inbox.c.position.in_(taken)).values(processed_at=now))
        return outcome._replace(observed=[Observed(row.event_id, row.kind, row.site, row.at) for row in rows])

    async def _listen(self) -> None:
        """PostgreSQL tells of new rows at once; without it the poll finds them."""
        failures = 0
        while True:
            try:
                async with self._engine.connect() as connection:
                    raw: Any = (await connection.get_raw_connection()).driver_connection
                    closed = asyncio.Event()
                    raw.add_termination_listener(_setter(closed))
                    await raw.add_listener("plumbline_inbox", _setter(self._woken))
                    failures = 0
                    try:
                        await closed.wait()
                    finally:
                        await connection.invalidate()  # a listening connection does not go back to the pool
            except (SQLAlchemyError, OSError) as error:
                _log.warning("tracking.intake.listen_failed", error=str(error))
            failures += 1
            await asyncio.sleep(delay_s(failures, random.random))


def _setter(event: asyncio.Event) -> Callable[..., None]:
    return lambda *_arguments: event.set()


def _refused(error: Exception) -> bool:
    """Whether the content is at fault, not the database: SQLSTATE class 22 (data) or 23 (integrity), or our own code."""
    if isinstance(error, DBAPIError):
        state = str(getattr(error.orig, "sqlstate", None) or "")
        return isinstance(error, DataError | IntegrityError) or state[:2] in ("22", "23")
    return not isinstance(error, SQLAlchemyError | OSError)


def _decoded(row: Row[Any]) -> Event | str:
    """The event, or why it cannot be read."""
    try:
        event = decode_event(row.body)
    except CodecError as error:
        return str(error)
    if event.id != row.event_id or event.site != row.site:
        return f"the body says event {event.id} on {event.site}, its row {row.event_id} on {row.site}"
    return event
