"""What time alone brings: notices that waited for their hour, digests, weekly reports, and what nobody took on.

Each step is a transaction of its own that reads what is due, writes what follows and marks it: done twice it changes nothing,
and two services may do it side by side.
"""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Any, Final

import structlog
from sqlalchemy import Row, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plumbline.text import Language
from tracking_service import gateways
from tracking_service.domain.hours import day_of, last_weekly
from tracking_service.domain.notice import local
from tracking_service.notices import report
from tracking_service.notices.digest import Item, fold
from tracking_service.notices.people import Address, Person, everybody
from tracking_service.notices.rows import SETTLE_NS
from tracking_service.notices.tables import acknowledgement, wish
from tracking_service.tables import insert_new, milestone, notice, orders

_log = structlog.get_logger()

_SECOND: Final = 1_000_000_000
#: So long what a gateway tells late is held while it still catches up.
PATIENCE_NS: Final = 30 * 60 * _SECOND
#: A report that could not be made within so long of its hour is left out: the next one tells the same.
_STALE_NS: Final = 3 * 24 * 3600 * _SECOND
_REPORTS_EVERY_NS: Final = 30 * _SECOND
#: What was sent is kept for two years, as long as the measurements it tells of.
KEPT_NS: Final = 730 * 24 * 3600 * _SECOND
_FORGET_EVERY_NS: Final = 6 * 3600 * _SECOND
#: A matter is passed on to so many people one after the other.
_PASSED_ON: Final = 10
_AT_ONCE: Final = 2_000


class Rounds:
    """Makes notices of what is due.

    Args:
        engine: the database with the outbox.
        zones: the sites' time zones.
        now_ns: UTC, ns.
        forecast: says when an order will be finished.
    """

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        zones: Mapping[str, tzinfo],
        now_ns: Callable[[], int] = time.time_ns,
        forecast: report.Forecaster | None = None,
    ) -> None:
        self._engine = engine
        self._reader = engine.execution_options(read_only=True)
        self._zones = zones
        self._now_ns = now_ns
        self._forecast = forecast
        self._looked = 0
        self._forgot = 0

    async def go(self) -> None:
        """Do what is due now."""
        await self._release()
        await self._pass_on()
        await self._report()
        await self._forget()

    async def _release(self) -> None:
        """Let go what was held: alone as it is, several as a digest."""
        now = self._now_ns()
        due = (notice.c.state == "gathered") & (notice.c.next_attempt_at <= now)
        async with self._reader.connect() as connection:
            if (await connection.execute(select(notice.c.id).where(due).limit(1))).first() is None:
                return
        async with self._engine.begin() as connection:
            statement = select(notice).where(due).order_by(notice.c.id).limit(_AT_ONCE).with_for_update(skip_locked=True)
            by_recipient: dict[str, list[Row[Any]]] = defaultdict(list)
            for row in await connection.execute(statement):
                by_recipient[row.recipient].append(row)
            people = await everybody(connection)
            catching_up = {one.site for one in await gateways.read(connection) if one.state == "catching_up"}
            for rows in by_recipient.values():
                await self._let_go(connection, rows, people, catching_up, now)

    async def _let_go(
        self,
        connection: AsyncConnection,
        rows: Sequence[Row[Any]],
        people: Mapping[str, Person],
        catching_up: set[str],
        now: int,
    ) -> None:
        ready: list[Row[Any]] = []
        for row in rows:
            held = row.catch_up and row.site in catching_up and now - row.created_at < PATIENCE_NS
            if (until := now + SETTLE_NS // 4 if held else self._quiet_until(row, people, now)) is not None:
                await connection.execute(update(notice).where(notice.c.id == row.id).values(next_attempt_at=until))
                continue
            ready.append(row)
            if row.next_at is not None and (person := people.get(row.person or "")) is not None:
                # whoever is told now has their time from now on
                later = {"next_at": now + (person.next_after_s or 0) * _SECOND}
                await connection.execute(update(notice).where(notice.c.id == row.id).values(later))
        if len(ready) == 1:
            await connection.execute(
                update(notice).where(notice.c.id == ready[0].id).values(state="waiting", next_attempt_at=now)
            )
        elif ready:
            await self._fold(connection, ready, people, now)

    def _quiet_until(self, row: Row[Any], people: Mapping[str, Person], now: int) -> int | None:
        person = people.get(row.person) if row.person is not None else None
        if person is None or person.quiet is None or row.kind in person.urgent:
            return None
        return person.quiet.over_at(now, person.clock(row.site, self._zones))

    async def _fold(
        self, connection: AsyncConnection, rows: Sequence[Row[Any]], people: Mapping[str, Person], now: int
    ) -> None:
        first, last = rows[0], rows[-1]
        person = people.get(first.person) if first.person is not None else None
        zone = person.clock(first.site, self._zones) if person is not None else self._zones.get(first.site, UTC)
        items = [Item(row.subject, row.order_number or row.site, row.kind, row.created_at, row.body) for row in rows]
        written = fold(items, meanwhile=all(row.catch_up for row in rows), zone=zone, language=first.language)
        key = f"digest|{first.id}|{last.id}"
        asked = any(row.next_at is not None for row in rows)
        made = _row(first, key, written.subject, written.body, written.html, now) | {
            "kind": "digest",
            "matter": key if asked else "",
        }
        await insert_new(connection, notice, [made])
        same = (notice.c.dedup_key == key) & (notice.c.recipient == first.recipient)
        number = (await connection.execute(select(notice.c.id).where(same))).scalar_one()
        folded = {"state": "folded", "folded_into": number, "sent_at": now}
        await connection.execute(update(notice).where(notice.c.id.in_([row.id for row in rows])).values(folded))

    async def _pass_on(self) -> None:
        """Tell the next person what nobody has taken on in time."""
        now = self._now_ns()
        due = notice.c.next_at <= now
        async with self._reader.connect() as connection:
            if (await connection.execute(select(notice.c.id).where(due).limit(1))).first() is None:
                return
        async with self._engine.begin() as connection:
            statement = select(notice).where(due).order_by(notice.c.id).limit(_AT_ONCE).with_for_update(skip_locked=True)
            rows = list(await connection.execute(statement))
            people = await everybody(connection)
            matters = {row.matter for row in rows}
            taken = select(acknowledgement.c.matter).where(acknowledgement.c.matter.in_(matters))
            settled = set((await connection.execute(taken)).scalars())
            done = select(milestone.c.id).where(
                milestone.c.id.in_({row.about for row in rows}), milestone.c.done_at.is_not(None)
            )
            finished = set((await connection.execute(done)).scalars())
            for row in rows:
                over = row.matter in settled or row.corrected_at is not None
                over = over or (row.kind == "late" and row.about in finished)
                if not over:
                    await insert_new(connection, notice, self._for_the_next(row, people, now))
            await connection.execute(update(notice).where(notice.c.id.in_([row.id for row in rows])).values(next_at=None))

    def _for_the_next(self, row: Row[Any], people: Mapping[str, Person], now: int) -> list[dict[str, Any]]:
        person = people.get(row.person) if row.person is not None else None
        following = people.get(person.next_person) if person is not None and person.next_person is not None else None
        before: list[str] = [*(json.loads(row.path) if row.path else ()), str(row.person)]
        if following is None or following.id in before or len(before) >= _PASSED_ON:
            _log.warning("tracking.notice.nobody_took_it_on", matter=row.matter, told=before)
            return []
        zone = following.clock(row.site, self._zones)
        quiet = following.quiet.over_at(now, zone) if following.quiet is not None and row.kind not in following.urgent else None
        at = quiet if quiet is not None else now
        told = ", ".join(people[one].name if one in people else one for one in before)
        since = local(row.sent_at or row.created_at, zone)
        subject, body = json.loads(row.texts)[following.language] if row.texts else (row.subject, row.body)
        if following.language == "zh":
            subject, why = f"无人处理：{subject}", f"已通知 {told}({since})，至今无人确认处理。"
        else:
            subject, why = f"Nobody took this on: {subject}", f"{told} was told at {since}, and has not acknowledged it."
        passes_on = following.next_person is not None and following.next_after_s is not None
        return [
            _row(row, f"passed on|{row.matter}|{following.id}"[:300], subject, f"{why}\n\n{body}", None, now)
            | {
                "recipient": address.recipient,
                "way": address.way,
                "name": following.name,
                "language": following.language,
                "person": following.id,
                "state": "waiting" if quiet is None else "gathered",
                "next_attempt_at": at,
                "kind": row.kind,
                "about": row.about,
                "matter": row.matter,
                "claim": row.claim,
                "path": json.dumps(before),
                "texts": row.texts,
                "next_at": at + (following.next_after_s or 0) * _SECOND if passes_on else None,
            }
            for address in following.addresses
        ]

    async def _report(self) -> None:
        """Write the weekly reports whose hour has come."""
        now = self._now_ns()
        if 0 <= now - self._looked < _REPORTS_EVERY_NS:
            return
        self._looked = now
        async with self._reader.connect() as connection:
            wanted: dict[str, list[Row[Any]]] = defaultdict(list)
            for row in await connection.execute(select(wish).where(wish.c.mode == "weekly").order_by(wish.c.order_number)):
                wanted[row.recipient].append(row)
            if not wanted:
                return
            people = await everybody(connection)
        for name, wishes in wanted.items():
            if name in people:
                await self._report_to(people[name], wishes, now)

    async def _forget(self) -> None:
        """Drop what was told long ago."""
        now = self._now_ns()
        if 0 <= now - self._forgot < _FORGET_EVERY_NS:
            return
        self._forgot = now
        over = notice.c.state.in_(("sent", "folded", "recalled")) & (notice.c.created_at < now - KEPT_NS)
        async with self._reader.connect() as connection:
            if (await connection.execute(select(notice.c.id).where(over).limit(1))).first() is None:
                return
        async with self._engine.begin() as connection:
            matters = select(notice.c.matter).where(over)
            await connection.execute(delete(acknowledgement).where(acknowledgement.c.matter.in_(matters)))
            await connection.execute(delete(notice).where(over))

    async def _report_to(self, person: Person, wishes: Sequence[Row[Any]], now: int) -> None:
        async with self._reader.connect() as connection:
            sites = {row.site for row in wishes if row.site}
            named = {row.order_number for row in wishes if row.order_number}
            which = orders.c.number.in_(named) | orders.c.site.in_(sites)
            if any(not row.site and not row.order_number for row in wishes):
                which = orders.c.number.is_not(None)
            found = (
                await connection.execute(select(orders.c.number, orders.c.site).where(which).order_by(orders.c.number))
            ).all()
            if not found:
                return
            zone = person.clock(found[0].site, self._zones)
            hour = last_weekly(now, person.weekday, person.digest_at, zone)
            if now - hour > _STALE_NS or hour <= min(row.created_at for row in wishes):
                return
            key = f"weekly|{person.id}|{day_of(hour, zone)}"
            if (await connection.execute(select(notice.c.id).where(notice.c.dedup_key == key).limit(1))).first() is not None:
                return
            read = await report.read(
                connection,
                [row.number for row in found],
                now=now,
                until=hour,
                zones=self._zones,
                forecast=self._forecast,
            )
        written = report.write(read, until=hour, zone=zone, language=person.language)
        rows = [_report_row(person, address, key, written, now) for address in person.addresses]
        async with self._engine.begin() as connection:
            await insert_new(connection, notice, rows)


def _report_row(person: Person, address: Address, key: str, written: report.Report, now: int) -> dict[str, Any]:
    language: Language = person.language
    return {
        "dedup_key": key,
        "recipient": address.recipient,
        "way": address.way,
        "name": person.name,
        "language": language,
        "person": person.id,
        "subject": written.subject[:512],
        "body": written.body,
        "html": written.html,
        "kind": "report",
        "state": "waiting",
        "attempts": 0,
        "created_at": now,
        "next_attempt_at": now,
    }


def _row(like: Row[Any], key: str, subject: str, body: str, html: str | None, now: int) -> dict[str, Any]:  # noqa: PLR0917 - a row's columns
    """A row to the same recipient."""
    return {
        "dedup_key": key,
        "recipient": like.recipient,
        "way": like.way,
        "name": like.name,
        "language": like.language,
        "person": like.person,
        "subject": subject[:512],
        "body": body,
        "html": html,
        "site": like.site,
        "order_number": like.order_number,
        "state": "waiting",
        "attempts": 0,
        "created_at": now,
        "next_attempt_at": now,
    }
