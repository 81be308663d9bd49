"""Take in what waits in the inbox: each batch in one transaction, with all it means and the mark that it was taken.

Nothing is taken in twice (the mark, the log and what was seen commit together, and what was seen has the event's id), and an
event that cannot be taken in is set aside with its reason instead of holding back those behind it.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final, Protocol

import asyncpg
import structlog
from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plumbline.backoff import delay_s
from plumbline.codec import decode_event
from plumbline.errors import CodecError
from plumbline.event import Event
from plumbline.inbox import inbox
from plumbline.prepared import Prepared, together
from plumbline.site import SiteFile, Zones
from tracking_service import activity, notices, progress
from tracking_service.domain.notice import Change
from tracking_service.draft import Draft
from tracking_service.geofence import room as geofence
from tracking_service.log import append_events, turn
from tracking_service.outcome import Observed, Outcome
from tracking_service.polled import woken
from tracking_service.progress import Cause
from tracking_service.rooms import minutes
from tracking_service.rooms.ground import Ground

_log = structlog.get_logger()

#: How long milestones may be past their date before that is noticed.
_DUE_EVERY_NS: Final = 5_000_000_000
#: How long something that is over may wait until that is noticed.
_WAKE_EVERY_NS: Final = 1_000_000_000
#: How long a gateway may be gone before that is noticed.
_GATEWAYS_EVERY_NS: Final = 1_000_000_000
_WAITING: Final = (
    select(inbox)
    .where(inbox.c.processed_at.is_(None))
    .order_by(inbox.c.position)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
#: What says that nobody listens any more; the driver's own errors come unwrapped from what only the driver can.
_NOT_LISTENING: Final = (
    *(SQLAlchemyError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError),
    asyncpg.InternalClientError,  # the server has said goodbye, and the connection's end is still on its way
)
_ANY: Final = select(inbox.c.position).where(inbox.c.processed_at.is_(None)).limit(1)
_TAKEN: Final = Prepared(
    lambda _: update(inbox).where(inbox.c.position == bindparam("taken")).values(processed_at=bindparam("now")),
    *("now", "taken"),
)


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
        self._woken_at = 0
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
        failures, known = 0, True
        async with contextlib.AsyncExitStack() as stack:
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            if self._engine.dialect.name == "postgresql":
                tasks.create_task(self._listen(), name="tracking-intake-listen")
            while True:
                self._woken.clear()
                try:
                    took = await self.take(woken=known)
                    await self.tick()
                    failures, pause, known = 0, self._poll_s, True
                    if took >= self._batch:  # there may be more; whatever came since has woken us
                        continue
                except (SQLAlchemyError, OSError) as error:
                    failures += 1
                    pause = delay_s(failures, random.random)
                    _log.warning("tracking.intake.database_unavailable", error=str(error), retry_in_s=round(pause, 1))
                if self._woken.is_set():
                    continue
                known = await woken(self._woken, pause) and known

    async def take(self, *, woken: bool = False) -> int:
        """Take in one batch; returns the number of rows (0: nothing waits).

        `woken`: rows are known to wait, so nobody looks before it is a writer's turn.
        """
        if not woken and not await self._anything_waits():
            return 0
        try:
            outcome = await self._transaction(self._batch)
        except Exception as error:  # whatever a hostile event provokes: the row is found and set aside
            if not _refused(error):
                raise
            _log.warning("tracking.intake.batch_refused", error=str(error))
            return await self._one_by_one()
        if outcome.observed:
            self._heard(outcome)
        return len(outcome.observed)

    async def _anything_waits(self) -> bool:
        async with self._reader.connect() as connection:
            return (await connection.execute(_ANY)).first() is not None

    async def tick(self) -> None:
        """What time alone brings: durations that are over, milestones past their date, gateways that came or went."""
        now = self._now_ns()
        if _due(self._woken_at, now, _WAKE_EVERY_NS):
            self._woken_at = now
            await self._wake_milestones(now)
            await self._settle_visits()
            await self._follow_minutes()
        if _due(self._due_checked, now, _DUE_EVERY_NS):
            self._due_checked = now
            await self._tell_due(now)
            await self._trim()
        if not _due(self._gateways_checked, now, _GATEWAYS_EVERY_NS):
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

    async def _wake_milestones(self, now: int) -> None:
        async with self._reader.connect() as connection:
            if not await progress.asleep(connection, now):
                return
        async with self._engine.begin() as connection:
            await turn(connection)
            now = self._now_ns()  # whoever wrote before us may have gone by a later one than ours until now
            ids = await progress.asleep(connection, now)
            moved = await progress.move(connection, ids, self._ground(now), Cause("time"))
            entries = await activity.add(connection, activity.of_changes(moved.changes, now))
        if moved.changes:
            self._heard(Outcome(activity=entries, orders=moved.orders, notices=True))

    async def _settle_visits(self) -> None:
        """Fold on what is folded anew: fixes that came days late, zones that were moved."""
        async with self._reader.connect() as connection:
            if not await geofence.behind(connection, sites=self._sites):
                return
        async with self._engine.begin() as connection:
            await turn(connection)
            now = self._now_ns()
            ground = self._ground(now)
            touched = await geofence.settle(connection, sites=ground.sites)
            ids = await progress.counting_on(connection, touched.needs)
            moved = await progress.move(connection, ids, ground, Cause("seen"))
            await notices.tell(connection, touched.changes, now, zones=self._zones)
            entries = await activity.add(connection, activity.of_changes([*moved.changes, *touched.changes], now))
        if entries:
            self._heard(Outcome(activity=entries, orders=moved.orders, notices=True))

    async def _follow_minutes(self) -> None:
        """Look at what counts on metrics of which minutes were written."""
        async with self._reader.connect() as connection:
            if not await minutes.waits(connection):
                return
        async with self._engine.begin() as connection:
            await turn(connection)
            now = self._now_ns()
            ids = await minutes.follow(connection)
            moved = await progress.move(connection, ids, self._ground(now), Cause("seen"))
            entries = await activity.add(connection, activity.of_changes(moved.changes, now))
        if moved.changes:
            self._heard(Outcome(activity=entries, orders=moved.orders, notices=True))

    async def _tell_due(self, now: int) -> None:
        changes: Sequence[Change] = ()
        async with self._reader.connect() as connection:
            due = await notices.anything_due(connection, now)
        if not due:
            return
        async with self._engine.begin() as connection:
            await turn(connection)
            changes = await notices.tell_due(connection, now, zones=self._zones)
            entries = await activity.add(connection, activity.of_changes(changes, now))
        if changes:
            self._heard(Outcome(activity=entries, orders=frozenset(), notices=True))

    async def _trim(self) -> None:
        async with self._reader.connect() as connection:
            sites = await activity.overfull(connection)
        if sites:
            async with self._engine.begin() as connection:
                await activity.trim(connection, sites)

    def _ground(self, now: int) -> Ground:
        return Ground(self._sites, self._zones, now)

    async def _transaction(self, limit: int) -> Outcome:
        async with self._engine.begin() as connection:
            after = await turn(connection)
            rows = (await connection.execute(_WAITING, {"most": limit})).all()
            return await self._take_rows(connection, rows, after)

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
                    after = await turn(connection)
                    outcome = await self._take_rows(connection, (await connection.execute(statement)).all(), after)
            except Exception as error:
                if not _refused(error):
                    raise
                async with self._engine.begin() as connection:
                    after = await turn(connection)
                    rows = (await connection.execute(statement)).all()
                    outcome = await self._set_aside(connection, rows, f"{type(error).__name__}: {error}"[:400], after)
            self._heard(outcome)
        return len(positions)

    async def _take_rows(self, connection: AsyncConnection, rows: Sequence[Row[Any]], after: int) -> Outcome:
        now = self._now_ns()
        draft = Draft(self._ground(now))
        for row in rows:
            event = decoded(row.body, row.event_id, row.site)
            if isinstance(event, str):
                _log.warning("tracking.intake.unreadable", event_id=row.event_id, site=row.site, error=event)
                draft.refuse(row, event)
            else:
                draft.add(event)
        return await self._commit(connection, rows, draft, now, after)

    async def _set_aside(self, connection: AsyncConnection, rows: Sequence[Row[Any]], why: str, after: int) -> Outcome:
        now = self._now_ns()
        draft = Draft(self._ground(now))
        for row in rows:
            _log.error("tracking.intake.set_aside", event_id=row.event_id, site=row.site, error=why)
            draft.refuse(row, why)
        return await self._commit(connection, rows, draft, now, after)

    async def _commit(
        self, connection: AsyncConnection, rows: Sequence[Row[Any]], draft: Draft, now: int, after: int
    ) -> Outcome:
        if not rows:  # somebody else took them
            return Outcome()
        outcome = await draft.commit(connection)
        async with together(connection):
            await append_events(connection, after, [(row.event_id, row.site) for row in rows], now=now)
            await _TAKEN.write(connection, [(now, row.position) for row in rows])
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
                    self._woken.set()  # nobody told of what came until now
                    failures = 0
                    try:
                        await closed.wait()
                    finally:
                        await connection.invalidate()  # a listening connection does not go back to the pool
            except _NOT_LISTENING as error:
                _log.warning("tracking.intake.listen_failed", error=str(error))
            failures += 1
            await asyncio.sleep(delay_s(failures, random.random))


def _due(last: int, now: int, every: int) -> bool:
    """Whether a look is due; a clock that was set back says nothing of the time since the last one."""
    return not 0 <= now - last < every


def _setter(event: asyncio.Event) -> Callable[..., None]:
    return lambda *_arguments: event.set()


def _refused(error: Exception) -> bool:
    """Whether the content is at fault, not the database: SQLSTATE class 22 (data) or 23 (integrity), or our own code."""
    if isinstance(error, DBAPIError):
        state = str(getattr(error.orig, "sqlstate", None) or "")
        return isinstance(error, DataError | IntegrityError) or state[:2] in ("22", "23")
    return not isinstance(error, SQLAlchemyError | OSError)


def decoded(body: bytes, event_id: str, site: str) -> Event | str:
    """The event of an inbox row, or why it cannot be read."""
    try:
        event = decode_event(body)
    except CodecError as error:
        return str(error)
    if event.id != event_id or event.site != site:
        return f"the body says event {event.id} on {event.site}, its row {event_id} on {site}"
    return event
