"""What is not kept for ever: minutes of metrics that nothing counts on any more, deleted in small steps.

A minute is needed while a milestone that names its metric is open; of milestones that are done, what came up to then, and a
day more (`rooms.minutes`): so neither state nor a rebuild ever misses one. Everything else that tracking keeps is evidence, or
what state is made anew from.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plumbline.inbox import minute_summary
from plumbline.rollup import MINUTE_NS
from tracking_service.rooms.minutes import GAP_NS
from tracking_service.tables import milestone, milestone_need

_log = structlog.get_logger()

_DAY_NS: Final = 86_400_000_000_000
#: So many rows go in one transaction: some milliseconds.
_STEP: Final = 1_000
#: How long it waits between two steps, and once nothing is left (s).
_PAUSE_S: Final = 0.5
_EVERY_S: Final = 3_600.0
_KEY: Final = (minute_summary.c.site, minute_summary.c.device, minute_summary.c.metric)


class Retention:
    """Deletes minutes that nobody needs.

    Args:
        engine: the database.
        keep_days: how long minutes are kept at least; 0: for ever.
        now_ns: UTC, ns.
    """

    def __init__(self, *, engine: AsyncEngine, keep_days: int, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._engine = engine
        self._keep_ns = keep_days * _DAY_NS
        self._now_ns = now_ns

    async def run(self) -> None:
        """Run until cancelled. A database that is away is waited for."""
        while self._keep_ns:
            try:
                gone = await self.step()
            except (SQLAlchemyError, OSError) as error:
                _log.warning("tracking.retention.database_unavailable", error=str(error))
                gone = 0
            await asyncio.sleep(_PAUSE_S if gone else _EVERY_S)

    async def step(self) -> int:
        """Delete some minutes; returns how many (0: none is left that may go)."""
        before = (self._now_ns() - self._keep_ns) // MINUTE_NS
        async with self._engine.execution_options(read_only=True).connect() as connection:
            metrics = await _free(connection)
            found = [row for key, after in metrics for row in await _some(connection, key, after, before)][:_STEP]
        if not found:
            return 0
        async with self._engine.begin() as connection:
            await connection.execute(delete(minute_summary).where(tuple_(*minute_summary.primary_key.columns).in_(found)))
        return len(found)


async def _free(connection: AsyncConnection) -> list[tuple[tuple[str, ...], int]]:
    """Metrics on which no open milestone counts, and the minute behind which none that is done does."""
    done = (
        select(milestone_need.c.key, func.max(milestone.c.done_at).label("last"))
        .join(milestone, milestone.c.id == milestone_need.c.milestone_id)
        .where(milestone_need.c.kind == "metric")
        .group_by(milestone_need.c.key)
        .having(func.count() == func.count(milestone.c.done_at))
    )
    rows = (await connection.execute(done)).all()
    return [(tuple(row.key.split("/", 2)), (row.last + GAP_NS) // MINUTE_NS + 1) for row in rows]


async def _some(connection: AsyncConnection, key: tuple[str, ...], after: int, before: int) -> list[tuple[object, ...]]:
    site, device, metric = key
    here = (_KEY[0] == site) & (_KEY[1] == device) & (_KEY[2] == metric)
    minute = minute_summary.c.minute
    statement = (
        select(*minute_summary.primary_key.columns).where(here, minute > after, minute < before).order_by(minute).limit(_STEP)
    )
    return [tuple(row) for row in await connection.execute(statement)]
