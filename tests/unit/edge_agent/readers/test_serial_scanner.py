"""The serial scanner on a pseudo-terminal: what a real port does to it."""

import asyncio
import json
import os
import time
import tomllib
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from edge_agent import gs1
from edge_agent.reader import Capture, Context, ReaderError
from edge_agent.readers import serial_scanner
from edge_agent.readers.serial_scanner import port as port_module
from edge_agent.readers.serial_scanner import scanner as scanner_module
from edge_agent.readers.serial_scanner.port import Port
from edge_agent.scanner import label
from edge_agent.supervisor import Supervisor
from plumbline import profile, settings
from plumbline.errors import PlumblineError, SettingsError
from plumbline.event import ClockReading, Scan

FOLDER = Path(serial_scanner.__file__).parent
PROFILES = {
    "scanner": profile.DeviceProfile(id="scanner", kind="scanner", title_en="S", title_zh="扫", framing=profile.Framing())
}
HEADER = {
    "id": "01890a5d-ac96-774b-bcce-b302099a8057",
    "site": "s",
    "gateway": "g",
    "device": "gate",
    "at": 1,
    "clock": ClockReading(quality="ntp", boot="b", mono=1),
    "epoch": "e",
    "seq": 1,
}


class Bench:
    """A scanner's end of the line, and what the reader made of what came through it."""

    def __init__(self, **values: object) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.port = os.ttyname(self.slave)
        self.scans: list[Scan] = []
        self.reports: list[str] = []
        self.hold: asyncio.Event | None = None
        self._ready = 0
        self.entered = asyncio.Event()
        self._changed = asyncio.Event()
        self.settings = settings.convert({"port": self.port, **values}, serial_scanner.Settings, "test")
        self.reader = serial_scanner.build("gate", self.settings, Context(profiles=PROFILES, report=self.report))

    async def emit(self, capture: Capture) -> None:
        assert capture.device == "gate"
        event = capture.event(**HEADER)
        assert isinstance(event, Scan)
        if self.hold is not None and not event.text.startswith("READY"):
            self.entered.set()
            await self.hold.wait()
        self.scans.append(event)
        self._changed.set()

    def report(self, device: str, what: str) -> None:
        assert device == "gate"
        self.reports.append(what)
        self._changed.set()

    @property
    def texts(self) -> list[str]:
        return [scan.text for scan in self.scans if not scan.text.startswith("READY")]

    def send(self, data: bytes) -> None:
        os.write(self.master, data)

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def ready(self) -> None:
        """Send labels until the last of them comes through: what is sent before the port is open is lost."""
        framing = self.reader._framing
        head = f"{framing.prefix}{']X0' if framing.symbology_identifier else ''}READY-"

        def through() -> bool:
            return any(scan.text.endswith(f"READY-{self._ready}") for scan in self.scans)

        while True:
            self._ready += 1
            self.send(f"{head}{self._ready}{framing.suffix}".encode())
            with suppress(TimeoutError):
                await asyncio.wait_for(self.until(through), 0.3)
                return

    def close(self) -> None:
        for end in (self.master, self.slave):
            with suppress(OSError):
                os.close(end)


@asynccontextmanager
async def running(**values: object) -> AsyncIterator[tuple[Bench, asyncio.Task[None]]]:
    bench = Bench(**values)
    task = asyncio.create_task(bench.reader.run(bench.emit), name="scanner")
    try:
        await bench.ready()
        yield bench, task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, ReaderError):
            await task
        bench.close()


@pytest.mark.parametrize("case", sorted((FOLDER / "testcases").iterdir()), ids=lambda case: case.name)
async def test_each_test_case_gives_what_it_expects(case: Path):
    steps = json.loads((case / "input.json").read_text())
    expected = json.loads((case / "expected.json").read_text())
    async with running(**tomllib.loads((case / "config.toml").read_text())) as (bench, _):
        for step in steps:
            if step is None:
                seen = len(bench.scans) + len(bench.reports)
                await bench.until(lambda seen=seen: len(bench.scans) + len(bench.reports) > seen)
            else:
                bench.send(step.encode("latin-1"))
        await bench.ready()
        scans = [
            {"text": s.text, "symbology": s.symbology, "format": s.format, "gs1": s.gs1 and [list(pair) for pair in s.gs1]}
            for s in bench.scans
            if not s.text.startswith("READY")
        ]
        assert {"scans": scans, "faults": bench.reports} == expected


async def test_a_label_may_arrive_byte_by_byte():
    async with running() as (bench, _):
        for byte in b"PL1:PO-2041/10/3\r\n":
            bench.send(bytes([byte]))
            await asyncio.sleep(0)
        await bench.until(lambda: bool(bench.texts))
        assert bench.texts == ["PL1:PO-2041/10/3"]


async def test_a_burst_of_labels_gives_each_of_them_in_order():
    labels = [f"PL1:PO-1/{i}" for i in range(100)]
    async with running() as (bench, _):
        bench.send("".join(f"{label}\r\n" for label in labels).encode())
        await bench.until(lambda: len(bench.texts) == len(labels))
        assert bench.texts == labels


async def test_a_flood_waits_in_the_line_while_the_disk_is_slow():
    async with running() as (bench, _):
        bench.hold = asyncio.Event()
        os.set_blocking(bench.master, False)
        sent = bytearray()
        with suppress(BlockingIOError):
            for i in range(200_000):
                label = b"FLOOD-%06d\r\n" % i
                wrote = os.write(bench.master, label)
                sent += label[:wrote]
                if wrote < len(label):
                    break
                if i % 100 == 0:
                    await asyncio.sleep(0)
        assert len(sent) < 14 * 200_000
        assert bench.texts == []
        labels = sent.decode().split("\r\n")[:-1]
        bench.hold.set()
        await bench.until(lambda: len(bench.texts) >= len(labels))
        assert bench.texts == labels


async def test_garbage_is_reported_and_the_next_label_read():
    async with running(max_bytes=64, idle_timeout_s=0.3) as (bench, _):
        bench.send(os.urandom(3000).replace(b"\r", b"x"))
        await bench.until(lambda: bool(bench.reports))
        bench.send(b"\r\nGOOD\r\n")
        await bench.until(lambda: bool(bench.texts))
        assert bench.texts == ["GOOD"]
        assert "more than 64 bytes" in bench.reports[0]


async def test_without_a_suffix_silence_ends_the_label():
    async with running(suffix="", idle_timeout_s=0.05) as (bench, _):
        bench.send(b"NO SUFFIX")
        await bench.until(lambda: bool(bench.texts))
        assert bench.texts == ["NO SUFFIX"]


async def test_a_gateway_that_stood_still_in_a_label_does_not_take_its_half_for_a_whole_label(monkeypatch):
    reads: list[bytes] = []

    def read_available(port: Port) -> bytes:
        reads.append(port_module.read_available(port))
        return reads[-1]

    monkeypatch.setattr(scanner_module, "read_available", read_available)
    async with running(idle_timeout_s=2.0) as (bench, _):
        bench.send(b"PL1:PO-2041")
        while not (reads[-1] == b"" and b"PL1:PO-2041" in b"".join(reads)):  # noqa: ASYNC110 - a thread reads
            await asyncio.sleep(0)
        time.sleep(2.3)  # noqa: ASYNC251 - nothing runs: swapped out, or the disk hangs
        bench.send(b"/10/3\r\n")
        await bench.until(lambda: bool(bench.texts or bench.reports))
        assert (bench.texts, bench.reports) == (["PL1:PO-2041/10/3"], [])


async def test_a_serial_scanner_that_was_suspended_with_the_gateway_has_its_time_to_go_on(monkeypatch):
    """A bus that slept brings the rest of a label a moment after the agent woke."""
    reads: list[bytes] = []

    def read_available(port: Port) -> bytes:
        reads.append(port_module.read_available(port))
        return reads[-1]

    monkeypatch.setattr(scanner_module, "read_available", read_available)
    async with running(idle_timeout_s=2.0) as (bench, _):
        bench.send(b"PL1:PO-2041")
        while not (reads[-1] == b"" and b"PL1:PO-2041" in b"".join(reads)):  # noqa: ASYNC110 - a thread reads
            await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(2.5, bench.send, b"/10/3\r\n")
        time.sleep(2.3)  # noqa: ASYNC251 - nothing runs: suspended
        await bench.until(lambda: bool(bench.texts or bench.reports))
        assert (bench.texts, bench.reports) == (["PL1:PO-2041/10/3"], [])


async def test_unplugging_names_the_port_and_what_to_check():
    async with running() as (bench, task):
        os.close(bench.slave)
        os.close(bench.master)
        with pytest.raises(ReaderError, match=f"gate: {bench.port} went away .*check its plug and cable"):
            await task


async def test_plugged_in_again_the_same_reader_runs_again(tmp_path: Path):
    link = tmp_path / "by-id"
    bench = Bench(port=str(link))
    link.symlink_to(bench.port)
    first = asyncio.create_task(bench.reader.run(bench.emit))
    await bench.ready()
    os.close(bench.slave)
    os.close(bench.master)
    with pytest.raises(ReaderError):
        await first
    bench.master, bench.slave = os.openpty()
    tty.setraw(bench.slave)
    link.unlink()
    link.symlink_to(os.ttyname(bench.slave))
    second = asyncio.create_task(bench.reader.run(bench.emit))
    await bench.ready()
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    bench.close()


async def test_under_the_supervisor_a_scanner_goes_on_by_itself_when_it_is_plugged_in_again(tmp_path: Path):
    link = tmp_path / "by-id"
    bench = Bench(port=str(link))
    link.symlink_to(bench.port)
    supervisor = Supervisor(bench.emit, first_s=0.01, chance=lambda: 0.0)
    supervisor.add("gate", bench.reader)
    running = asyncio.create_task(supervisor.run())
    for _ in range(3):
        await bench.ready()
        link.unlink()
        bench.close()
        bench.master, bench.slave = os.openpty()
        tty.setraw(bench.slave)
        link.symlink_to(os.ttyname(bench.slave))
    await bench.ready()
    bench.send(b"BACK\r\n")
    await bench.until(lambda: bench.texts == ["BACK"])
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    bench.close()


async def test_a_label_that_a_device_server_sends_in_pieces_is_one():
    async with running(suffix="", idle_timeout_s=0.15) as (bench, _):
        for piece in (b"PL1:", b"PO-1/", b"10"):
            bench.send(piece)
            await asyncio.sleep(0)
        await bench.until(lambda: bool(bench.texts))
        assert bench.texts == ["PL1:PO-1/10"]


async def test_a_check_says_how_the_port_is_open_and_what_was_read_meanwhile():
    bench = Bench()
    assert await bench.reader.check(0.05) == "open at 9600 baud, 8N1; nothing was scanned meanwhile"
    checking = asyncio.create_task(bench.reader.check(30))
    while not checking.done():
        bench.send(b"PL1:A/1\r\n")
        await asyncio.wait([checking], timeout=0.1)
    assert "read a label: 'PL1:A/1'" in await checking
    assert bench.scans == []
    bench.close()


async def test_a_check_of_a_scanner_without_suffix_or_port_says_what_to_look_at():
    bench = Bench()
    checking = asyncio.create_task(bench.reader.check(0.5))
    while not checking.done():
        bench.send(b"NO SUFFIX")
        await asyncio.wait([checking], timeout=0.1)
    with pytest.raises(ReaderError, match=r"no suffix .* followed.*scanner card"):
        await checking
    bench.close()
    with pytest.raises(ReaderError, match="cannot be opened"):
        await bench.reader.check(0.1)


async def test_an_ambiguous_label_keeps_its_candidates_and_is_reported(monkeypatch: pytest.MonkeyPatch):
    readings = (((("10", "A21B"),)), (("10", "A"), ("21", "B")))
    content = gs1.ScanContent(text="10A21B", candidates=readings)
    async with running() as (bench, _):
        monkeypatch.setattr(label, "read_scan", lambda *_, **__: content)
        bench.send(b"10A21B\r\n")
        await bench.until(lambda: bool(bench.texts) and bool(bench.reports))
        assert bench.scans[-1].gs1 is None
        assert bench.scans[-1].candidates == readings
        assert "2 ways" in bench.reports[-1]


async def test_a_port_that_is_not_there_is_named_with_what_to_check():
    bench = Bench(port="/dev/serial/by-id/none")
    bench.close()
    with pytest.raises(ReaderError, match=r"gate: /dev/serial/by-id/none cannot be opened \(No such file.*dialout"):
        await bench.reader.run(bench.emit)


async def test_a_port_that_another_program_has_is_said_to_be_taken():
    async with running() as (bench, _):
        with pytest.raises(ReaderError, match=r"cannot be opened \(another program has it open\); check"):
            await Bench(port=bench.port).reader.check(0.1)


async def test_the_scanner_hears_accepted_only_after_the_event_is_kept():
    async with running(accept="\x07OK") as (bench, _):
        heard = bytearray()
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()

        def hear() -> None:
            heard.extend(os.read(bench.master, 100))
            changed.set()

        async def until_heard(count: int) -> None:
            while heard.count(b"\x07OK") < count:
                changed.clear()
                await changed.wait()

        loop.add_reader(bench.master, hear)
        await until_heard(len(bench.scans))
        bench.hold = asyncio.Event()
        bench.send(b"LABEL\r\n")
        await bench.entered.wait()
        accepted = len(bench.scans)
        assert heard == b"\x07OK" * accepted
        bench.hold.set()
        await until_heard(accepted + 1)
        loop.remove_reader(bench.master)
        assert bench.texts == ["LABEL"]
        assert heard == b"\x07OK" * len(bench.scans)


async def test_a_scanner_behind_a_serial_device_server_is_read_too():
    lines: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.put_nowait(writer)

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        bench = Bench(port=f"socket://127.0.0.1:{port}")
        task = asyncio.create_task(bench.reader.run(bench.emit))
        line = await lines.get()
        bench.send = line.write
        await bench.ready()
        line.write(b"PL1:A/1\r\nPL1:A/2\r\n")
        await bench.until(lambda: len(bench.texts) == 2)
        assert bench.texts == ["PL1:A/1", "PL1:A/2"]
        line.close()
        with pytest.raises(ReaderError, match="went away"):
            await task
    bench.close()


async def test_a_failure_to_keep_the_event_passes_through_unaccepted():
    async with running(accept="\x07") as (bench, task):

        async def full(_: Capture) -> None:
            raise PlumblineError("the disk is full")

        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        again = asyncio.create_task(bench.reader.run(full))
        while not again.done():
            bench.send(b"LABEL\r\n")
            await asyncio.wait([again], timeout=0.1)
        with pytest.raises(PlumblineError, match="disk is full"):
            await again


async def test_a_repeat_within_the_window_is_one_scan():
    async with running(repeat_window_s=3600) as (bench, _):
        bench.send(b"A\r\nA\r\nB\r\nA\r\nC\r\n")
        await bench.until(lambda: "C" in bench.texts)
        assert bench.texts == ["A", "B", "C"]


async def test_another_program_on_the_same_port_is_refused():
    async with running() as (bench, _):
        other = serial_scanner.build("other", bench.settings, Context())
        with pytest.raises(ReaderError, match="nothing else reads it"):
            await other.run(bench.emit)


def test_the_sample_is_what_build_takes():
    table = tomllib.loads((FOLDER / "sample.toml").read_text())
    assert (table.pop("type"), table.pop("name")) == ("serial_scanner", "gate-scanner")
    profiles = profile.load_all(Path(__file__).parents[4] / "firmware_configs")
    serial_scanner.build("gate-scanner", settings.convert(table, serial_scanner.Settings, "sample"), Context(profiles=profiles))


def test_every_setting_stands_in_the_sample_and_none_is_unknown():
    sample = (FOLDER / "sample.toml").read_text()
    assert [key for key in serial_scanner.Settings.__struct_fields__ if f"{key} =" not in sample] == []


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "port: is missing"),
        ({"port": "p", "bauds": 1}, "bauds: is not a setting here"),
        ({"port": "p", "profile": "nothing"}, "profile: there is no profile 'nothing'; known are: scanner"),
        ({"port": "p", "suffix": "終"}, "suffix: .* is not ASCII"),
        ({"port": "p", "max_bytes": 100_000}, "max_bytes: "),
    ],
)
def test_a_wrong_setting_is_named(table, message):
    with pytest.raises(SettingsError, match=message):
        serial_scanner.build("gate", settings.convert(table, serial_scanner.Settings, "t"), Context(profiles=PROFILES))


def test_settings_override_the_profile():
    own = settings.convert({"port": "p", "profile": "scanner", "suffix": "\r"}, serial_scanner.Settings, "t")
    reader = serial_scanner.build("gate", own, Context(profiles=PROFILES))
    assert reader._framing.suffix == "\r"
    assert reader._idle_timeout_s == 2.0
