"""When what is mirrored: what changed at once, all of it each minute."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline.backoff import delay_s
from plumbline.series import SeriesUnavailableError, SeriesWriter
from plumbline.site import SiteFile, Zones
from tracking_service.mirror.deliveries import mirror_deliveries
from tracking_service.mirror.evidence import mirror_evidence
from tracking_service.mirror.lately import Lately
from tracking_service.mirror.machines import mirror_machines
from tracking_service.mirror.orders import mirror_orders
from tracking_service.mirror.send import Send
from tracking_service.mirror.site import mirror_sites
from tracking_service.polled import woken
from tracking_service.tables import orders

_log: Final = structlog.get_logger()

#: How often all of it is written: colours, ages and hours change with time.
EVERY_S: Final = 60.0
#: Changes are written at most so often: a burst of scans is one new state.
_GATHER_S: Final = 0.5
#: How often the evidence of all orders is compared; else only that of orders that changed.
_ALL_EVIDENCE_S: Final = 3600.0
#: More changed orders than these are all orders.
_MOST: Final = 1_000
#: Clocks of two processes may differ by so much: orders imported by a command are looked for that far back.
_APART_NS: Final = 120_000_000_000

Part = Callable[[Collection[str] | None], Awaitable[int]]


class Mirror:
    """Writes the state of orders after each change, and of everything once a minute.

    What is written is always the state of now, so nothing is queued: while the series store is away the newest state waits
    in the database. A part that fails does not hold up the others.

    Args:
        engine: the database with the orders.
        writer: where the points go.
        sites: by id; their zones, titles and calendars.
        now_ns: UTC, ns.
    """

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        writer: SeriesWriter,
        sites: Mapping[str, SiteFile] | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._engine = engine
        self._reader = engine.execution_options(read_only=True)
        self._send = Send(writer)
        self._lately = Lately()
        self._sites = sites or {}
        self._zones = Zones(self._sites)
        self._now_ns = now_ns
        self._changed: set[str] | None = None
        self._evidence: set[str] | None = None
        self._imported = 0
        self._woken = asyncio.Event()
        self._parts: Mapping[str, Part] = {
            "orders": self._orders,
            "deliveries": self._deliveries,
            "sites": self._whole_sites,
            "machines": self._machines,
            "evidence": self._mirror_evidence,
        }

    def changed(self, numbers: Collection[str]) -> None:
        """These orders moved. Call from the event loop's thread."""
        if numbers:
            self._changed = _with(self._changed, numbers)
            self._evidence = _with(self._evidence, numbers)
            self._woken.set()

    async def run(self) -> None:
        """Mirror until cancelled."""
        failures, due, compared = 0, 0.0, time.monotonic()
        while True:
            whole = time.monotonic() >= due
            numbers, self._changed = None if whole else self._changed, set()
            if time.monotonic() - compared >= _ALL_EVIDENCE_S:
                self._evidence, compared = None, time.monotonic()
            self._woken.clear()
            failed = await self._turn(numbers)
            if failed:
                failures, due = failures + 1, 0.0  # all of it: what moved in between is part of it
                pause = delay_s(failures, random.random)
                for part, error in failed.items():
                    _log.warning("tracking.mirror.unavailable", part=part, error=str(error), retry_in_s=round(pause, 1))
                await asyncio.sleep(pause)
                continue
            failures, due = 0, time.monotonic() + EVERY_S if whole else due
            await asyncio.sleep(_GATHER_S)
            await woken(self._woken, max(0.0, due - time.monotonic()))

    async def write(self, numbers: Collection[str] | None = None) -> int:
        """Write the state as of now: of these orders, or of everything; returns the number of points."""
        self._evidence = None if numbers is None else _with(self._evidence or set(), numbers)
        written = 0
        for part in self._due(numbers):
            written += await self._parts[part](numbers)
        return written

    def _due(self, numbers: Collection[str] | None) -> Collection[str]:
        return self._parts if numbers is None else ("orders", "deliveries", "evidence")

    async def _turn(self, numbers: Collection[str] | None) -> Mapping[str, Exception]:
        """Write what is due; returns what failed and may go well later."""
        failed: dict[str, Exception] = {}
        for part in self._due(numbers):
            try:
                await self._parts[part](numbers)
            except (SeriesUnavailableError, SQLAlchemyError, OSError) as error:
                failed[part] = error
            except Exception:  # noqa: BLE001 - a mistake of ours must not end tracking, for which this is an extra
                _log.exception("tracking.mirror.failed", part=part)
        return failed

    async def _orders(self, numbers: Collection[str] | None) -> int:
        return await mirror_orders(self._reader, self._send, self._lately, numbers=numbers, now=self._now_ns())

    async def _deliveries(self, numbers: Collection[str] | None) -> int:
        return await mirror_deliveries(self._reader, self._send, zones=self._zones, numbers=numbers, now=self._now_ns())

    async def _whole_sites(self, _numbers: Collection[str] | None) -> int:
        return await mirror_sites(self._reader, self._send, sites=self._sites, now=self._now_ns())

    async def _machines(self, _numbers: Collection[str] | None) -> int:
        return await mirror_machines(self._engine, self._send, now=self._now_ns())

    async def _mirror_evidence(self, numbers: Collection[str] | None) -> int:
        """The evidence of orders that moved, and of those that were imported by somebody else, since it went well last."""
        now = self._now_ns()
        if numbers is None and self._evidence is not None:
            async with self._reader.connect() as connection:
                fresh = select(orders.c.number).where(orders.c.imported_at >= self._imported - _APART_NS)
                self._evidence = _with(self._evidence, (await connection.execute(fresh)).scalars().all())
        taken, self._evidence = self._evidence, set()
        try:
            written = await mirror_evidence(self._engine, self._send, sites=self._sites, numbers=taken)
        except BaseException:
            self._evidence = None if taken is None else _with(self._evidence, taken)
            raise
        self._imported = now
        return written


def _with(known: set[str] | None, more: Collection[str]) -> set[str] | None:
    """Both together; `None` (all) stays all, and too many are all."""
    if known is None:
        return None
    both = known | set(more)
    return None if len(both) > _MOST else both
