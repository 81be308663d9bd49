"""The Modbus reader against real servers, over TCP and over a pseudo-terminal, well and misbehaving."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pyModbusTCP.server import DataBank, ModbusServer

from edge_agent.reader import Capture, Context, Reader
from edge_agent.readers import modbus
from edge_agent.supervisor import Supervisor
from plumbline import profile, settings
from plumbline.event import ClockReading, Event, Reading, State
from tests.modbus_servers import PymodbusServer, Slave, TcpSlaves, soon
from tests.servers import free_port, running

PROFILES = profile.load_all(Path(__file__).parents[2] / "firmware_configs")
CASES = sorted((Path(modbus.__file__).parent / "testcases").iterdir())
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


@pytest.fixture
def kept() -> Kept:
    return Kept()


def metrics(*names: str) -> dict[str, dict]:
    return {name: {"unit": "1", "title_en": name, "title_zh": name} for name in names}


def slave(device: str = "one", unit: int = 1, every_s: float = 0.02, **registers: dict) -> dict:
    """A slave with a metric for each register; by default one metric `x` at holding register 0."""
    registers = registers or {"x": {"address": 0}}
    return {"device": device, "unit": unit, "measurement": "equipment", "every_s": every_s,
            "metrics": metrics(*registers), "registers": registers}  # fmt: skip


def reader(kept: Kept, *slaves: dict, **table: object) -> Reader:
    values = {"timeout_s": 0.1, "retry_s": 0.3, "retries": 0, **table, "slaves": list(slaves)}
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


@pytest.fixture(scope="module")
def pymodbus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PymodbusServer]:
    with running(PymodbusServer(tmp_path_factory.mktemp("pymodbus"))) as server:
        yield server


# ---- test cases


def contents(tables: dict) -> dict[str, dict[int, int]]:
    return {table: {int(place): value for place, value in places.items()} for table, places in tables.items()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_cases_play_as_expected(case: Path, kept: Kept) -> None:
    slaves = json.loads((case / "input.json").read_text())["slaves"]
    expected = json.loads((case / "expected.json").read_text())
    async with TcpSlaves({int(unit): Slave(contents(tables)) for unit, tables in slaves.items()}) as server:
        table = settings.load(case / "config.toml", dict) | {"address": f"127.0.0.1:{server.port}"}
        name = table.pop("name")
        context = Context(profiles=PROFILES, report=kept.report)
        one = modbus.build(name, settings.convert(table, modbus.Settings, str(case)), context)
        async with reading(one, kept):
            await soon(lambda: len(kept.events) >= len(expected["events"]) and len(kept.reports) >= len(expected["reports"]))
    assert {"events": [shown(event) for event in kept.events], "reports": kept.reports} == expected


def shown(event: Event) -> dict:
    what = {"device": event.device}
    if isinstance(event, Reading):
        return what | {"measurement": event.measurement, "values": event.values}
    assert isinstance(event, State)
    return what | {"state": event.state, "previous": event.previous, "code": event.code}


# ---- servers of others


async def test_all_four_tables_are_read_from_pymodbus(pymodbus: PymodbusServer, kept: Kept) -> None:
    places = {"coil": "coil", "input_": "discrete", "hold": "holding", "register": "input"}
    table = slave(**{name: {"address": 4711, "table": table} for name, table in places.items()})
    async with reading(reader(kept, table, address=f"127.0.0.1:{pymodbus.port}"), kept):
        await soon(lambda: kept.events)
    assert kept.readings("one")[0] == {"coil": 1, "input_": 1, "hold": 4711, "register": 4711}


async def test_the_full_block_of_125_registers_and_2000_bits_is_one_request(pymodbus: PymodbusServer, kept: Kept) -> None:
    registers = {"first": {"address": 0}, "last": {"address": 124}}
    registers |= {
        "bit": {"address": 0, "table": "coil"},
        "mid": {"address": 1000, "table": "coil"},
        "end": {"address": 1999, "table": "coil"},
    }
    table = slave(**registers) | {"gap": 124}
    said = await reader(kept, table, address=f"127.0.0.1:{pymodbus.port}").check(5)
    assert "5 registers in 2 blocks" in said
    assert "first 0 1, last 124 1, bit 0 1, mid 0 1, end 1 1" in said


async def test_registers_are_read_from_pymodbustcp(kept: Kept) -> None:
    """An implementation that shares no line with the one that encodes our requests."""
    bank = DataBank(h_regs_size=200)
    bank.set_holding_registers(10, [0x4366, 0x4000])
    bank.set_input_registers(65_535, [7])
    bank.set_coils(9, [True])
    bank.set_discrete_inputs(3, [True])
    server = ModbusServer("127.0.0.1", free_port(), no_block=True, data_bank=bank)
    server.start()
    try:
        table = slave(
            volts={"address": 10, "type": "float32"},
            last={"address": 65_535, "table": "input"},
            coil={"address": 9, "table": "coil"},
            switch={"address": 3, "table": "discrete"},
            gone={"address": 200},
        )
        async with reading(reader(kept, table, address=f"127.0.0.1:{server.port}"), kept):
            await soon(lambda: kept.events and kept.reports)
    finally:
        server.stop()
    assert kept.readings("one")[0] == {"volts": 230.25, "last": 7, "coil": 1, "switch": 1}
    [report] = kept.reports
    assert report.startswith("one: slave 1 answers illegal data address for holding 200 (40201); check the register map")


async def test_a_killed_server_is_named_and_read_again_when_it_is_back(tmp_path: Path, kept: Kept) -> None:
    server = PymodbusServer(tmp_path)
    with running(server):
        async with supervised(reader(kept, slave(), address=f"127.0.0.1:{server.port}"), kept) as supervisor:
            await soon(lambda: kept.events)
            server.kill()
            await soon(lambda: "cannot open 127.0.0.1" in supervisor.statuses["bus"].text())
            await asyncio.to_thread(server.start)
            count = len(kept.events)
            await soon(lambda: len(kept.events) > count)
            assert supervisor.statuses["bus"].text() == "ok"
