"""A company with many orders made anew from its log, and compared with the live one."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline.inbox import inbox
from plumbline.site import Zones
from tracking_service import document
from tracking_service.benchmark import company
from tracking_service.log.tables import log, log_head
from tracking_service.orders import import_order
from tracking_service.rebuild import rebuild
from tracking_service.rebuild.replay import Replay, silent

#: When the first observation was made: 2026-01-01.
_START: Final = 1_767_225_600_000_000_000
_PART: Final = 5_000


class Anew(NamedTuple):
    """What was measured."""

    seconds: float
    """Of replay, evaluation and comparison."""
    cpu_s: float
    """CPU time of this process meanwhile."""
    equal: bool
    entries: int
    rows: int


async def made_anew(
    engine: AsyncEngine, *, orders: int, observations: int, say: Callable[[str], None] = lambda _what: None
) -> Anew:
    """Fill a migrated, empty database with the company and its state, then rebuild it."""
    zones = Zones(company.SITES)
    now = _START + observations * 1_000_000_000
    for number in range(orders):
        async with engine.begin() as connection:
            parsed = document.read(json.dumps(company.order(number)).encode(), "bench")
            await import_order(connection, parsed, sites=company.SITES, zones=zones, now=_START + number)
    say(f"{orders} orders")
    after = await _fill(engine, observations, orders)
    say(f"{observations} observations in the inbox and in the log")
    # the live state is made by the same code, but not by the same transactions: a million of these would take the day
    async with engine.execution_options(read_only=True).connect() as reading:
        replay = Replay(engine=engine, live=reading, sites=company.SITES, zones=zones, told=silent)
        await replay.run(after=after, until=after + observations)
        await replay.finish(now)
    say("live state")
    began, worked = time.perf_counter(), time.process_time()
    found = await rebuild(
        engine, sites=company.SITES, zones=zones, now=now, told=lambda what, done, whole: say(f"{what} {done:,} of {whole:,}")
    )
    seconds, worked = time.perf_counter() - began, time.process_time() - worked
    return Anew(seconds, worked, found.equal, found.entries, found.rows)


async def _fill(engine: AsyncEngine, observations: int, orders: int) -> int:
    """Write the observations as if they had been taken in; returns the position before them."""
    async with engine.connect() as connection:
        after = (await connection.execute(select(log_head.c.position))).scalar_one()
    waiting = company.events(observations, orders=orders, start=_START)
    position = after
    while part := [event for _, event in zip(range(_PART), waiting, strict=False)]:
        rows = [company.row(event, received_at=event.at, processed_at=event.at) for event in part]
        entries = [
            {"position": position + place, "recorded_at": event.at, "kind": "event", "ref": event.id, "site": event.site}
            for place, event in enumerate(part, 1)
        ]
        async with engine.begin() as connection:
            await connection.execute(insert(inbox), rows)
            await connection.execute(insert(log), entries)
            position += len(part)
            await connection.execute(update(log_head).values(position=position))
        await asyncio.sleep(0)
    return after
