"""`plumbline bench edge`: the agent's own promises: durable, answered at once, committed soon, fresh behind a backlog."""

import asyncio
from pathlib import Path
from typing import Any

from edge_agent.outbox import benchmark as outbox
from edge_agent.uplink import benchmark as uplink
from edge_agent.verdict import benchmark as verdict


async def measure(folder: Path, *, events: int, backlog: int, scans: int, seconds: float) -> dict[str, Any]:
    """Run the parts one after the other, each in a folder of its own; figures as a table of tables.

    Args:
        folder: an empty folder.
        events: how many events the outbox is measured with.
        backlog: how many events an outage left, for the drain behind live data.
        scans: how many labels are scanned for the verdict.
        seconds: how long 500 events/s flow for the latency on an idle link.
    """
    figures: dict[str, Any] = {"outbox": await asyncio.to_thread(outbox.measure, _in(folder, "outbox"), events)}
    figures["verdict"] = await asyncio.to_thread(verdict.measure, _in(folder, "verdict"), scans)
    figures["latency"] = await uplink.measure_latency(_in(folder, "latency"), events_per_s=500, seconds=seconds)
    figures["drain"] = await uplink.measure_drain(_in(folder, "drain"), backlog)
    return figures


def _in(folder: Path, name: str) -> Path:
    inner = folder / name
    inner.mkdir()
    return inner
