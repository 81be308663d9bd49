"""The Modbus reader against real servers: what is read, refused, measured, and told by a check."""

import asyncio
import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyModbusTCP.server import DataBank, ModbusServer

from edge_agent.reader import Context, ReaderError
from edge_agent.readers import modbus
from plumbline import profile, settings
from plumbline.event import Event, Reading, State
from plumbline.profile.modbus import Hole
from tests.modbus_reading import PROFILES, Kept, reader, reading, slave, supervised
from tests.modbus_servers import PymodbusServer, Slave, TcpSlaves, soon, words
from tests.servers import free_port, running

CASES = sorted((Path(modbus.__file__).parent / "testcases").iterdir())


@pytest.fixture
def kept() -> Kept:
    return Kept()


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
    assert "first 0, last 124, bit 0, mid 0, end 1" in said


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


# ---- what the slave refuses


async def test_a_refused_block_is_taken_apart_and_stays_so(kept: Kept) -> None:
    table = slave(a={"address": 0}, b={"address": 5}, c={"address": 6}, every_s=0.02)
    async with TcpSlaves({1: Slave({"holding": {0: 1, 5: 2, 6: 3}})}) as server:
        async with reading(reader(kept, table, address=f"127.0.0.1:{server.port}"), kept):
            await soon(lambda: len(kept.events) >= 4)
        asked = server.slaves[1].asked
    assert asked[:5] == [(3, 0, 7), (3, 0, 1), (3, 5, 2), (3, 0, 1), (3, 5, 2)]
    assert kept.readings("one")[0] == {"a": 1, "b": 2, "c": 3}
    assert kept.reports == []


async def test_a_slave_that_says_nothing_about_a_gap_is_taken_apart_all_the_same(kept: Kept) -> None:
    table = slave(a={"address": 0}, b={"address": 4})
    async with TcpSlaves({1: Slave({"holding": {0: 1, 4: 2}}, mute_gaps=True), 2: Slave({"holding": {0: 1}})}) as server:
        one = reader(kept, table, slave("other", 2), address=f"127.0.0.1:{server.port}", timeout_s=0.05)
        async with reading(one, kept):
            await soon(lambda: {"a": 1, "b": 2} in kept.readings("one"))


async def test_a_slave_with_a_shorter_answer_than_the_standards_is_read_in_parts(kept: Kept) -> None:
    places = {f"r{i}": {"address": i} for i in range(40)}
    content = {"holding": dict.fromkeys(range(40), 9)}
    limited = Slave(content)
    answer = limited.answer
    limited.answer = lambda pdu: bytes((pdu[0] | 0x80, 3)) if pdu[4] > 16 else answer(pdu)
    server = TcpSlaves({1: limited})
    one = reader(kept, slave(**places), address=f"127.0.0.1:{server.port}")
    async with server, reading(one, kept):
        await soon(lambda: kept.events)
    assert len(kept.readings("one")[0]) == 40
    assert kept.reports == []


async def test_nothing_is_ever_read_from_a_hole(kept: Kept) -> None:
    own = profile.ModbusShape(
        registers={"a": profile.Register(address=0), "b": profile.Register(address=3)},
        holes=(Hole(first=1, last=1),),
    )
    one = profile.DeviceProfile(
        id="own", kind="sensor", title_en="x", title_zh="x", measurement="equipment", modbus=own,
        metrics={name: profile.Metric(unit="1", title_en=name, title_zh=name) for name in "ab"},
    )  # fmt: skip
    async with TcpSlaves({1: Slave({"holding": dict.fromkeys(range(5), 1)})}) as server:
        table = {"address": f"127.0.0.1:{server.port}", "slaves": [{"device": "one", "profile": "own"}]}
        context = Context(profiles={"own": one}, report=kept.report)
        async with reading(modbus.build("bus", settings.convert(table, modbus.Settings, "t"), context), kept):
            await soon(lambda: kept.events)
        assert server.slaves[1].asked == [(3, 0, 1), (3, 3, 1)]


@pytest.mark.parametrize(("code", "name"), [(4, "device failure"), (6, "busy"), (1, "illegal function"), (99, "exception 99")])
async def test_an_exception_is_told_once_in_words(code: int, name: str, kept: Kept) -> None:
    broken = Slave({"holding": {0: 1}}, exception=code)
    server = TcpSlaves({1: broken, 2: Slave({"holding": {0: 2}})})
    one = reader(kept, slave(), slave("other", 2), address=f"127.0.0.1:{server.port}")
    async with server, reading(one, kept):
        await soon(lambda: len(kept.readings("other")) >= 10)
    [report] = kept.reports
    assert report.startswith(f"one: slave 1 answers {name} for holding 0 (40001); check ")


async def test_another_device_than_the_profiles_is_named_and_not_read(kept: Kept) -> None:
    meter = {"holding": {40_069: 1} | dict.fromkeys(range(40070, 40110), 7)}
    async with TcpSlaves({1: Slave(meter), 2: Slave({"holding": {0: 2}})}) as server:
        table = {"device": "inverter", "profile": "sunspec-inverter", "every_s": 0.02}
        async with reading(reader(kept, table, slave("other", 2), address=f"127.0.0.1:{server.port}"), kept):
            await soon(lambda: len(kept.readings("other")) >= 10)
    assert kept.readings("inverter") == []
    assert kept.reports == [
        "inverter: slave 1 says it is '1', not '101' or '102' or '103': nothing is read; check its unit number and profile"
    ]


# ---- values and states


async def test_of_states_only_the_changes_go_out_and_an_unsteady_one_waits(kept: Kept) -> None:
    machine = Slave({"holding": {0: 0, 1: 0}})
    table = slave() | {
        "state": {
            "register": {"address": 0},
            "words": {"0": "off", "1": "working", "9": "fault"},
            "code": {"address": 1},
            "polls": 2,
        }
    }
    async with TcpSlaves({1: machine}) as server, reading(reader(kept, table, address=f"127.0.0.1:{server.port}"), kept):
        await soon(lambda: len(kept.states()) == 1)
        machine.content["holding"][0] = 1
        await soon(lambda: len(kept.states()) == 2)
        machine.content["holding"] |= {0: 9, 1: 42}
        await soon(lambda: len(kept.states()) == 3)
        machine.content["holding"][0] = 5
        await soon(lambda: kept.reports)
        machine.content["holding"] |= {0: 0, 1: 0}
        await soon(lambda: len(kept.states()) == 4)
    assert kept.states() == [
        ("off", None, None), ("working", "off", None), ("fault", "working", "42"), ("off", "fault", None)
    ]  # fmt: skip
    assert kept.reports == ["one: state: holding 0 (40001): 5 is none of 0, 1, 9; declare it under state.words"]


async def test_an_implausible_or_absent_value_is_left_out_and_only_the_former_is_told(kept: Kept) -> None:
    device = Slave({"holding": {0: 9000, 1: 0x8000} | words(2, struct.pack(">f", float("nan"))) | {4: 3}})
    table = slave(hot={"address": 0}, none={"address": 1, "type": "int16", "absent": [-32768]},
                  nan={"address": 2, "type": "float32"}, fine={"address": 4})  # fmt: skip
    table["metrics"]["hot"]["maximum"] = 100
    async with TcpSlaves({1: device}) as server, reading(reader(kept, table, address=f"127.0.0.1:{server.port}"), kept):
        await soon(lambda: len(kept.events) >= 3)
        device.content["holding"][0] = 90
        await soon(lambda: {"hot": 90, "fine": 3} in kept.readings("one"))
    assert kept.readings("one")[0] == {"fine": 3}
    assert kept.reports == ["one: hot: 9000 is not plausible (any to 100); not sent, check the sensor"]


async def test_periods_of_one_slave_differ_by_register(kept: Kept) -> None:
    table = slave(fast={"address": 0}, slow={"address": 1, "every_s": 3600})
    server = TcpSlaves({1: Slave({"holding": {0: 1, 1: 2}})})
    one = reader(kept, table, address=f"127.0.0.1:{server.port}")
    async with server, reading(one, kept):
        await soon(lambda: len(kept.events) >= 10)
    assert [values for values in kept.readings("one") if "slow" in values] == [{"slow": 2}]


async def test_more_values_than_a_reading_holds_go_out_in_several(kept: Kept) -> None:
    places = {f"r{i}": {"address": i} for i in range(100)}
    server = TcpSlaves({1: Slave({"holding": dict(enumerate(range(100)))})})
    one = reader(kept, slave(every_s=3600, **places), address=f"127.0.0.1:{server.port}")
    async with server, reading(one, kept):
        await soon(lambda: len(kept.events) >= 2)
    first, second = kept.readings("one")
    assert (len(first), len(second)) == (64, 36)
    assert first | second == {f"r{i}": i for i in range(100)}


# ---- check


async def test_check_tells_what_each_slave_says(kept: Kept) -> None:
    content = dict.fromkeys(range(100), 0) | words(0, struct.pack(">f", 229.75)) | words(70, struct.pack(">f", 50.0))
    async with TcpSlaves({1: Slave({"input": content})}) as server:
        table = {"device": "main-board", "profile": "eastron-sdm630", "only": ["voltage_l1_v", "frequency_hz"]}
        said = await reader(kept, table, address=f"127.0.0.1:{server.port}").check(5)
    assert said.startswith("main-board (slave 1) answers in ")
    assert said.endswith(" ms, 4 registers in 2 blocks: Voltage L1 229.75 V, Frequency 50 Hz")
    assert kept.events == []
    assert kept.reports == []


async def test_check_names_the_bad_slave_and_tells_the_good_ones(kept: Kept) -> None:
    async with TcpSlaves({1: Slave({"holding": {0: 1}}), 3: Slave({"holding": {}})}) as server:
        slaves = [slave("a", 1), slave("b", 2), slave("c", 3)]
        with pytest.raises(ReaderError) as failed:
            await reader(kept, *slaves, address=f"127.0.0.1:{server.port}", timeout_s=0.5).check(60)
    assert failed.value.device == "b"
    assert failed.value.what == "slave 2: no answer within 0.5 s"
    assert "c: slave 3 answers illegal data address for holding 0 (40001)" in failed.value.check
    assert "a (slave 1) answers in" in failed.value.check


async def test_check_of_implausible_values_points_at_the_profile_before_the_sensor(kept: Kept) -> None:
    async with TcpSlaves({1: Slave({"input": dict.fromkeys(range(400), 0x4D31)})}) as server:
        table = {"device": "main-board", "profile": "eastron-sdm630", "only": ["voltage_l1_v", "voltage_l2_v", "frequency_hz"]}
        with pytest.raises(ReaderError) as failed:
            await reader(kept, table, address=f"127.0.0.1:{server.port}").check(5)
    assert failed.value.what.endswith(" V is not plausible (0 to 300)")
    assert failed.value.check.startswith("its profile: type, order and scale of the register; then the sensor (and 2 more: ")
    assert "not sent" not in str(failed.value)


async def test_check_ends_with_its_patience(kept: Kept) -> None:
    silent = {unit: Slave({}, silent=True) for unit in range(1, 4)}
    async with TcpSlaves(silent) as server:
        slaves = [slave(f"s{unit}", unit) for unit in silent]
        one = reader(kept, *slaves, address=f"127.0.0.1:{server.port}", timeout_s=30.0)
        with pytest.raises(ReaderError, match="no answer within"):
            await asyncio.wait_for(one.check(0.5), 60)


async def test_check_of_an_address_where_nobody_listens_says_so(kept: Kept) -> None:
    with pytest.raises(ReaderError, match=r"bus: cannot open 127.0.0.1:.*; check that the device is on"):
        await reader(kept, slave(), address=f"127.0.0.1:{free_port()}").check(2)
