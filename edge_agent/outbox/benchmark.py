"""How many events a second the outbox keeps and gives away, beside bare SQLite with the same rows and the same policy.

Kept: `bare` writes ready-made JSON by `executemany`, 500 rows a transaction, in WAL mode with synchronous=NORMAL: what the
disk and SQLite allow in Python. `groups` appends 500 events at once, `devices` one event at a time from 100 devices, `single`
from one device that waits for each. `bare_scans` and `scans` are a row a transaction with synchronous=FULL: a wait for the
disk each. Given away: `bare_drained` selects 500 rows and deletes them, `drained` reads a batch and commits its watermark
(without a history, so that it deletes too).
"""

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from edge_agent.outbox import Outbox
from plumbline.codec import encode
from plumbline.delivery import Watermark
from plumbline.event import ClockReading, Event, Reading, Scan
from plumbline.ids import new_event_id

GROUP: Final = 500
DEVICES: Final = 100
_PAIRS: Final = (("groups", "bare"), ("scans", "bare_scans"), ("drained", "bare_drained"))


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


def bare(folder: Path, events: Sequence[Event], *, group: int = GROUP, full: bool = False) -> tuple[float, float]:
    """Rows a second that SQLite takes, and gives away again, when everything is ready."""
    rows = [(n, encode(event)) for n, event in enumerate(events, 1)]
    connection = sqlite3.connect(folder / f"bare-{group}.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
    connection.execute("CREATE TABLE telemetry (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)")
    begin = time.perf_counter()
    for at in range(0, len(rows), group):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO telemetry VALUES (?, ?)", rows[at : at + group])
        connection.execute("COMMIT")
    kept, begin, upto = len(rows) / (time.perf_counter() - begin), time.perf_counter(), 0
    while found := connection.execute("SELECT seq, body FROM telemetry WHERE seq > ? LIMIT ?", (upto, group)).fetchall():
        upto = found[-1][0]
        connection.execute("DELETE FROM telemetry WHERE seq <= ?", (upto,))
    drained = len(rows) / (time.perf_counter() - begin)
    connection.close()
    return kept, drained


async def drained(folder: Path, events: Sequence[Event]) -> float:
    """Events a second that leave the outbox when nothing holds them up."""
    async with Outbox(folder / "drained.db", site="harbour-7", gateway="gw-gate", history_bytes=0) as outbox:
        for at in range(0, len(events), 10 * GROUP):
            await outbox.append(events[at : at + 10 * GROUP])
        begin = time.perf_counter()
        chunk = await outbox.pending("telemetry", 0, max_events=GROUP, max_bytes=2**22)
        while chunk.events:  # as the uplink does, the next batch is read while the last one is being committed
            upto = chunk.events[-1].seq
            mark = Watermark(site="harbour-7", gateway="gw-gate", epoch=chunk.epoch, event_class="telemetry", upto=upto)
            read = outbox.pending("telemetry", upto, max_events=GROUP, max_bytes=2**22)
            chunk, _ = await asyncio.gather(read, outbox.commit_watermark(mark))
        return len(events) / (time.perf_counter() - begin)


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
    """Measure with `count` events in an empty folder: events a second of each case, and ratios to bare SQLite's."""
    readings = [reading(n) for n in range(1, count + 1)]
    scans = [scan(n) for n in range(1, count // 20 + 1)]
    bare_kept, bare_drained = bare(folder, readings)
    bare_scans, _ = bare(folder, scans, group=1, full=True)
    figures = {
        "bare": bare_kept,
        "groups": asyncio.run(kept(folder, readings, group=GROUP, devices=1)),
        "devices": asyncio.run(kept(folder, readings, group=1, devices=DEVICES)),
        "single": asyncio.run(kept(folder, readings[: count // 10], group=1, devices=1)),
        "bare_scans": bare_scans,
        "scans": asyncio.run(kept(folder, scans, group=1, devices=1)),
        "bare_drained": bare_drained,
        "drained": asyncio.run(drained(folder, readings)),
    }
    ratios = {f"{ours}_to_{bare}": round(figures[ours] / figures[bare], 2) for ours, bare in _PAIRS}
    return {"events": count, "per_second": {what: round(rate) for what, rate in figures.items()}, **ratios}
