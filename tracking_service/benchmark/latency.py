"""From an observation in the inbox to the milestone moved and its notice queued, at a steady rate."""

import asyncio
import contextlib
import json
import math
import multiprocessing
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline.database import open_engine
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
    cpu_s: float
    """CPU time of this process meanwhile."""


async def latency(engine: AsyncEngine, *, per_s: float, events: int, orders: int = 20, stocked: int = 0) -> Latency:
    """Scan new pieces of `orders` orders at a steady rate into a migrated database, where `stocked` have arrived of each line."""
    quantity = stocked + max(4, math.ceil((_WARM + events) / (orders * company.LINES)))  # so that milestones pass their steps
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
        await _drive(engine, intake, listener, _Part(0, _WARM, orders, stocked, per_s))
        before = await _notices(engine)
        began, worked = time.perf_counter(), time.process_time()
        seconds = await _drive(engine, intake, listener, _Part(_WARM, events, orders, stocked, per_s))
        took, worked = time.perf_counter() - began, time.process_time() - worked
        return Latency(seconds, await _notices(engine) - before, events / took, worked)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class _Part(NamedTuple):
    """Scans that are written at a steady rate."""

    first: int
    scans: int
    orders: int
    stocked: int
    per_s: float


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


async def _drive(engine: AsyncEngine, intake: Intake, listener: "_Listener", part: _Part) -> Sequence[float]:
    """Write each at its time, whether those before are through or not; returns how long each took.

    On PostgreSQL another process writes, as ingest does; SQLite is for one machine, where both are one process.
    """
    listener.expect(part.scans)
    if engine.dialect.name == "postgresql":
        url = engine.url.render_as_string(hide_password=False)
        writer = multiprocessing.get_context("spawn").Process(target=_alone, args=(url, part), daemon=True)
        writer.start()
        try:
            await asyncio.wait_for(listener.complete.wait(), _PATIENCE_S)
        finally:
            await asyncio.to_thread(writer.join, 10)
            writer.kill()
    else:
        await _write(engine, part, intake.wake)
        await asyncio.wait_for(listener.complete.wait(), _PATIENCE_S)
    return listener.took


def _alone(url: str, part: _Part) -> None:
    """A process that only writes."""

    async def write() -> None:
        engine = open_engine(url)
        try:
            await _write(engine, part, lambda: None)
        finally:
            await engine.dispose()

    asyncio.run(write())


async def _write(engine: AsyncEngine, part: _Part, wake: Callable[[], None]) -> None:
    """Write what is due, together what fell due meanwhile: so does ingest."""
    began = time.perf_counter()
    place = 0
    while place < part.scans:
        await asyncio.sleep(max(0.0, began + place / part.per_s - time.perf_counter()))
        due = min(part.scans, int((time.perf_counter() - began) * part.per_s) + 1)
        if due <= place:
            continue
        scans = [_piece(part.first + each, part.orders, part.stocked) for each in range(place, due)]
        place = due
        async with engine.begin() as connection:
            await connection.execute(insert(inbox), [company.row(scan, received_at=scan.at) for scan in scans])
            if engine.dialect.name == "postgresql":
                await connection.execute(text("NOTIFY plumbline_inbox"))
        wake()


async def _notices(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return (await connection.execute(select(func.count()).select_from(notice))).scalar_one()


class _Listener:
    """Hears what was committed."""

    def __init__(self) -> None:
        self.took: list[float] = []
        self.complete = asyncio.Event()
        self._expected = 0

    def expect(self, count: int) -> None:
        """Begin anew."""
        self.took, self._expected = [], count
        self.complete.clear()

    def heard(self, outcome: Outcome) -> None:
        """A scan's time is when it was about to be written."""
        now = time.time_ns()
        self.took += [(now - row.at) / 1e9 for row in outcome.observed]
        if len(self.took) >= self._expected:
            self.complete.set()
