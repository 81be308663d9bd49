"""Links: a pseudo-terminal and a TCP server, with unplug, flood and silence."""

import asyncio
import os
import pty
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from edge_agent.link import Listening, SerialLink, Silence, TcpLink, host_and_port, link_of, profile_of, serial_line
from edge_agent.link.line import reason
from edge_agent.reader import ReaderError
from plumbline.errors import SettingsError
from plumbline.profile import DeviceProfile, SerialLine
from tests.servers import free_port


class Terminal:
    """A device on a pseudo-terminal."""

    def __init__(self) -> None:
        self.master, slave = pty.openpty()
        self.path = os.ttyname(slave)
        os.close(slave)

    def link(self, quiet_s: float = 0.05) -> SerialLink:
        return SerialLink(device="scale", port=self.path, line=SerialLine(), quiet_s=quiet_s)


@asynccontextmanager
async def tcp_server(serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[TcpLink]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield TcpLink(device="scale", host="127.0.0.1", port=port, quiet_s=0.05, sends="weights")


async def test_a_serial_line_carries_both_ways() -> None:
    terminal = Terminal()
    async with terminal.link().opened() as line:
        os.write(terminal.master, b"1.0 kg\r\n")
        assert await line.read() == b"1.0 kg\r\n"
        await line.write(b"SI\r\n")
        assert os.read(terminal.master, 10) == b"SI\r\n"
    os.close(terminal.master)


async def test_a_quiet_line_reads_as_nothing() -> None:
    terminal = Terminal()
    async with terminal.link(0.01).opened() as line:
        assert await line.read() == b""
    os.close(terminal.master)


async def test_every_byte_of_a_flood_arrives_in_order() -> None:
    terminal = Terminal()
    sent = bytes(range(1, 251)) * 800
    async with terminal.link().opened() as line:
        flood = asyncio.to_thread(_write_all, terminal.master, sent)
        writing, received = asyncio.ensure_future(flood), b""
        while len(received) < len(sent):
            received += await line.read()
        await writing
    os.close(terminal.master)
    assert received == sent


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


async def test_a_port_that_another_program_holds_is_an_error_that_says_so() -> None:
    terminal = Terminal()
    async with terminal.link().opened():
        with pytest.raises(ReaderError, match=r"scale: cannot open .*no other program holds it"):
            async with terminal.link().opened():
                pass
    os.close(terminal.master)


async def test_a_closed_port_can_be_opened_at_once() -> None:
    terminal = Terminal()
    for _ in range(3):
        async with terminal.link().opened() as line:
            os.write(terminal.master, b"x")
            assert await line.read() == b"x"
    os.close(terminal.master)


async def test_an_unplugged_port_is_an_error() -> None:
    terminal = Terminal()
    async with terminal.link().opened() as line:
        os.close(terminal.master)
        with pytest.raises(ReaderError, match=r"scale: the serial port /dev/pts/\d+ failed .*whether the device was unplugged"):
            await line.read()


async def test_a_missing_port_names_those_there_are() -> None:
    link = SerialLink(device="scale", port="/dev/nope", line=SerialLine(), quiet_s=0.05)
    with pytest.raises(ReaderError, match=r"cannot open the serial port /dev/nope .*/dev/serial/by-id has: "):
        async with link.opened():
            pass


async def test_a_connection_carries_both_ways_and_its_end_is_an_error() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"heard " + await reader.readexactly(2))

    async with tcp_server(serve) as link, link.opened() as line:
        await line.write(b"SI")
        assert await line.read() == b"heard SI"
        with pytest.raises(ReaderError, match=r"scale: the connection to 127.0.0.1:\d+ ended \(closed by the server\)"):
            await line.read()


async def test_a_server_that_refuses_is_an_error() -> None:
    async def serve(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None: ...

    async with tcp_server(serve) as link:
        pass
    with pytest.raises(ReaderError, match=r"scale: cannot connect to 127.0.0.1:\d+"):
        async with link.opened():
            pass


def test_silence_is_told_once_until_something_is_heard() -> None:
    silence = Silence(10, 0)
    assert [silence.due(at) for at in (9, 10, 30)] == [False, True, False]
    silence.heard(40)
    assert [silence.due(at) for at in (49, 51)] == [False, True]


def test_the_clock_of_whoever_listens_goes_only_while_he_does() -> None:
    """A gateway that stood still for a minute has not heard a minute of silence."""
    real = iter([100.0, 100.2, 100.9, 160.9, 161.9, 170.0])
    now = Listening(lambda: next(real))
    assert [round(now() - 100, 3) for _ in range(5)] == [0.2, 0.9, 1.9, 2.9, 3.9]


@pytest.mark.parametrize(
    ("address", "expected"), [("10.0.0.7:4001", ("10.0.0.7", 4001)), ("[::1]:80", ("::1", 80)), ("hut:1", ("hut", 1))]
)
def test_addresses(address: str, expected: tuple[str, int]) -> None:
    assert host_and_port("address", address) == expected


@pytest.mark.parametrize("address", ["", "hut", ":80", "[]:80", "hut:0", "hut:65536", "hut:x", "hut:٣", "hut:" + "1" * 5000])
def test_what_is_no_address_names_its_key(address: str) -> None:
    with pytest.raises(SettingsError, match="gpsd: must be host:port"):
        host_and_port("gpsd", address)


def test_the_settings_of_the_reader_come_before_those_of_the_profile() -> None:
    declared = SerialLine(baudrate=4800, parity="even", bytesize=7)
    assert serial_line(declared, baudrate=2400) == SerialLine(baudrate=2400, parity="even", bytesize=7)
    with pytest.raises(SettingsError, match="12345 is not a serial speed"):
        serial_line(None, baudrate=12345)


def test_a_profile_that_is_not_there_is_named_with_the_nearest() -> None:
    profile = DeviceProfile(id="mt-sics", kind="sensor", title_en="", title_zh="")
    assert profile_of("mt-sics", {"mt-sics": profile}) is profile
    with pytest.raises(SettingsError, match="did you mean 'mt-sics'"):
        profile_of("mt-sic", {"mt-sics": profile})


def test_an_empty_port_is_refused() -> None:
    with pytest.raises(SettingsError, match="port: is empty"):
        link_of("scale", port=" ", address=None, line=SerialLine(), quiet_s=1)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_refused_connection_is_told_in_the_systems_words(host):
    with pytest.raises(OSError, match=r"111|Multiple") as caught:
        await asyncio.open_connection(host, free_port())
    assert reason(caught.value) == "Connection refused"


def test_a_name_with_several_addresses_tells_each_reason_once():
    error = OSError(
        "Multiple exceptions: [Errno 113] Connect call failed ('10.0.0.7', 502), "
        "[Errno 101] Connect call failed ('fe80::1', 502, 0, 0), [Errno 113] Connect call failed ('10.0.0.8', 502)"
    )
    assert reason(error) == "No route to host, Network is unreachable"


async def test_a_port_that_is_not_there_or_taken_is_told_in_few_words():
    absent = SerialLink(device="scale", port="/dev/ttyUSB77", line=SerialLine(), quiet_s=0.05)
    with pytest.raises(
        ReaderError, match=r"cannot open the serial port /dev/ttyUSB77 \(No such file or directory\); check that"
    ):
        async with absent.opened():
            pass
    terminal = Terminal()
    async with terminal.link().opened():
        with pytest.raises(ReaderError, match=r"\(another program has it open\); check that no other program holds it"):
            async with terminal.link().opened():
                pass
