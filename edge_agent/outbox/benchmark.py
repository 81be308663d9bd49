"""How many events a second the outbox keeps, beside bare SQLite with the same rows.

`bare` writes ready-made JSON by `executemany`, 500 rows a transaction, in WAL mode with synchronous=NORMAL: what the disk and
SQLite allow in Python. `groups` appends 500 events at once, `devices` one event at a time from 100 devices, `single` from one
device that waits for each; `scans` is `single` with business events, so with an fsync each.
"""

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from edge_agent.outbox import Outbox
from plumbline.codec import encode
from plumbline.event import ClockReading, Event, Reading, Scan
from plumbline.ids import new_event_id

GROUP: Final = 500
DEVICES: Final = 100


def reading(n: int) -> Event:
    """A sensor's event of usual size."""
    clock = ClockReading(quality="ntp", boot="9d0b1c1e-7c53-4a7e-9d0f-3b1f6f0f2a51", mono=n)
    return Reading(
        id=new_event_id(n),
        site="harbour-7",
        gateway="gw-gate",
        device=f"env-{n % 50}",
        at=n,
        clock=clock,
        epoch="-",
        seq=1,
        measurement="environment",
        values={"pm25_ugm3": 12.5, "noise_dba": 61.25, "temperature_c": 21.5},
    )


def scan(n: int) -> Event:
    """A scanner's event of usual size."""
    clock = ClockReading(quality="ntp", boot="9d0b1c1e-7c53-4a7e-9d0f-3b1f6f0f2a51", mono=n)
    return Scan(
        id=new_event_id(n),
        site="harbour-7",
        gateway="gw-gate",
        device="gate",
        at=n,
        clock=clock,
        epoch="-",
        seq=1,
        raw=b"0106901234567892",
        text="(01)06901234567892",
        symbology="]C1",
    )


def bare(folder: Path, events: Sequence[Event]) -> float:
    """Events a second that SQLite takes when everything is ready."""
    rows = [(n, encode(event)) for n, event in enumerate(events, 1)]
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("CREATE TABLE telemetry (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)")
    begin = time.perf_counter()
    for at in range(0, len(rows), GROUP):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO telemetry VALUES (?, ?)", rows[at : at + GROUP])
        connection.execute("COMMIT")
    rate = len(rows) / (time.perf_counter() - begin)
    connection.close()
    return rate


async def kept(folder: Path, events: Sequence[Event], *, group: int, devices: int) -> float:
    """Events a second that the outbox takes from `devices` at once, `group` in a call."""

    async def device(own: Sequence[Event]) -> None:
        for at in range(0, len(own), group):
            await outbox.append(own[at : at + group])

    async with Outbox(
        folder / f"{group}-{devices}-{type(events[0]).__name__}.db", site="harbour-7", gateway="gw-gate"
    ) as outbox:
        begin = time.perf_counter()
        await asyncio.gather(*(device(events[n::devices]) for n in range(devices)))
        return len(events) / (time.perf_counter() - begin)


def measure(folder: Path, count: int) -> dict[str, Any]:
    """Measure with `count` events in an empty folder: events a second of each case, and the ratio of `groups` to `bare`."""
    readings = [reading(n) for n in range(1, count + 1)]
    scans = [scan(n) for n in range(1, count // 20 + 1)]
    figures = {
        "bare": bare(folder, readings),
        "groups": asyncio.run(kept(folder, readings, group=GROUP, devices=1)),
        "devices": asyncio.run(kept(folder, readings, group=1, devices=DEVICES)),
        "single": asyncio.run(kept(folder, readings[: count // 10], group=1, devices=1)),
        "scans": asyncio.run(kept(folder, scans, group=1, devices=1)),
    }
    per_second = {what: round(rate) for what, rate in figures.items()}
    return {"events": count, "per_second": per_second, "groups_to_bare": round(figures["groups"] / figures["bare"], 2)}
