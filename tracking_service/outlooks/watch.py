"""Warn ahead: of material that will be missing, and of a finish that has moved. Each is told once, and again where it changes.

Nothing that is told here is state: a shortage and a forecast follow from the state at a moment and are computed anew.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from decimal import Decimal
from typing import Any, Final

import structlog
from sqlalchemy import Row, delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plumbline.backoff import delay_s
from plumbline.errors import PlumblineError
from plumbline.material import part_id
from plumbline.text import Text
from tracking_service import notices
from tracking_service.domain.notice import Change, Said, local
from tracking_service.outlooks.reading import Outlooks
from tracking_service.outlooks.tables import expected_finish
from tracking_service.planning.outlook import Finish, Outlook
from tracking_service.tables import insert, material_line, milestone, orders

_log: Final = structlog.get_logger()
_DAY: Final = 24 * 3600 * 1_000_000_000
#: How often all open orders are looked at.
EVERY_S: Final = 300.0
#: A finish that moves by less than this is no news.
MOVED_NS: Final = 3 * _DAY
#: Orders that are looked at with one connection.
_PAGE: Final = 50
#: Of so many it is remembered that they were told; the outbox knows it of all.
_MOST_TOLD: Final = 50_000


class Watch:
    """Looks at the open orders now and then.

    Args:
        engine: the database.
        zones: the sites' time zones.
        heard: called after something was told.
        every_s: how often.
        now_ns: UTC, ns.
    """

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        zones: Mapping[str, tzinfo],
        heard: Callable[[], None] = lambda: None,
        every_s: float = EVERY_S,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._engine = engine
        self._reader = engine.execution_options(read_only=True)
        self._zones = zones
        self._heard = heard
        self._every_s = every_s
        self._now_ns = now_ns
        self._outlooks = Outlooks(zones)
        self._told: set[str] = set()

    async def run(self) -> None:
        """Look until cancelled. A database that is away is waited for."""
        failures = 0
        while True:
            try:
                await self.look()
                failures, pause = 0, self._every_s
            except (SQLAlchemyError, OSError) as error:
                failures += 1
                pause = delay_s(failures, random.random)
                _log.warning("tracking.outlook.database_unavailable", error=str(error), retry_in_s=round(pause, 1))
            await asyncio.sleep(pause)

    async def look(self) -> Sequence[Change]:
        """Look at every open order once; returns what was told."""
        told: list[Change] = []
        last = ""
        while numbers := await self._page(last):
            for number in numbers:
                told += await self._order(number)
            last = numbers[-1]
        return told

    async def _page(self, last: str) -> Sequence[str]:
        """The next orders that are not finished: those with an open milestone, or a line that is needed and not all there."""
        open_ = select(milestone.c.order_number).where(milestone.c.done_at.is_(None))
        short = select(material_line.c.order_number).where(
            material_line.c.arrived < material_line.c.expected, material_line.c.needed_by.is_not(None)
        )
        unfinished = orders.c.number.in_(open_) | orders.c.number.in_(short)
        statement = select(orders.c.number).where(orders.c.number > last, unfinished)
        async with self._reader.connect() as connection:
            return (await connection.execute(statement.order_by(orders.c.number).limit(_PAGE))).scalars().all()

    async def _order(self, number: str) -> Sequence[Change]:
        now = self._now_ns()
        async with self._reader.connect() as connection:
            row = (await connection.execute(select(orders).where(orders.c.number == number))).first()
            try:
                found = await self._outlooks.of(connection, number, now)
            except PlumblineError as error:  # its tasks wait for each other: the API says so, nothing can be foretold
                _log.warning("tracking.outlook.order_has_no_dates", order=number, error=str(error))
                return ()
            before = (
                await connection.execute(select(expected_finish.c.p80).where(expected_finish.c.order_number == number))
            ).scalar()
        if row is None or found is None:
            return ()
        changes = [*_shortages(row, found, now)]
        moved = _moved(row, found.expected, before, self._zones[row.site], now)
        if moved is not None:
            changes.append(moved)
        new = found.expected is not None and (before is None or moved is not None)
        changes = [change for change in changes if change.dedup_key not in self._told]
        if not changes and not new:
            return ()
        async with self._engine.begin() as connection:
            await notices.tell(connection, changes, now, zones=self._zones)
            if found.expected is not None and new:
                await _keep(connection, number, found.expected, now)
        if len(self._told) > _MOST_TOLD:
            self._told.clear()
        self._told |= {change.dedup_key for change in changes}
        if changes:
            self._heard()
        return changes


def _shortages(order: Row[Any], found: Outlook, now: int) -> Sequence[Change]:
    return [
        Change(
            event=Said("shortage", f"{one.kind}|{one.needed_by}"),
            site=order.site,
            order=order.number,
            subject=part_id(order.number, one.line),
            headline=Text(f"{order.number}: {one.why.en}", f"{order.number}：{one.why.zh}"),
            at=now,
            data={"line": one.line, "kind": one.kind, "missing": float(one.missing), "needed_by": one.needed_by},
        )
        for one in found.shortages
    ]


def _moved(order: Row[Any], finish: Finish | None, before: int | None, zone: tzinfo, now: int) -> Change | None:
    """A finish that is told for the first time is no news: people see it where they look."""
    if finish is None or before is None or abs(finish.p80 - before) < MOVED_NS:
        return None
    days = Decimal(abs(finish.p80 - before)) / _DAY
    shown, later = round(days), finish.p80 > before
    when = local(finish.p80, zone)[:10]
    return Change(
        event=Said("forecast", f"p80|{finish.p80 // _DAY}"),
        site=order.site,
        order=order.number,
        subject=order.number,
        headline=Text(
            f"{order.title_en}: likely finished by {when}, {shown} days {'later' if later else 'earlier'} than before",
            f"{order.title_zh}：预计 {when} 前完成，比之前{'晚' if later else '早'} {shown} 天",
        ),
        details=(
            Text(
                f"It rests on {finish.paces} finished pieces of work and {finish.delays} deliveries.",
                f"依据：{finish.paces} 项已完成工作、{finish.delays} 次到货。",
            ),
        ),
        at=now,
        data={"p50": finish.p50, "p80": finish.p80, "paces": finish.paces, "delays": finish.delays},
    )


async def _keep(connection: AsyncConnection, number: str, finish: Finish, now: int) -> None:
    values = {"p50": finish.p50, "p80": finish.p80, "at": now}
    statement = insert(connection, expected_finish).values(order_number=number, **values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["order_number"], set_=values))
    gone = expected_finish.c.order_number.not_in(select(orders.c.number))
    await connection.execute(delete(expected_finish).where(gone))
