"""The Modbus reader set up for tests: what it emits is kept, its slaves are declared in a line."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from edge_agent.reader import Capture, Context, Reader
from edge_agent.readers import modbus
from edge_agent.supervisor import Supervisor
from plumbline import profile, settings
from plumbline.event import ClockReading, Event, Reading, State

PROFILES = profile.load_all(Path(__file__).parents[1] / "firmware_configs")
HEADER = {
    "id": "01890a5d-ac96-774b-bcce-b302099a8057",
    "site": "s",
    "gateway": "g",
    "at": 1,
    "clock": ClockReading(quality="ntp", boot="b", mono=1),
    "epoch": "e",
    "seq": 1,
}


class Kept:
    """What a reader emitted and reported."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.reports: list[str] = []

    async def emit(self, capture: Capture) -> None:
        self.events.append(capture.event(device=capture.device, **HEADER))

    def report(self, device: str, what: str) -> None:
        self.reports.append(f"{device}: {what}")

    def readings(self, device: str) -> list[dict[str, float]]:
        return [event.values for event in self.events if isinstance(event, Reading) and event.device == device]

    def states(self) -> list[tuple[str, str | None, str | None]]:
        return [(event.state, event.previous, event.code) for event in self.events if isinstance(event, State)]


def metrics(*names: str) -> dict[str, dict]:
    return {name: {"unit": "1", "title_en": name, "title_zh": name} for name in names}


def slave(device: str = "one", unit: int = 1, every_s: float = 0.02, **registers: dict) -> dict:
    """A slave with a metric for each register; by default one metric `x` at holding register 0."""
    registers = registers or {"x": {"address": 0}}
    return {"device": device, "unit": unit, "measurement": "equipment", "every_s": every_s,
            "metrics": metrics(*registers), "registers": registers}  # fmt: skip


def reader(kept: Kept, *slaves: dict, **table: object) -> Reader:
    # who answers at all must not be too late because the machine is busy; a test of silence names a shorter time
    values = {"timeout_s": 5.0, "retry_s": 0.3, "retries": 0, **table, "slaves": list(slaves)}
    return modbus.build(
        "bus", settings.convert(values, modbus.Settings, "test"), Context(profiles=PROFILES, report=kept.report)
    )


@asynccontextmanager
async def reading(one: Reader, kept: Kept) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(one.run(kept.emit), name="reader")
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def supervised(one: Reader, kept: Kept) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(kept.emit, first_s=0.05, cap_s=0.1, open_s=0.1)
    supervisor.add("bus", one)
    task = asyncio.create_task(supervisor.run(), name="supervisor")
    try:
        yield supervisor
    finally:
        task.cancel()
        await asyncio.wait([task])
