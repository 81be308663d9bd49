"""`plumbline bench tracking`: its parts, its databases and its progress."""

import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

import ingest
import tracking_service
from plumbline.bench.figures import spread_ms
from plumbline.bench.ingest.postgresql import PostgreSql
from plumbline.database import open_engine
from tracking_service.benchmark import Latency, latency, made_anew
from tracking_service.geofence import benchmark as geofences

#: What can be measured; `rebuild` takes three minutes.
PARTS: Final = ("postgresql", "sqlite", "rebuild", "geofences")
#: What was promised: scans a second, and in how many milliseconds 99 of 100 are through.
_GOALS: Final = {"postgresql": (200.0, 100.0), "sqlite": (50.0, 50.0)}
#: In how many seconds the company is made anew.
_REBUILD_S: Final = 180.0
#: Scans of lines of which so many have arrived, beside new lines: does a scan cost more there?
_STOCKED: Final = 2_000


async def measure(
    folder: Path, *, only: Collection[str], seconds: float, observations: int, orders: int, tracks: Path | None
) -> dict[str, Any]:
    """The parts that are asked for: scans at a steady rate, a company made anew from its log, visits to zones."""
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {what}", file=sys.stderr, flush=True)

    figures: dict[str, Any] = {}
    if "postgresql" in only:
        postgresql = PostgreSql()
        try:
            async with postgresql:
                figures["postgresql"] = await _through(postgresql, "postgresql", seconds, say)
        finally:
            postgresql.remove()
    if "sqlite" in only:
        figures["sqlite"] = await _through(folder, "sqlite", seconds, say)
    if "rebuild" in only:
        figures["rebuild"] = await _rebuild(folder, observations, orders, say)
    if "geofences" in only:
        figures["geofences"] = _geofences(tracks, say)
    return figures


async def _through(where: PostgreSql | Path, kind: str, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """From an observation to the moved milestone and its notice: into new lines, and into lines where much has arrived."""
    per_s, goal_ms = _GOALS[kind]
    found: dict[str, Any] = {"scans_per_s": per_s, "goal_p99_ms": goal_ms}
    for name, stocked, orders in (("new_lines", 0, 20), ("long_lines", _STOCKED, 2)):
        engine = await _database(where, name)
        try:
            measured = await latency(engine, per_s=per_s, events=int(per_s * seconds), orders=orders, stocked=stocked)
        finally:
            await engine.dispose()
        found[name] = _told(measured, stocked)
        say(f"{kind}, {name}: 99 of 100 within {found[name]['p99_ms']} ms")
    found["reached"] = found["new_lines"]["p99_ms"] <= goal_ms
    return found


def _told(measured: Latency, stocked: int) -> dict[str, Any]:
    return {
        **spread_ms(measured.seconds),
        "kept_per_s": round(measured.per_s, 1),
        "cpu_ms_per_scan": round(measured.cpu_s / len(measured.seconds) * 1e3, 2),
        "notices": measured.notices,
        "arrived_before_per_line": stocked,
    }


async def _rebuild(folder: Path, observations: int, orders: int, say: Callable[[str], None]) -> dict[str, Any]:
    engine = await _database(folder, "company")
    try:
        found = await made_anew(engine, orders=orders, observations=observations, say=_sparing(say))
    finally:
        await engine.dispose()
    return {
        "orders": orders,
        "observations": observations,
        "seconds": round(found.seconds, 1),
        "us_per_observation": round(found.seconds / observations * 1e6, 1),
        "cpu_us_per_observation": round(found.cpu_s / observations * 1e6, 1),
        "equal": found.equal,
        "rows_compared": found.rows,
        "goal_s": _REBUILD_S,
        "reached": found.equal and found.seconds <= _REBUILD_S,
    }


def _geofences(tracks: Path | None, say: Callable[[str], None]) -> dict[str, Any]:
    """As `plumbline bench geofence`."""
    found = geofences.measure(tracks)
    say(f"geofences: {found['parked']['false_exits']} false exits of {found['parked']['machines']} parked machines")
    return {**found, "goal_false_exits": 0, "reached": found["parked"]["false_exits"] == 0}


def _sparing(say: Callable[[str], None]) -> Callable[[str], None]:
    """Say something every five seconds at most."""
    last = 0.0

    def sparing(what: str) -> None:
        nonlocal last
        if time.monotonic() - last >= 5:
            last = time.monotonic()
            say(what)

    return sparing


async def _database(where: PostgreSql | Path, name: str) -> AsyncEngine:
    """A database with all tables, as durable as the service opens it."""
    if isinstance(where, Path):
        engine = open_engine(f"sqlite:///{where / f'{name}.db'}")
    else:
        await where.create(name)
        engine = open_engine(where.url(name))
    await ingest.migrate(engine)
    await tracking_service.migrate(engine)
    return engine
