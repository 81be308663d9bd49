"""The NMEA reader at its links: a pseudo-terminal, a TCP server, a file."""

import asyncio
import json
import tomllib
from pathlib import Path

import pytest

from edge_agent.nmea.sentence import checksum_of
from edge_agent.reader import Capture, Context, Reader, ReaderError
from edge_agent.readers import nmea
from plumbline import settings
from plumbline.errors import SettingsError
from plumbline.profile import DeviceProfile, SerialLine
from tests.kept import Kept, Terminal, running, tcp_server

FOLDER = Path(nmea.__file__).parent


def framed(body: str) -> bytes:
    return b"$%s*%02X\r\n" % (body.encode(), checksum_of(body.encode()))


def cycle(second: int, *, fix: bool = True) -> bytes:
    time = f"0630{second:02}.00"
    bodies = [
        f"GNGGA,{time},3114.8800,N,12128.4200,E,{int(fix)},09,0.9,12.3,M,8.3,M,,",
        f"GNRMC,{time},{'A' if fix else 'V'},3114.8800,N,12128.4200,E,1.9,87.5,101126,,,A",
    ]
    return b"".join(map(framed, bodies))


def reader_of(kept: Kept, base: Path = Path(), **keys) -> Reader:
    context = Context(report=kept.report, base=base)
    keys = {"confirm_s": 0.1} | keys if "file" not in keys else keys
    return nmea.build("crane", settings.convert(keys, nmea.Settings, "test"), context)


class Receiver(Terminal):
    """A receiver on a pseudo-terminal."""

    second = 0

    def tell(self, *, fix: bool = True) -> None:
        """Send the cycle of the next second."""
        self.second = (self.second + 1) % 60
        self.send(cycle(self.second, fix=fix))


@pytest.mark.parametrize("case", sorted(path.name for path in (FOLDER / "testcases").iterdir()))
async def test_case(case: str) -> None:
    folder = FOLDER / "testcases" / case
    kept = Kept()
    expected = json.loads((folder / "expected.json").read_text())
    keys = tomllib.loads((folder / "config.toml").read_text())
    async with running(reader_of(kept, folder, file="input.nmea", **keys), kept):
        await kept.until(lambda: len(kept.captures) >= len(expected))
    found = [
        {
            "at_ns": capture.at_ns,
            "lat": fix.lat,
            "lon": fix.lon,
            "mode": fix.mode,
            "alt_m": fix.alt_m,
            "accuracy_m": fix.accuracy_m,
        }
        for capture, fix in zip(kept.captures, kept.fixes(), strict=True)
    ]
    assert found == [pytest.approx(row) for row in expected]


def test_the_sample_is_a_configuration() -> None:
    table = tomllib.loads((FOLDER / "sample.toml").read_text())
    assert table.pop("type") == "nmea"
    profile = DeviceProfile(id="u-blox-neo-m8", kind="receiver", title_en="", title_zh="", serial=SerialLine(baudrate=38400))
    nmea.build(table.pop("name"), settings.convert(table, nmea.Settings, "sample"), Context(profiles={profile.id: profile}))


def test_every_setting_is_documented() -> None:
    text = (FOLDER / "README.md").read_text()
    assert [name for name in nmea.Settings.__struct_fields__ if f"`{name}`" not in text] == []


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "port, address, file: exactly one must be given, found none"),
        ({"port": "/dev/x", "file": "y"}, "found port and file"),
        ({"port": "/dev/x", "profile": "nope"}, "there is no device profile 'nope'"),
        ({"port": "/dev/x", "baudrate": 12345}, "12345 is not a serial speed"),
        ({"address": "10.0.0.7"}, "must be host:port"),
    ],
)
def test_wrong_settings_name_their_key(keys, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        reader_of(Kept(), **keys)


async def test_fixes_of_a_serial_port_arrive_when_the_line_falls_quiet() -> None:
    kept, terminal = Kept(), Receiver()
    async with running(reader_of(kept, port=terminal.path, quiet_s=0.05), kept):
        await kept.until_fed(lambda: bool(kept.captures), terminal.tell)
        terminal.send(b"\xb5\x62\x00" + cycle(59))
        await kept.until(lambda: kept.captures[-1].at_ns == 1_794_292_259_000_000_000)
    terminal.unplug()
    fix = kept.fixes()[-1]
    assert (fix.lat, fix.mode, fix.accuracy_m) == (pytest.approx(31.248), 3, 4.5)


async def test_a_receiver_that_is_unplugged_is_an_error_that_names_it() -> None:
    kept, terminal = Kept(), Receiver()
    async with running(reader_of(kept, port=terminal.path, quiet_s=0.05), kept) as task:
        await kept.until_fed(lambda: bool(kept.captures), terminal.tell)
        terminal.unplug()
        with pytest.raises(ReaderError, match=r"^crane: the serial port .* failed .*; check whether the device was unplugged"):
            await task


async def test_a_port_that_is_not_there_is_an_error_that_says_where_to_look() -> None:
    kept = Kept()
    with pytest.raises(ReaderError, match=r"crane: cannot open the serial port /dev/nope .*by-id"):
        await reader_of(kept, port="/dev/nope").run(kept.emit)


async def test_a_port_can_be_read_again_after_cancelling() -> None:
    kept, terminal = Kept(), Receiver()
    reader = reader_of(kept, port=terminal.path, quiet_s=0.05)
    for _ in range(2):
        async with running(reader, kept):
            kept.captures.clear()
            await kept.until_fed(lambda: bool(kept.captures), terminal.tell)
    terminal.unplug()


async def test_silence_is_reported_once_with_what_to_check() -> None:
    kept, terminal = Kept(), Receiver()
    async with running(reader_of(kept, port=terminal.path, quiet_s=0.01, silence_s=0.05, confirm_s=0), kept):
        await kept.until(lambda: bool(kept.reports))
        terminal.send(b"\x80\xff" * 40 + cycle(1))
        await kept.until(lambda: len(kept.captures) == 1)
        terminal.send(b"\x80\xff" * 40)
        await kept.until(lambda: len(kept.reports) == 2)
    terminal.unplug()
    assert "nothing received" in kept.reports[0]
    assert "80 bytes but no NMEA sentence" in kept.reports[1]
    assert "9600 baud" in kept.reports[1]


async def test_a_receiver_without_a_fix_emits_nothing_and_is_reported() -> None:
    kept, terminal = Kept(), Receiver()
    async with running(reader_of(kept, port=terminal.path, quiet_s=0.01, no_fix_s=0.1), kept):
        await kept.until_fed(lambda: bool(kept.reports), lambda: terminal.tell(fix=False))
    terminal.unplug()
    assert kept.captures == []
    assert "crane: no fix (9 satellites used) for 0.1 s; check the antenna" in kept.reports[0]


async def test_a_receiver_whose_time_stands_still_is_reported() -> None:
    kept, terminal = Kept(), Receiver()
    async with running(reader_of(kept, port=terminal.path, quiet_s=0.01, silence_s=0.2, confirm_s=0), kept):
        await kept.until_fed(lambda: bool(kept.reports), lambda: terminal.send(cycle(1)), every_s=0.03)
    terminal.unplug()
    assert len(kept.captures) == 1
    assert "its time stands still" in kept.reports[0]


async def test_a_receiver_that_sends_no_position_at_all_is_reported() -> None:
    kept, terminal = Kept(), Receiver()
    async with running(reader_of(kept, port=terminal.path, quiet_s=0.01, no_fix_s=0.1), kept):
        await kept.until_fed(lambda: bool(kept.reports), lambda: terminal.send(framed("GPTXT,01,01,02,u-blox ag")))
    terminal.unplug()
    assert "no sentence about a position" in kept.reports[0]


async def test_a_tcp_server_is_read_until_it_closes() -> None:
    kept = Kept()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(cycle(1) + cycle(2) + cycle(3))
        await kept.until(lambda: len(kept.captures) == 3)

    async with tcp_server(serve) as address:
        with pytest.raises(ReaderError, match=r"crane: the connection to 127.0.0.1:\d+ ended \(closed by the server\)"):
            await reader_of(kept, address=address, quiet_s=0.05).run(kept.emit)


async def test_a_silent_tcp_server_is_left_so_that_it_is_opened_again() -> None:
    kept, over = Kept(), asyncio.Event()

    async def serve(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await over.wait()

    async with tcp_server(serve) as address:
        with pytest.raises(ReaderError, match="crane: nothing received for"):
            await reader_of(kept, address=address, quiet_s=0.01, silence_s=0.03).run(kept.emit)
        over.set()


async def test_a_tcp_server_that_refuses_is_an_error() -> None:
    async with tcp_server(lambda *_: asyncio.sleep(0)) as address:
        pass
    with pytest.raises(ReaderError, match="crane: cannot connect"):
        await reader_of(kept := Kept(), address=address).run(kept.emit)


async def test_a_log_is_replayed_once_and_goes_on_where_the_outbox_failed(tmp_path: Path) -> None:
    (tmp_path / "log.nmea").write_bytes(b"".join(map(cycle, range(5))))
    kept = Kept()
    reader = reader_of(kept, tmp_path, file="log.nmea", pace=100_000)

    async def failing(capture: Capture) -> None:
        if len(kept.captures) == 2:
            raise OSError("disk full")
        await kept.emit(capture)

    with pytest.raises(OSError, match="disk full"):
        await reader.run(failing)
    async with running(reader, kept):
        await kept.until(lambda: len(kept.captures) == 5)
    async with running(reader, kept) as task:
        await asyncio.sleep(0)
        assert not task.done()
    assert len({capture.at_ns for capture in kept.captures}) == 5


async def test_a_log_without_a_fix_is_reported(tmp_path: Path) -> None:
    (tmp_path / "log.nmea").write_bytes(cycle(1, fix=False))
    kept = Kept()
    async with running(reader_of(kept, tmp_path, file="log.nmea"), kept):
        await kept.until(lambda: bool(kept.reports))
    assert "there is no fix in" in kept.reports[0]


async def test_a_missing_log_is_an_error() -> None:
    kept = Kept()
    with pytest.raises(ReaderError, match="crane: cannot read nope"):
        await reader_of(kept, file="nope").run(kept.emit)


async def test_a_check_says_what_the_receiver_sends() -> None:
    kept, over = Kept(), asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(map(cycle, range(4))))
        await over.wait()

    async with tcp_server(serve) as address:
        said = await reader_of(kept, address=address, quiet_s=0.05).check(20)
        over.set()
    assert said == f"{address}: 8 sentences, a 3D fix with 9 satellites, good to 4.5 m"
    assert kept.captures == []


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"", "nothing received in"),
        (b"\x80\xff" * 9, "18 bytes but no NMEA sentence in .*, beginning .*whether it is a receiver"),
    ],
)
async def test_a_check_of_what_sends_no_sentence_fails(sent: bytes, message: str) -> None:
    over = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await over.wait()

    async with tcp_server(serve) as address:
        with pytest.raises(ReaderError, match=message):
            await reader_of(Kept(), address=address, quiet_s=0.05).check(0.2)
        over.set()


async def test_a_check_reads_a_log(tmp_path: Path) -> None:
    (tmp_path / "log.nmea").write_bytes(cycle(1) + cycle(2) + cycle(3, fix=False))
    said = await reader_of(Kept(), tmp_path, file="log.nmea").check(20)
    assert said.endswith("log.nmea: 1 fixes, 2 instants without a fix")  # the second is taken back by the third


async def test_positions_that_nobody_measured_are_sent_only_where_that_is_asked_for(tmp_path: Path) -> None:
    reckoned = cycle(1).replace(b",1,09,", b",6,09,").replace(b"*77", b"*70")
    bodies = [line.partition(b"*")[0][1:].decode() for line in reckoned.splitlines()]
    (tmp_path / "log.nmea").write_bytes(b"".join(map(framed, bodies)))
    asked, kept = Kept(), Kept()
    async with running(reader_of(asked, tmp_path, file="log.nmea", estimated=True), asked):
        await asked.until(lambda: len(asked.captures) == 1)
    async with running(reader_of(kept, tmp_path, file="log.nmea"), kept):
        await kept.until(lambda: bool(kept.reports))
    assert kept.captures == []


async def test_two_receivers_on_one_line_are_reported_and_neither_is_sent() -> None:
    kept, over = Kept(), asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other = framed("GPGGA,063001.00,3115.8800,N,12128.4200,E,1,05,1.9,12.3,M,8.3,M,,")
        writer.write(cycle(1) + other + cycle(2))
        await kept.until(lambda: bool(kept.captures) and bool(kept.reports))
        over.set()

    async with tcp_server(serve) as address, running(reader_of(kept, address=address, quiet_s=0.05), kept):
        await over.wait()
    assert [capture.at_ns for capture in kept.captures] == [1_794_292_202_000_000_000]
    assert "two places more than 100 m apart at one instant" in kept.reports[0]


async def test_the_receiver_that_is_named_is_listened_to_where_several_share_a_line() -> None:
    kept, over = Kept(), asyncio.Event()

    def tagged(source: str, data: bytes) -> bytes:
        tag = f"s:{source},c:1".encode()
        return b"".join(b"\\%s*%02X\\%s" % (tag, checksum_of(tag), line) for line in data.splitlines(keepends=True))

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in b"".join(tagged("mast", cycle(at)) + tagged("hook", cycle(at + 20)) for at in (1, 2)):
            writer.write(bytes([byte]))  # the cut of the chunks must not matter
        await kept.until(lambda: len(kept.captures) == 2)
        over.set()

    keys = {"quiet_s": 0.05, "source": "hook", "interval_s": 0}
    async with tcp_server(serve) as address, running(reader_of(kept, address=address, **keys), kept):
        await over.wait()
    assert kept.seconds() == [21, 22]
    assert "several receivers on one line (hook, mast)" in kept.reports[0]


async def test_a_receiver_that_was_unplugged_is_read_again_under_the_same_path(tmp_path: Path) -> None:
    kept, by_id = Kept(), tmp_path / "usb-receiver-if00"
    for _ in range(2):
        terminal = Receiver()
        by_id.unlink(missing_ok=True)
        by_id.symlink_to(terminal.path)
        kept.captures.clear()
        async with running(reader_of(kept, port=str(by_id), quiet_s=0.02, confirm_s=0), kept) as task:
            await kept.until_fed(lambda: bool(kept.captures), terminal.tell)
            terminal.unplug()
            with pytest.raises(ReaderError, match="opened again when it is back"):
                await task


async def test_at_most_one_fix_in_the_interval() -> None:
    kept, terminal = Kept(), Receiver()
    async with running(reader_of(kept, port=terminal.path, quiet_s=0.05, interval_s=5), kept):
        await kept.until_fed(lambda: len(kept.captures) >= 3, terminal.tell)
    terminal.unplug()
    first, *rest = kept.seconds()
    assert rest == [first + 5, first + 10]
