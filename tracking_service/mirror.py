"""Orders and milestones as points, so that one datasource drives a whole board."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Collection, Sequence
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plumbline.backoff import delay_s
from plumbline.series import Point, SeriesUnavailableError, SeriesWriter
from tracking_service import gateways
from tracking_service.domain.milestone import Rag, assess
from tracking_service.tables import material_line, milestone, orders

_log = structlog.get_logger()

#: Colours as numbers, for a board's thresholds. What is unknown has no number.
RAG: Final[dict[Rag, int]] = {"green": 0, "yellow": 1, "red": 2}
_EVERY_S: Final = 60.0


class Mirror:
    """Writes the state of orders after each change, and of all once a minute (colours change with time).

    Args:
        engine: the database with the orders.
        writer: where the points go; while it is away, the newest state waits.
        now_ns: UTC, ns.
    """

    def __init__(self, *, engine: AsyncEngine, writer: SeriesWriter, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._reader = engine.execution_options(read_only=True)
        self._writer = writer
        self._now_ns = now_ns
        self._changed: set[str] = set()
        self._woken = asyncio.Event()

    def changed(self, numbers: Collection[str]) -> None:
        """These orders moved. Call from the event loop's thread."""
        if numbers:
            self._changed.update(numbers)
            self._woken.set()

    async def run(self) -> None:
        """Mirror until cancelled."""
        failures = 0
        numbers: Collection[str] | None = None
        while True:
            try:
                await self.write(numbers)
                failures, pause, numbers = 0, _EVERY_S, None
            except (SeriesUnavailableError, SQLAlchemyError, OSError) as error:
                failures += 1
                pause = delay_s(failures, random.random)
                _log.warning("tracking.mirror.unavailable", error=str(error), retry_in_s=round(pause, 1))
                await asyncio.sleep(pause)
                numbers = None  # all of them: what moved in between is among them
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), pause)
                self._woken.clear()
                numbers, self._changed = self._changed, set()

    async def write(self, numbers: Collection[str] | None = None) -> int:
        """Write the state of these orders (default: all) as of now; returns the number of points."""
        async with self._reader.connect() as connection:
            points = await _points(connection, numbers, self._now_ns())
        if points:
            for refused in await self._writer.write(points):
                _log.error("tracking.mirror.refused", tags=dict(refused.point.tags), reason=refused.reason)
        return len(points)


async def _points(connection: AsyncConnection, numbers: Collection[str] | None, now: int) -> Sequence[Point]:
    lines = select(material_line, orders.c.site).join(orders, orders.c.number == material_line.c.order_number)
    plans = select(milestone, orders.c.site).join(orders, orders.c.number == milestone.c.order_number)
    if numbers is not None:
        lines = lines.where(material_line.c.order_number.in_(numbers))
        plans = plans.where(milestone.c.order_number.in_(numbers))
    points = [
        Point(
            "material",
            {"site": row.site, "order": row.order_number, "line": row.line},
            {
                "expected": float(row.expected),
                "arrived": float(row.arrived),
                "percent": float(min(row.arrived / row.expected, 1) * 100),
                "title": row.title_en,
                "title_zh": row.title_zh,
            },
            now,
        )
        for row in await connection.execute(lines)
    ]
    silent = gateways.by_site(await gateways.read(connection))
    for row in await connection.execute(plans):
        found = assess(percent=row.percent, done_at=row.done_at, due=row.due, now=now, silent=silent.get(row.site, ()))
        fields: dict[str, float | int | str] = {
            "percent": float(row.percent),
            "state": found.state,
            "title": row.title_en,
            "title_zh": row.title_zh,
        }
        if (rag := RAG.get(found.rag)) is not None:
            fields["rag"] = rag
        tags = {"site": row.site, "order": row.order_number, "milestone": row.id.partition("~")[2]}
        points.append(Point("milestone", tags, fields, now))
    return points
