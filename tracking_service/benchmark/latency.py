"""From an observation in the inbox to the milestone moved and its notice queued, at a steady rate."""

import asyncio
import contextlib
import json
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline.event import Scan
from plumbline.inbox import inbox
from plumbline.site import Zones
from tracking_service import document
from tracking_service.benchmark import company
from tracking_service.intake import Intake
from tracking_service.orders import import_order
from tracking_service.outcome import Outcome
from tracking_service.tables import notice

#: Scans before the measured ones, so that connections and statements are warm.
_WARM: Final = 100
_PATIENCE_S: Final = 120.0


class Latency(NamedTuple):
    """What was measured."""

    seconds: Sequence[float]
    """From before the inbox row was written until the transaction was committed that moved what it moves."""
    notices: int
    """Queued by these scans, with their state."""
    per_s: float
    """The rate that was kept."""


async def latency(engine: AsyncEngine, *, per_s: float, events: int, orders: int = 20, stocked: int = 0) -> Latency:
    """Scan new pieces of `orders` orders at a steady rate into a migrated database, where `stocked` have arrived of each line."""
    quantity = max(company.QUANTITY, stocked + events + _WARM)
    zones = Zones(company.SITES)
    for number in range(orders):
        async with engine.begin() as connection:
            told = company.order(number, quantity=quantity)
            parsed = document.read(json.dumps(told).encode(), "bench")
            await import_order(connection, parsed, sites=company.SITES, zones=zones, now=time.time_ns())
    await _stock(engine, orders, stocked)
    listener = _Listener()
    intake = Intake(engine=engine, sites=company.SITES, heard=listener.heard)
    task = asyncio.create_task(intake.run(), name="bench-intake")
    try:
        await _drive(engine, intake, listener, [_piece(place, orders, stocked) for place in range(_WARM)], per_s)
        before = await _notices(engine)
        began = time.perf_counter()
        measured = [_piece(_WARM + place, orders, stocked) for place in range(events)]
        seconds = await _drive(engine, intake, listener, measured, per_s)
        took = time.perf_counter() - began
        return Latency(seconds, await _notices(engine) - before, events / took)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _piece(place: int, orders: int, stocked: int) -> Scan:
    line = place // orders % company.LINES + 1
    return company.scan(place % orders, line, stocked + place, at=time.time_ns())


async def _stock(engine: AsyncEngine, orders: int, stocked: int) -> None:
    """Let so many pieces of each line arrive."""
    scans = [
        company.scan(number, line, piece, at=time.time_ns())
        for number in range(orders)
        for line in range(1, company.LINES + 1)
        for piece in range(stocked)
    ]
    for start in range(0, len(scans), 5_000):
        async with engine.begin() as connection:
            rows = [company.row(scan, received_at=scan.at) for scan in scans[start : start + 5_000]]
            await connection.execute(insert(inbox), rows)
    intake = Intake(engine=engine, sites=company.SITES, batch=2_000)
    while await intake.take():
        pass


async def _drive(
    engine: AsyncEngine, intake: Intake, listener: "_Listener", scans: Sequence[Scan], per_s: float
) -> Sequence[float]:
    """Write each at its time, whether those before are through or not; returns how long each took."""
    began = time.perf_counter()
    writing: set[asyncio.Task[None]] = set()
    listener.expect(len(scans))
    for place, scan in enumerate(scans):
        await asyncio.sleep(max(0.0, began + place / per_s - time.perf_counter()))
        listener.sent[scan.id] = time.perf_counter()
        task = asyncio.create_task(_post(engine, intake, scan))
        writing.add(task)
        task.add_done_callback(writing.discard)
    await asyncio.wait_for(listener.complete.wait(), _PATIENCE_S)
    return listener.took


async def _post(engine: AsyncEngine, intake: Intake, scan: Scan) -> None:
    async with engine.begin() as connection:
        await connection.execute(insert(inbox), [company.row(scan, received_at=time.time_ns())])
        if engine.dialect.name == "postgresql":
            await connection.execute(text("NOTIFY plumbline_inbox"))
    if engine.dialect.name != "postgresql":
        intake.wake()


async def _notices(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return (await connection.execute(select(func.count()).select_from(notice))).scalar_one()


class _Listener:
    """Hears what was committed."""

    def __init__(self) -> None:
        self.sent: dict[str, float] = {}
        self.took: list[float] = []
        self.complete = asyncio.Event()
        self._expected = 0

    def expect(self, count: int) -> None:
        self.sent, self.took, self._expected = {}, [], count
        self.complete.clear()

    def heard(self, outcome: Outcome) -> None:
        now = time.perf_counter()
        self.took += [now - self.sent[row.event_id] for row in outcome.observed if row.event_id in self.sent]
        if len(self.took) >= self._expected:
            self.complete.set()
