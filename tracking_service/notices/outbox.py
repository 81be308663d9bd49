"""Send the notices that wait in the outbox, each once: claimed, sent, recorded.

A notice is claimed for a lease before it is sent, so no transaction stays open while a mail server thinks, and two senders
never take the same one. Whoever dies between sending and recording sends again after the lease, under the same
`Message-ID`-like header `X-Plumbline-Notice`.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

import structlog
from sqlalchemy import Row, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline.backoff import delay_s
from tracking_service.tables import notice

_log = structlog.get_logger()

_SECOND: Final = 1_000_000_000
#: A claimed notice that nobody recorded is free again after this.
LEASE_NS: Final = 120 * _SECOND
#: A notice that failed so often is dead: it stays, with its error.
MAX_ATTEMPTS: Final = 8
_AT_ONCE: Final = 20


class Outgoing(NamedTuple):
    """A notice as it goes out."""

    key: str
    recipient: str
    name: str
    subject: str
    body: str


class Notifier(Protocol):
    """A way out: mail, chat, text message."""

    async def send(self, outgoing: Outgoing) -> None:
        """Hand the notice over. Called from the sender's task, one at a time. Raises `NoticeError` with the reason."""
        ...


class NoticeError(Exception):
    """The notice could not be handed over; a later try may succeed."""


class Notices:
    """The sender of the outbox.

    Args:
        engine: the database with the outbox.
        notifier: the way out.
        poll_s: how long a notice waits at most when nobody says `wake`.
        max_attempts: tries before a notice is dead.
        now_ns: UTC, ns.
        chance: draws the jitter of the back-off, in [0, 1).
    """

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        notifier: Notifier,
        poll_s: float = 2.0,
        max_attempts: int = MAX_ATTEMPTS,
        now_ns: Callable[[], int] = time.time_ns,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._engine = engine
        self._reader = engine.execution_options(read_only=True)
        self._notifier = notifier
        self._poll_s = poll_s
        self._max_attempts = max_attempts
        self._now_ns = now_ns
        self._chance = chance
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Say that notices may be waiting. Call from the event loop's thread."""
        self._woken.set()

    async def run(self) -> None:
        """Send until cancelled. A database that is away is waited for."""
        failures = 0
        while True:
            self._woken.clear()
            try:
                while await self.send():
                    pass
                failures, pause = 0, self._poll_s
            except (SQLAlchemyError, OSError) as error:
                failures += 1
                pause = delay_s(failures, self._chance)
                _log.warning("tracking.notices.database_unavailable", error=str(error), retry_in_s=round(pause, 1))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), pause)

    async def send(self) -> int:
        """Send what is due, up to twenty; returns how many were tried."""
        claimed = await self._claim()
        for row in claimed:
            await self._send(row)
        return len(claimed)

    async def _claim(self) -> list[Row[Any]]:
        now = self._now_ns()
        due = (notice.c.state == "waiting") & (notice.c.next_attempt_at <= now)
        async with self._reader.connect() as connection:
            if (await connection.execute(select(notice.c.id).where(due).limit(1))).first() is None:
                return []
        async with self._engine.begin() as connection:
            statement = select(notice).where(due).order_by(notice.c.id).limit(_AT_ONCE).with_for_update(skip_locked=True)
            rows = list(await connection.execute(statement))
            ids = [row.id for row in rows]
            leased = {"next_attempt_at": now + LEASE_NS, "attempts": notice.c.attempts + 1}
            await connection.execute(update(notice).where(notice.c.id.in_(ids)).values(leased))
        return rows

    async def _send(self, row: Row[Any]) -> None:
        attempt = row.attempts + 1
        log = _log.bind(notice=row.dedup_key, recipient=row.recipient, attempt=attempt)
        values: dict[str, Any]
        try:
            await self._notifier.send(Outgoing(row.dedup_key, row.recipient, row.name, row.subject, row.body))
        except NoticeError as error:
            dead = attempt >= self._max_attempts
            wait = int(delay_s(attempt, self._chance, first_s=5, cap_s=3600) * _SECOND)
            values = {
                "state": "dead" if dead else "waiting",
                "last_error": str(error)[:2000],
                "next_attempt_at": self._now_ns() + wait,
            }
            log.warning("tracking.notice.dead" if dead else "tracking.notice.failed", error=str(error))
        else:
            values = {"state": "sent", "sent_at": self._now_ns(), "last_error": None}
            log.info("tracking.notice.sent")
        async with self._engine.begin() as connection:
            await connection.execute(update(notice).where(notice.c.id == row.id).values(values))
