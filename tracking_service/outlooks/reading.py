"""What is known of an order, from the tables, and what happened before on all of them."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final

from sqlalchemy import Row, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from tracking_service import gateways
from tracking_service.document import OrderDocument
from tracking_service.domain.milestone import longest
from tracking_service.domain.notice import local
from tracking_service.geofence.tables import contradiction, settled
from tracking_service.notices.report import Predicted
from tracking_service.planning.history import Cases
from tracking_service.planning.network import RingError
from tracking_service.planning.outlook import Known, Outlook, outlook
from tracking_service.planning.score import Standing
from tracking_service.planning.work import Done
from tracking_service.rooms.tables import inspection
from tracking_service.tables import evidence, material_line, milestone, orders, unlinked_scan

_DAY: Final = 24 * 3600 * 1_000_000_000
#: What happened before is believed for so long; it changes with finished milestones and deliveries only.
_TRUST_NS: Final = 600 * 1_000_000_000
#: Of the company's finished milestones and deliveries the newest so many.
_CASES: Final = 2_000


@dataclass(frozen=True, slots=True)
class Before:
    """What happened on all orders so far."""

    paces: Cases
    """How many times their planned time finished milestones took."""
    delays: Mapping[str, Cases]
    """By supplier: how many days behind their promise lines were complete; negative: before it."""


async def read_before(connection: AsyncConnection) -> Before:
    """Read what finished milestones and deliveries say."""
    finished = (
        select(milestone.c.start, milestone.c.due, milestone.c.done_at)
        .where(milestone.c.done_at.is_not(None), milestone.c.start < milestone.c.due, milestone.c.done_at > milestone.c.start)
        .order_by(milestone.c.done_at.desc())
        .limit(_CASES)
    )
    paces = [(row.done_at - row.start) / (row.due - row.start) for row in await connection.execute(finished)]
    came = (
        select(material_line.c.supplier, material_line.c.promised, func.max(evidence.c.at).label("at"))
        .join(evidence, evidence.c.line_id == material_line.c.id)
        .where(
            material_line.c.supplier.is_not(None),
            material_line.c.promised.is_not(None),
            material_line.c.arrived >= material_line.c.expected,
            evidence.c.counted > 0,
        )
        .group_by(material_line.c.id, material_line.c.supplier, material_line.c.promised)
        .order_by(func.max(evidence.c.at).desc())
        .limit(_CASES)
    )
    delays: defaultdict[str, list[float]] = defaultdict(list)
    for row in await connection.execute(came):
        delays[row.supplier].append((row.at - row.promised) / _DAY)
    return Before(Cases.of(paces), {supplier: Cases.of(days) for supplier, days in delays.items()})


class Outlooks:
    """Reads outlooks; remembers what happened before for a while.

    Args:
        zones: the sites' time zones.
    """

    def __init__(self, zones: Mapping[str, tzinfo]) -> None:
        self._zones = zones
        self._before: tuple[int, Before] | None = None

    async def of(self, connection: AsyncConnection, number: str, now: int) -> Outlook | None:
        """An order against its plan; `None`: there is no such order. Raises `RingError`."""
        row = (await connection.execute(select(orders).where(orders.c.number == number))).first()
        if row is None or row.site not in self._zones:
            return None
        known = await self._known(connection, row, now)
        return await asyncio.to_thread(outlook, known)  # some hundred ms of a large plan

    async def predicted(self, connection: AsyncConnection, number: str, now: int) -> Predicted | None:
        """When an order will be finished, where enough cases say so, as its weekly report tells it."""
        try:
            found = await self.of(connection, number, now)
        except RingError:
            return None
        if found is None or found.expected is None:
            return None
        return Predicted(found.expected.p50, found.expected.p80, found.expected.paces + found.expected.delays)

    async def before(self, connection: AsyncConnection, now: int) -> Before:
        """What happened before, at most ten minutes old."""
        if self._before is None or not 0 <= now - self._before[0] < _TRUST_NS:
            self._before = (now, await read_before(connection))
        return self._before[1]

    async def _known(self, connection: AsyncConnection, row: Row[Any], now: int) -> Known:
        zone, number = self._zones[row.site], row.number
        there = await gateways.read(connection, row.site)
        silent = gateways.silences(there)
        quiet = longest(silent, now)
        before = await self.before(connection, now)
        plans = await connection.execute(
            select(milestone.c.id, milestone.c.percent, milestone.c.done_at).where(milestone.c.order_number == number)
        )
        lines = await connection.execute(
            select(material_line.c.line, material_line.c.arrived).where(material_line.c.order_number == number)
        )
        return Known(
            document=await asyncio.to_thread(OrderDocument.model_validate_json, row.document),
            zone=zone,
            now=now,
            done={plan.id.partition("~")[2]: Done(plan.percent, plan.done_at) for plan in plans},
            arrived={line.line: line.arrived for line in lines},
            silent=silent,
            clock=local(quiet.since, zone) if quiet is not None else "",
            paces=before.paces,
            delays=before.delays,
            standing=await _standing(connection, row.site, number, len(there), len(silent)),
        )


async def _standing(connection: AsyncConnection, site: str, number: str, gateways_: int, silent: int) -> Standing:
    results: dict[str, str] = {}
    checks = select(inspection.c.point, inspection.c.result).where(inspection.c.order_number == number)
    for one in await connection.execute(checks.order_by(inspection.c.at, inspection.c.id)):
        results[one.point] = one.result
    return Standing(
        behind=None,
        late=0,
        needed=0,
        short=0,
        checks=len(results),
        failed=sum(result == "failed" for result in results.values()),
        gateways=gateways_,
        silent=silent,
        unlinked=await _count(connection, select(func.count()).where(unlinked_scan.c.site == site)),
        contradictions=await _count(
            connection,
            select(func.count()).where(
                contradiction.c.site == site,
                contradiction.c.resolved_at.is_(None),
                tuple_(contradiction.c.event_id, contradiction.c.device).not_in(select(settled.c.event_id, settled.c.device)),
            ),
        ),
    )


async def _count(connection: AsyncConnection, statement: Any) -> int:
    return int((await connection.execute(statement)).scalar_one())
