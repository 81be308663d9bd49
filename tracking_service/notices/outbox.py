"""Send the notices that wait in the outbox, each once: claimed, sent, recorded.

A notice is claimed for a lease before it is sent, so no transaction stays open while a mail server thinks, and two senders
never take the same one. Whoever dies between sending and recording sends again after the lease, under the same
`Message-ID` and the same header `X-Plumbline-Notice`.
"""

import asyncio
import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final, NamedTuple, Protocol

import structlog
from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline.backoff import delay_s
from tracking_service.notices.acknowledging import Links
from tracking_service.notices.report import Forecaster
from tracking_service.notices.rounds import Rounds
from tracking_service.polled import Polled
from tracking_service.tables import notice

_log = structlog.get_logger()

_SECOND: Final = 1_000_000_000
#: A claimed notice that nobody recorded is free again after this.
LEASE_NS: Final = 120 * _SECOND
#: A notice that failed so often is dead: it stays, with its error. With the back-off that is about a day and a half.
MAX_ATTEMPTS: Final = 55
_AT_ONCE: Final = 20
#: Nothing new is sent in the last part of a lease.
_MARGIN_NS: Final = 40 * _SECOND


class Outgoing(NamedTuple):
    """A notice as it goes out."""

    key: str
    recipient: str
    name: str
    subject: str
    body: str
    html: str | None = None
    way: str = "mail"
    to: str = ""
    """The address there: of mail the recipient."""
    language: str = "en"
    answers: Sequence[str] = ()
    """Keys of earlier notices that this one is about."""


class Notifier(Protocol):
    """A way out: mail, chat, text message."""

    async def send(self, outgoing: Outgoing) -> None:
        """Hand the notice over. Called from the sender's task, one at a time. Raises `NoticeError` with the reason."""
        ...


class NoticeError(Exception):
    """The notice could not be handed over; a later try may succeed unless it is `permanent`."""

    def __init__(self, why: str, *, permanent: bool = False) -> None:
        super().__init__(why)
        self.permanent = permanent


class Notices:
    """The sender of the outbox.

    Args:
        engine: the database with the outbox.
        notifier: the way out by mail.
        ways: further ways out, by name; what goes by a way that is not there waits.
        zones: the sites' time zones, for digests and reports.
        forecast: says when an order will be finished, for the weekly reports.
        links: makes the links that a mail has in it; `None`: none.
        poll_s: how long a notice waits at most when nobody says `wake`.
        max_attempts: tries before a notice is dead.
        now_ns: UTC, ns.
        chance: draws the jitter of the back-off, in [0, 1).
    """

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        notifier: Notifier | None = None,
        ways: Mapping[str, Notifier] | None = None,
        zones: Mapping[str, tzinfo] | None = None,
        forecast: Forecaster | None = None,
        links: Links | None = None,
        poll_s: float = 2.0,
        max_attempts: int = MAX_ATTEMPTS,
        now_ns: Callable[[], int] = time.time_ns,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._engine = engine
        self._reader = engine.execution_options(read_only=True)
        self._ways: dict[str, Notifier] = dict(ways or {}) | ({"mail": notifier} if notifier is not None else {})
        self._links = links
        self._rounds = Rounds(engine=engine, zones=zones or {}, now_ns=now_ns, forecast=forecast)
        self._polled = Polled("notices", self._work, poll_s=poll_s, chance=chance)
        self._max_attempts = max_attempts
        self._now_ns = now_ns
        self._chance = chance
        self._looked = False

    def wake(self) -> None:
        """Say that notices may be waiting. Call from the event loop's thread."""
        self._polled.wake()

    async def run(self) -> None:
        """Send until cancelled. A database that is away is waited for."""
        await self._polled.run()

    async def _work(self) -> None:
        if not self._looked:
            self._looked = True
            await self._miss_ways()
        await self._rounds.go()
        while await self.send():
            pass

    async def _miss_ways(self) -> None:
        """Say once which ways are wanted and are not there."""
        wanted = select(notice.c.way).where(notice.c.state == "waiting", notice.c.way.not_in(self._ways)).distinct()
        async with self._reader.connect() as connection:
            for way in (await connection.execute(wanted)).scalars():
                remedy = "set PLUMBLINE_SMTP" if way == "mail" else "put it into the file of PLUMBLINE_WAYS"
                _log.warning("tracking.notices.no_such_way", way=way, remedy=f"{remedy}; its notices wait in the outbox")

    async def go_round(self) -> None:
        """Do what time alone brings: digests, weekly reports, and what nobody acknowledged."""
        await self._rounds.go()

    async def send(self) -> int:
        """Send what is due, up to twenty, each way beside the others; returns how many were tried."""
        claimed_at = self._now_ns()
        claimed = await self._claim(claimed_at)
        by_way: dict[str, list[Row[Any]]] = defaultdict(list)
        for row in claimed:
            by_way[row.way].append(row)
        async with asyncio.TaskGroup() as tasks:
            for rows in by_way.values():
                tasks.create_task(self._send_all(rows, claimed_at), name="tracking-notices-way")
        return len(claimed)

    async def _claim(self, now: int) -> list[Row[Any]]:
        due = (notice.c.state == "waiting") & (notice.c.next_attempt_at <= now) & notice.c.way.in_(self._ways)
        async with self._reader.connect() as connection:
            if (await connection.execute(select(notice.c.id).where(due).limit(1))).first() is None:
                return []
        async with self._engine.begin() as connection:
            statement = select(notice).where(due).order_by(notice.c.id).limit(_AT_ONCE).with_for_update(skip_locked=True)
            found = list(await connection.execute(statement))
            rows = [row for row in found if row.corrected_at is None]
            # without an error it may be under way: what is wrong by then is told to be wrong, not recalled
            leased = {"next_attempt_at": now + LEASE_NS, "attempts": notice.c.attempts + 1, "last_error": None}
            await connection.execute(update(notice).where(notice.c.id.in_([row.id for row in rows])).values(leased))
            wrong = [row.id for row in found if row.corrected_at is not None]
            if wrong:
                await connection.execute(update(notice).where(notice.c.id.in_(wrong)).values(state="recalled"))
        return rows

    async def _send_all(self, rows: Sequence[Row[Any]], claimed_at: int) -> None:
        for row in rows:
            if self._now_ns() - claimed_at > LEASE_NS - _MARGIN_NS:
                return  # the way is slow: another claim takes the rest
            await self._send(row)

    async def _send(self, row: Row[Any]) -> None:
        attempt = row.attempts + 1
        log = _log.bind(notice=row.dedup_key, recipient=row.recipient, way=row.way, attempt=attempt)
        values: dict[str, Any]
        try:
            await self._ways[row.way].send(await self._outgoing(row))
        except NoticeError as error:
            dead = error.permanent or attempt >= self._max_attempts
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

    async def _outgoing(self, row: Row[Any]) -> Outgoing:
        to = row.recipient if row.way == "mail" else row.recipient.removeprefix(f"{row.way}:")
        links = await self._links.of(row) if self._links is not None else None
        return Outgoing(
            key=row.dedup_key,
            recipient=row.recipient,
            name=row.name,
            subject=row.subject,
            body=row.body + (links.text if links is not None else ""),
            html=row.html.replace("<!--links-->", links.html if links is not None else "") if row.html is not None else None,
            way=row.way,
            to=to,
            language=row.language,
            answers=json.loads(row.answers) if row.answers is not None else (),
        )
