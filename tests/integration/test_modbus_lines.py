"""The Modbus reader on lines that misbehave: TCP and a pseudo-terminal with garbage, flood, silence, unplug and late answers."""

import asyncio
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.reader import Reader, ReaderError
from tests.modbus_reading import Kept, reader, reading, slave, supervised
from tests.modbus_servers import RtuBus, Slave, TcpSlaves, checksum, plugged, soon, words


@pytest.fixture
def kept() -> Kept:
    return Kept()


# ---- TCP, well and misbehaving


async def test_an_idle_connection_that_the_gateway_closed_is_opened_again_without_a_word(kept: Kept) -> None:
    async with TcpSlaves({1: Slave({"holding": {0: 5}})}) as server:
        server.hang_up_after = 1
        async with reading(reader(kept, slave(), address=f"127.0.0.1:{server.port}"), kept) as task:
            await soon(lambda: len(kept.events) >= 5 or task.done())
        assert server.connections >= 5
    assert kept.reports == []


async def test_a_late_answer_is_never_taken_for_the_present_one(kept: Kept) -> None:
    """The first answer comes only together with the second request's."""
    held: list[bytes] = []
    counter = {"n": 0}

    def late(_: bytes, answer: bytes) -> list[bytes]:
        counter["n"] += 1
        stamped = answer[:-2] + counter["n"].to_bytes(2, "big")
        if counter["n"] % 2:
            held.append(stamped)
            return []
        return [held.pop(), stamped]

    async with TcpSlaves({1: Slave({"holding": {0: 0}})}) as server:
        server.wrap = late
        async with reading(reader(kept, slave(), address=f"127.0.0.1:{server.port}", timeout_s=0.15), kept):
            await soon(lambda: len(kept.readings("one")) >= 3)
    assert all(values["x"] % 2 == 0 for values in kept.readings("one"))


async def test_an_answer_of_another_unit_is_passed_over_and_named(kept: Kept) -> None:
    async with TcpSlaves({1: Slave({"holding": {0: 0}})}) as server:
        server.wrap = lambda _, answer: [answer[:6] + b"\xff" + answer[7:]]
        with pytest.raises(ReaderError, match="it answers as unit 255; check the unit number: set unit = 255"):
            await reader(kept, slave(), address=f"127.0.0.1:{server.port}", timeout_s=0.5).check(60)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda _, answer: [b"\x00" * 3 + answer],
        lambda _, answer: [b"HTTP/1.1 400 Bad Request\r\n\r\n" + answer],
        lambda _, answer: [answer[:4], answer[4:9], answer[9:]],
        lambda request, answer: [answer[:1] + bytes([answer[1] ^ 0x40]) + answer[2:], answer, answer, request],
        lambda _, answer: [answer[:2] + b"\0\0\0\xff" + answer[6:9], answer],
    ],
    ids=["zeros", "text", "pieces", "stale-and-double", "wrong-length"],
)
async def test_an_answer_is_found_among_whatever_else_comes(wrap: Callable[[bytes, bytes], list[bytes]], kept: Kept) -> None:
    async with TcpSlaves({1: Slave({"holding": {0: 1234}})}) as server:
        server.wrap = wrap
        async with reading(reader(kept, slave(), address=f"127.0.0.1:{server.port}"), kept):
            await soon(lambda: len(kept.events) >= 3)
    assert {values["x"] for values in kept.readings("one")} == {1234}
    assert kept.reports == []


async def test_a_flood_ends_with_the_time_out_and_memory_stays_bounded(kept: Kept) -> None:
    flooding = asyncio.Event()

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(b"\xa5" * 65_536)
                flooding.set()
                await writer.drain()
        except ConnectionError:
            pass

    server = await asyncio.start_server(flood, "127.0.0.1", 0)
    async with server:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(ReaderError, match="bytes come that are no Modbus TCP; check the port"):
            await reader(kept, slave(), address=address, timeout_s=0.5).check(60)
    assert flooding.is_set()


async def test_rtu_frames_through_a_terminal_server(kept: Kept) -> None:
    bus = Slave({"holding": {0: 77}})

    async def serve(incoming: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while len(frame := await incoming.read(256)) == 8:
            assert frame[-2:] == checksum(frame[:-2])
            body = frame[:1] + (bus.answer(frame[1:6]) or b"")
            writer.write(b"\xff\x00" + body + checksum(body))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with reading(reader(kept, slave(), address=address, framing="rtu"), kept):
            await soon(lambda: len(kept.events) >= 3)
    assert kept.readings("one")[0] == {"x": 77}


# ---- one dead among three


@pytest.mark.parametrize("way", ["tcp", "rtu"])
async def test_a_dead_slave_costs_little_and_comes_back(way: str, kept: Kept) -> None:
    slaves = {unit: Slave({"holding": {0: unit}}) for unit in (1, 2, 3)}
    slaves[2].silent = True
    table = [slave(f"meter-{unit}", unit) for unit in slaves]

    async def act(one: Reader) -> None:
        async with reading(one, kept) as task:
            await soon(lambda: task.done() or len(slaves[2].asked) >= 5)  # its breaker is open by now
            before, tried = len(kept.readings("meter-1")), len(slaves[2].asked)
            await soon(lambda: task.done() or len(kept.readings("meter-1")) >= before + 30)
            assert len(slaves[2].asked) - tried <= 8  # tried now and then
            slaves[2].silent = False
            await soon(lambda: task.done() or len(kept.readings("meter-2")) >= 5)
            assert not task.done()

    if way == "tcp":
        async with TcpSlaves(slaves) as server:
            await act(reader(kept, *table, address=f"127.0.0.1:{server.port}", timeout_s=0.5, retry_s=2.0))
    else:
        with plugged(RtuBus(slaves)) as bus:
            await act(reader(kept, *table, port=bus.path, timeout_s=0.5, retry_s=2.0))
    [report] = kept.reports
    assert report.startswith("meter-2: slave 2: no answer within 0.5")
    assert report.endswith(" s; check its power, its cable, and its unit number")
    assert min(len(kept.readings(f"meter-{unit}")) for unit in (1, 3)) >= 30


async def test_a_bus_without_any_answer_fails_by_name(kept: Kept) -> None:
    silent = {unit: Slave({}, silent=True) for unit in (1, 2)}
    async with TcpSlaves(silent) as server:
        one = reader(kept, slave("a", 1), slave("b", 2), address=f"127.0.0.1:{server.port}", timeout_s=0.1)
        with pytest.raises(ReaderError, match="bus: none of 2 slaves answers"):
            await asyncio.wait_for(one.run(kept.emit), 120)


@pytest.mark.parametrize("code", [10, 11])
async def test_a_gateways_word_for_a_silent_slave_counts_as_silence(code: int, kept: Kept) -> None:
    async with TcpSlaves({1: Slave({}, exception=code), 2: Slave({"holding": {0: 2}})}) as server:
        one = reader(kept, slave("dead", 1), slave("well", 2), address=f"127.0.0.1:{server.port}")
        async with reading(one, kept):
            await soon(lambda: len(server.slaves[1].asked) >= 4 and len(kept.readings("well")) > 20)
    [report] = kept.reports
    assert report.startswith("dead: slave 1: gateway ")


# ---- the serial bus


async def test_slaves_on_a_serial_bus_are_read_by_function(kept: Kept) -> None:
    content = {"holding": {0: 1}, "input": words(10, struct.pack(">f", 49.5)), "coil": {3: 1}, "discrete": {4: 1}}
    table = slave(h={"address": 0}, i={"address": 10, "table": "input", "type": "float32"},
                  c={"number": "00004", "type": "bit"}, d={"number": 10005})  # fmt: skip
    with plugged(RtuBus({1: Slave(content)})) as bus:
        async with reading(reader(kept, table, port=bus.path, baudrate=115200), kept):
            await soon(lambda: len(kept.events) >= 2)
        assert {function for function, _, _ in bus.slaves[1].asked} == {1, 2, 3, 4}
    assert kept.readings("one")[0] == {"h": 1, "i": 49.5, "c": 1, "d": 1}


@pytest.mark.parametrize(
    "before", [b"\x00", b"\xff\xff\xff", b"\x01\x03", b"\x01\x03\x02", b"\x01\x83\x02\x00\x00", bytes(300)]
)
async def test_garbage_before_an_answer_does_not_hide_it(before: bytes, kept: Kept) -> None:
    with plugged(RtuBus({1: Slave({"holding": {0: 4321}})})) as bus:
        bus.before = before
        async with reading(reader(kept, slave(), port=bus.path), kept):
            await soon(lambda: len(kept.events) >= 3)
    assert kept.readings("one")[0] == {"x": 4321}
    assert kept.reports == []


async def test_an_adapter_that_hears_itself_is_no_trouble(kept: Kept) -> None:
    with plugged(RtuBus({1: Slave({"holding": {0: 4321}})})) as bus:
        bus.echo = True
        async with reading(reader(kept, slave(), port=bus.path), kept):
            await soon(lambda: len(kept.events) >= 3)
    assert kept.reports == []


async def test_a_wrong_checksum_is_no_value_and_is_named(kept: Kept) -> None:
    damaged = r"slave 1: its answer is damaged \(wrong checksum\); check the cable"
    with plugged(RtuBus({1: Slave({"holding": {0: 1}}, garble=True)})) as bus, pytest.raises(ReaderError, match=damaged):
        await reader(kept, slave(), port=bus.path, timeout_s=0.5).check(60)
    assert kept.events == []


async def test_noise_on_the_line_is_named(kept: Kept) -> None:
    with plugged(RtuBus({1: Slave({}, silent=True)})) as bus:
        bus.noise = lambda: b"\xf0\x1e" * 50
        with pytest.raises(ReaderError, match="bytes come that are no answer; check speed and parity"):
            await reader(kept, slave(), port=bus.path, timeout_s=0.5).check(60)


async def test_a_slave_that_is_slower_than_its_time_out_never_gives_a_value_to_another_register(kept: Kept) -> None:
    """On RTU the late answer for register 0 looks like the one for register 100."""
    slow = Slave({"holding": {0: 1111, 100: 2222}}, delay_s=0.15)
    table = slave(a={"address": 0}, b={"address": 100})
    with plugged(RtuBus({1: slow, 2: Slave({"holding": {0: 2}})})) as bus:
        one = reader(kept, table, slave("other", 2), port=bus.path, timeout_s=0.1, retries=2)
        async with reading(one, kept):
            await soon(lambda: len(slow.asked) >= 8)
            slow.delay_s = 0.0
            await soon(lambda: {"a": 1111, "b": 2222} in kept.readings("one"))
    assert {values["a"] for values in kept.readings("one") if "a" in values} <= {1111}
    assert {values["b"] for values in kept.readings("one") if "b" in values} <= {2222}


async def test_an_unplugged_adapter_is_named_and_read_again_when_it_is_back(kept: Kept, tmp_path: Path) -> None:
    link = tmp_path / "by-id"
    bus = RtuBus({1: Slave({"holding": {0: 1}})})
    link.symlink_to(bus.plug())
    async with supervised(reader(kept, slave(), port=str(link)), kept) as supervisor:
        await soon(lambda: kept.events)
        await asyncio.to_thread(bus.unplug)
        link.unlink()
        await soon(lambda: "cannot open" in supervisor.statuses["bus"].text())
        assert "that the adapter is plugged in" in supervisor.statuses["bus"].text()
        link.symlink_to(bus.plug())
        count = len(kept.events)
        await soon(lambda: len(kept.events) > count)
    bus.unplug()


async def test_two_programs_never_share_a_bus(kept: Kept) -> None:
    with plugged(RtuBus({1: Slave({"holding": {0: 1}})})) as bus:
        async with reading(reader(kept, slave(), port=bus.path), kept):
            await soon(lambda: kept.events)
            with pytest.raises(ReaderError, match=r"cannot open .* \(another program has it open\)"):
                await reader(kept, slave(), port=bus.path).check(1)


async def test_a_slave_that_comes_back_on_a_dead_bus_is_found_although_the_first_stays_dead(kept: Kept) -> None:
    slaves = {unit: Slave({"holding": {0: unit}}, silent=True) for unit in (1, 2)}
    async with TcpSlaves(slaves) as server:
        one = reader(kept, slave("a", 1), slave("b", 2), address=f"127.0.0.1:{server.port}", timeout_s=0.1)
        async with supervised(one, kept) as supervisor:
            await soon(lambda: "none of 2 slaves answers" in supervisor.statuses["bus"].text())
            slaves[2].silent = False
            await soon(lambda: len(kept.readings("b")) >= 5)


async def test_a_slow_line_gives_long_answers_their_time(kept: Kept) -> None:
    """At 300 baud 100 registers are under way for more than 7 s: the slave here needs half a second of them."""
    with plugged(RtuBus({1: Slave({"holding": dict.fromkeys(range(100), 5)}, delay_s=0.5)})) as bus:
        places = {f"r{i}": {"address": i} for i in range(100)}
        async with reading(reader(kept, slave(**places), port=bus.path, baudrate=300, timeout_s=0.05), kept):
            await soon(lambda: kept.events)
    assert kept.reports == []
