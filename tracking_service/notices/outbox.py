"""Send the notices that wait in the outbox, each once: claimed, sent, recorded.

A notice is claimed for a lease before it is sent, so no transaction stays open while a mail server thinks, and two senders
never take the same one: the lease is renewed for as long as a way out takes. Whoever dies between sending and recording sends
again after the lease, under the same `Message-ID` and the same header `X-Plumbline-Notice`.
"""

import asyncio
import contextlib
import json
import random
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from datetime import tzinfo
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

import structlog
from sqlalchemy import Row, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline.backoff import delay_s
from tracking_service.leaving import noted, said, side_by_side, to_its_end
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
_MARGIN_NS: Final = 60 * _SECOND
#: How often the lease of what is under way is renewed.
_RENEW_S: Final = 30.0


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
        self._going_round = Polled("notices", self._go_round, poll_s=poll_s, chance=chance)
        self._sending = {
            way: Polled("notices", partial(self._send_by, way), poll_s=poll_s, chance=chance) for way in self._ways
        }
        self._max_attempts = max_attempts
        self._now_ns = now_ns
        self._chance = chance
        self._looked = False

    def wake(self) -> None:
        """Say that notices may be waiting. Call from the event loop's thread."""
        self._going_round.wake()
        self._wake_ways()

    async def run(self) -> None:
        """Send until cancelled, each way at its own pace. A database that is away is waited for."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._going_round.run(), name="tracking-notices-rounds")
            for way, sending in self._sending.items():
                tasks.create_task(sending.run(), name=f"tracking-notices-{way}")

    def _wake_ways(self) -> None:
        for sending in self._sending.values():
            sending.wake()

    async def _go_round(self) -> None:
        if not self._looked:
            self._looked = True
            await self._miss_ways()
        await self._rounds.go()
        self._wake_ways()

    async def _send_by(self, way: str) -> None:
        while await self.send((way,)):
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

    async def send(self, ways: Collection[str] | None = None) -> int:
        """Send what is due by these ways (all there are), up to twenty, each way beside the others; returns how many were tried."""
        claimed_at = self._now_ns()
        claimed = await self._claim(claimed_at, self._ways if ways is None else ways)
        by_way: dict[str, list[Row[Any]]] = defaultdict(list)
        for row in claimed:
            by_way[row.way].append(row)
        await side_by_side(self._send_all(rows, claimed_at) for rows in by_way.values())
        return len(claimed)

    async def _claim(self, now: int, ways: Collection[str]) -> list[Row[Any]]:
        due = (notice.c.state == "waiting") & (notice.c.next_attempt_at <= now) & notice.c.way.in_(ways)
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
            await to_its_end(self._send(row))

    async def _send(self, row: Row[Any]) -> None:
        attempt = row.attempts + 1
        log = _log.bind(notice=row.dedup_key, recipient=row.recipient, way=row.way, attempt=attempt)
        values: dict[str, Any]
        ours = (notice.c.id == row.id) & (notice.c.state == "waiting")
        outgoing = await self._outgoing(row)
        try:
            async with self._leased(row.id, attempt):
                await self._ways[row.way].send(outgoing)
        except NoticeError as error:
            dead = error.permanent or attempt >= self._max_attempts
            wait = int(delay_s(attempt, self._chance, first_s=5, cap_s=3600) * _SECOND)
            values = {
                "state": "dead" if dead else "waiting",
                "last_error": said(str(error)),
                "next_attempt_at": self._now_ns() + wait,
            }
            ours &= notice.c.attempts == attempt  # else the lease was over, and somebody else is at it
            log.warning("tracking.notice.dead" if dead else "tracking.notice.failed", error=str(error))
        else:
            values = {"state": "sent", "sent_at": self._now_ns(), "last_error": None}
            log.info("tracking.notice.sent")

        async def write() -> None:
            async with self._engine.begin() as connection:
                await connection.execute(update(notice).where(ours).values(values))

        await noted("notices", write, self._chance)

    @contextlib.asynccontextmanager
    async def _leased(self, number: int, attempt: int) -> AsyncGenerator[None]:
        """Keep a notice ours for as long as its way out takes."""
        renewing = asyncio.create_task(self._renew(number, attempt), name="tracking-notices-lease")
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _renew(self, number: int, attempt: int) -> None:
        ours = (notice.c.id == number) & (notice.c.state == "waiting") & (notice.c.attempts == attempt)
        while True:
            await asyncio.sleep(_RENEW_S)
            try:
                async with self._engine.begin() as connection:
                    longer = {"next_attempt_at": self._now_ns() + LEASE_NS}
                    await connection.execute(update(notice).where(ours).values(longer))
            except (SQLAlchemyError, OSError) as error:
                _log.warning("tracking.notices.lease_not_renewed", error=str(error))

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
