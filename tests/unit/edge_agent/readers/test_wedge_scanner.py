"""The wedge scanner on a pipe that carries the kernel's own records, and, where the kernel lets us, on a real input device."""

import asyncio
import fcntl
import json
import os
import struct
import termios
import time
import tomllib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from edge_agent.reader import Capture, Context, ReaderError
from edge_agent.readers import wedge_scanner
from edge_agent.readers.wedge_scanner.input_device import EV_KEY, EV_SYN, INPUT_EVENT, SYN_DROPPED
from edge_agent.supervisor import Supervisor
from plumbline import profile, settings
from plumbline.errors import SettingsError
from plumbline.event import Scan
from tests.scanner_model import type_text

FOLDER = Path(wedge_scanner.__file__).parent
PROFILES = profile.load_all(Path(__file__).parents[4] / "firmware_configs")


def records(strokes: Iterable[tuple[int, int]], *, at_us: int, step_us: int = 2000) -> bytes:
    """What the kernel writes for key events: each with its SYN_REPORT."""
    data = b""
    for i, (code, value) in enumerate(strokes):
        stamp = divmod(at_us + i * step_us, 1_000_000)
        data += INPUT_EVENT.pack(*stamp, EV_KEY, code, value) + INPUT_EVENT.pack(*stamp, EV_SYN, 0, 0)
    return data


class Bench:
    """A scanner's end of a pipe, and what the reader made of what came through it."""

    def __init__(self, path: Path, **values: object) -> None:
        self.path = path
        if not path.exists():
            os.mkfifo(path)
        self.scans: list[dict[str, object]] = []
        self.reports: list[str] = []
        self.hold: asyncio.Event | None = None
        self.entered = asyncio.Event()
        self.end: int | None = None
        self._changed = asyncio.Event()
        self._at_us = 0
        table = {"device": str(path), "grab": False, **values}
        own = settings.convert(table, wedge_scanner.Settings, "test")
        self.reader = wedge_scanner.build("store", own, Context(profiles=PROFILES, report=self.report))

    async def emit(self, capture: Capture) -> None:
        assert capture.device == "store"
        assert capture.event.func is Scan
        if self.hold is not None:
            self.entered.set()
            await self.hold.wait()
        self.scans.append(capture.event.keywords)
        self._changed.set()

    def report(self, device: str, what: str) -> None:
        assert device == "store"
        self.reports.append(what)
        self._changed.set()

    @property
    def texts(self) -> list[object]:
        return [scan["text"] for scan in self.scans]

    async def plug_in(self) -> None:
        """Open the writing end, once the reader has the other."""
        while self.end is None:
            with suppress(OSError):
                self.end = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
                os.set_blocking(self.end, True)
            await asyncio.sleep(0)

    def unplug(self) -> None:
        if self.end is not None:
            os.close(self.end)
            self.end = None

    def send(self, data: bytes) -> None:
        assert self.end is not None
        os.write(self.end, data)

    def type(self, text: str, layout: str = "us", *, step_us: int = 2000) -> None:
        self._at_us += 5_000_000
        self.send(records(type_text(text, layout), at_us=self._at_us, step_us=step_us))

    async def until_read(self) -> None:
        """The reader took all that was typed, and waits for more."""
        assert self.end is not None
        while struct.unpack("i", fcntl.ioctl(self.end, termios.FIONREAD, bytes(4)))[0]:  # noqa: ASYNC110 - the kernel tells no event
            await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()


@asynccontextmanager
async def running(tmp_path: Path, **values: object) -> AsyncIterator[tuple[Bench, asyncio.Task[None]]]:
    bench = Bench(tmp_path / "event-kbd", **values)
    task = asyncio.create_task(bench.reader.run(bench.emit), name="wedge")
    try:
        await bench.plug_in()
        yield bench, task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, ReaderError):
            await task
        bench.unplug()


@pytest.mark.parametrize("case", sorted((FOLDER / "testcases").iterdir()), ids=lambda case: case.name)
async def test_each_test_case_of_the_wedge_gives_what_it_expects(case: Path, tmp_path: Path):
    events = json.loads((case / "input.json").read_text())
    expected = json.loads((case / "expected.json").read_text())
    async with running(tmp_path, **tomllib.loads((case / "config.toml").read_text())) as (bench, _):
        for at_ms, code, value in events:
            bench.send(records([(code, value)], at_us=at_ms * 1000))
        await bench.until(lambda: len(bench.scans) >= len(expected["scans"]) and len(bench.reports) >= len(expected["faults"]))
        scans = [
            {"text": s["text"], "symbology": s["symbology"], "gs1": s["gs1"] and [list(pair) for pair in s["gs1"]]}
            for s in bench.scans
        ]
        assert {"scans": scans, "faults": bench.reports} == expected


async def test_a_scan_may_come_in_pieces_of_records(tmp_path: Path):
    async with running(tmp_path) as (bench, _):
        data = records(type_text("PL1:PO-2041/10/3\r", "us"), at_us=0)
        for i in range(0, len(data), 7):
            bench.send(data[i : i + 7])
            await asyncio.sleep(0)
        await bench.until(lambda: bool(bench.texts))
        assert bench.texts == ["PL1:PO-2041/10/3"]


async def test_a_burst_of_labels_is_as_many_scans_in_order(tmp_path: Path):
    async with running(tmp_path) as (bench, _):
        for i in range(100):
            bench.type(f"PL1:PO-1/{i}\r")
            await asyncio.sleep(0)
        await bench.until(lambda: len(bench.texts) == 100)
        assert bench.texts == [f"PL1:PO-1/{i}" for i in range(100)]


async def test_without_enter_a_silence_ends_the_label(tmp_path: Path):
    async with running(tmp_path, idle_timeout_s=0.05) as (bench, _):
        bench.type("NO ENTER")
        await bench.until(lambda: bool(bench.texts))
        assert bench.texts == ["NO ENTER"]


async def test_a_gateway_that_stood_still_in_a_label_does_not_take_its_half_for_a_whole_one(tmp_path: Path):
    strokes = records(type_text("PL1:PO-2041/10/3\r", "us"), at_us=0)
    half = len(strokes) // 2
    async with running(tmp_path, idle_timeout_s=1.0) as (bench, _):
        bench.send(strokes[:half])
        await bench.until_read()
        time.sleep(1.3)  # noqa: ASYNC251 - nothing runs: swapped out, or the disk hangs
        bench.send(strokes[half:])
        await bench.until(lambda: bool(bench.texts or bench.reports))
        assert (bench.texts, bench.reports) == (["PL1:PO-2041/10/3"], [])


async def test_a_scanner_that_was_suspended_with_the_gateway_has_its_time_to_go_on(tmp_path: Path):
    """A bus that slept brings the rest of a label a moment after the agent woke."""
    strokes = records(type_text("PL1:PO-2041/10/3\r", "us"), at_us=0)
    half = len(strokes) // 2
    async with running(tmp_path, idle_timeout_s=1.0) as (bench, _):
        bench.send(strokes[:half])
        await bench.until_read()
        asyncio.get_running_loop().call_later(1.6, bench.send, strokes[half:])
        time.sleep(1.3)  # noqa: ASYNC251 - nothing runs: suspended
        await bench.until(lambda: bool(bench.texts or bench.reports))
        assert (bench.texts, bench.reports) == (["PL1:PO-2041/10/3"], [])


async def test_a_flood_waits_in_the_kernel_while_the_disk_is_slow(tmp_path: Path):
    async with running(tmp_path) as (bench, _):
        bench.hold = asyncio.Event()
        bench.type("FIRST\r")
        await bench.entered.wait()
        assert bench.end is not None
        os.set_blocking(bench.end, False)
        sent = 0
        with suppress(BlockingIOError):
            for _ in range(100_000):
                sent += os.write(bench.end, records(type_text("x\r", "us"), at_us=10_000_000))
                await asyncio.sleep(0)
        assert sent < 1_000_000
        bench.hold.set()
        await bench.until(lambda: len(bench.texts) > 10)


async def test_lost_events_are_reported_and_never_make_a_label(tmp_path: Path):
    async with running(tmp_path) as (bench, _):
        bench.type("HALF")
        bench.send(INPUT_EVENT.pack(6, 0, EV_SYN, SYN_DROPPED, 0))
        bench.send(records(type_text("OTHER HALF\r", "us"), at_us=5_100_000))
        bench.type("NEXT\r")
        await bench.until(lambda: bool(bench.texts))
        assert bench.texts == ["NEXT"]
        assert "key events were lost" in bench.reports[0]


@pytest.mark.parametrize("ending", ["\r", ""])
async def test_what_was_scanned_twice_while_the_gateway_stood_still_is_two_scans(ending: str, tmp_path: Path):
    """All of it is read in one moment: when it was scanned the kernel tells."""
    async with running(tmp_path, repeat_window_s=4.0, idle_timeout_s=0.25) as (bench, _):
        bench.type(f"PL1:PO-2041/10/3{ending}")
        bench.type(f"PL1:PO-2041/10/3{ending}")
        bench.type("PL1:PO-2041/10/4\r")
        await bench.until(lambda: "PL1:PO-2041/10/4" in bench.texts)
        assert bench.texts == ["PL1:PO-2041/10/3"] * 2 + ["PL1:PO-2041/10/4"]


async def test_a_repeat_within_the_window_is_one_scan_of_the_wedge(tmp_path: Path):
    async with running(tmp_path, repeat_window_s=3600) as (bench, _):
        for label in "AABAC":
            bench.type(f"{label}{label}\r")
        await bench.until(lambda: "CC" in bench.texts)
        assert bench.texts == ["AA", "BB", "CC"]


async def test_unplugged_in_a_label_it_says_so_and_goes_on_when_it_is_back(tmp_path: Path):
    bench = Bench(tmp_path / "event-kbd")
    supervisor = Supervisor(bench.emit, trip_after=1_000_000, first_s=0.01, cap_s=0.05, chance=lambda: 0.0)
    supervisor.add("store", bench.reader)
    task = asyncio.create_task(supervisor.run())
    await bench.plug_in()
    bench.type("HALF A LAB")
    bench.unplug()
    await bench.until(lambda: bool(bench.reports))
    assert bench.reports == ["the scanner went away in the middle of a label, which is dropped; scan it again"]
    assert "went away" in supervisor.statuses["store"].what
    while not bench.texts:
        # A pipe, unlike a device, is open for writing before its reader is: the first try may still fall into the pause.
        with suppress(BrokenPipeError):
            await bench.plug_in()
            bench.type("BACK\r")
            with suppress(TimeoutError):
                await asyncio.wait_for(bench.until(lambda: bool(bench.texts)), 0.2)
        bench.unplug()
    assert set(bench.texts) == {"BACK"}
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_device_that_is_not_there_is_named_with_what_to_check(tmp_path: Path):
    bench = Bench(tmp_path / "pipe", device="/dev/input/by-id/none-event-kbd")
    with pytest.raises(ReaderError, match=r"store: /dev/input/by-id/none-event-kbd cannot be opened \(No such.*group input"):
        await bench.reader.run(bench.emit)


async def test_what_is_no_keyboard_is_refused_by_run_and_by_check(tmp_path: Path):
    bench = Bench(tmp_path / "pipe", grab=True)
    with pytest.raises(ReaderError, match=r"is no input device.*-event-kbd"):
        await bench.reader.run(bench.emit)
    bench = Bench(tmp_path / "pipe", grab=False)
    with pytest.raises(ReaderError, match="is no keyboard"):
        await bench.reader.check(1)


def test_the_wedges_sample_is_what_build_takes():
    table = tomllib.loads((FOLDER / "sample.toml").read_text())
    assert (table.pop("type"), table.pop("name")) == ("wedge_scanner", "store-scanner")
    wedge_scanner.build("s", settings.convert(table, wedge_scanner.Settings, "sample"), Context(profiles=PROFILES))


def test_every_setting_of_the_wedge_stands_in_the_sample():
    sample = (FOLDER / "sample.toml").read_text()
    assert [key for key in wedge_scanner.Settings.__struct_fields__ if f"{key} =" not in sample] == []


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "device: is missing"),
        ({"device": "d", "layout": "dvorak"}, "layout: "),
        ({"device": "d", "profile": "wedge-scaner"}, "did you mean 'wedge-scanner'"),
        ({"device": "d", "symbology_identifier": True, "code_id": "zebra"}, "symbology_identifier: excludes code_id"),
    ],
)
def test_a_wrong_setting_of_the_wedge_is_named(table, message):
    with pytest.raises(SettingsError, match=message):
        wedge_scanner.build("s", settings.convert(table, wedge_scanner.Settings, "t"), Context(profiles=PROFILES))


class VirtualKeyboard:
    """A keyboard of the real kernel, by /dev/uinput (Documentation/input/uinput.rst)."""

    def __init__(self) -> None:
        self.fd = os.open("/dev/uinput", os.O_WRONLY | os.O_NONBLOCK)
        fcntl.ioctl(self.fd, 0x40045564, EV_KEY)  # UI_SET_EVBIT
        for code in range(1, 128):
            fcntl.ioctl(self.fd, 0x40045565, code)  # UI_SET_KEYBIT
        fcntl.ioctl(self.fd, 0x405C5503, struct.pack("HHHH80sI", 3, 0x1, 0x1, 1, b"plumbline test scanner", 0))  # UI_DEV_SETUP
        fcntl.ioctl(self.fd, 0x5501)  # UI_DEV_CREATE
        name = bytearray(64)
        fcntl.ioctl(self.fd, 0x8040552C, name)  # UI_GET_SYSNAME
        folder = Path("/sys/devices/virtual/input") / name.split(b"\0")[0].decode()
        self.path = Path("/dev/input") / next(folder.glob("event*")).name
        while not os.access(self.path, os.R_OK):  # udev makes the node
            pass

    def type(self, text: str) -> None:
        for code, value in type_text(text, "us"):
            os.write(self.fd, INPUT_EVENT.pack(0, 0, EV_KEY, code, value) + INPUT_EVENT.pack(0, 0, EV_SYN, 0, 0))

    def close(self) -> None:
        fcntl.ioctl(self.fd, 0x5502)  # UI_DEV_DESTROY
        os.close(self.fd)


@pytest.fixture
def keyboard() -> Iterator[VirtualKeyboard]:
    if not os.access("/dev/uinput", os.W_OK):
        pytest.skip("the kernel here has no /dev/uinput that we may write: no virtual keyboard")
    device = VirtualKeyboard()
    yield device
    with suppress(OSError):
        device.close()


async def test_a_real_keyboard_of_the_kernel_is_grabbed_read_and_missed_when_it_goes(keyboard: VirtualKeyboard, tmp_path: Path):
    bench = Bench(tmp_path / "unused", device=str(keyboard.path), grab=True)
    assert "plumbline test scanner" in await bench.reader.check(1)
    task = asyncio.create_task(bench.reader.run(bench.emit))
    while not bench.texts:
        keyboard.type("PL1:PO-2041/10/3\r")
        with suppress(TimeoutError):
            await asyncio.wait_for(bench.until(lambda: bool(bench.texts)), 0.3)
    assert set(bench.texts) == {"PL1:PO-2041/10/3"}
    with pytest.raises(ReaderError, match="grabbed by another program"):
        await bench.reader.check(1)
    keyboard.close()
    with pytest.raises(ReaderError, match="went away"):
        await task
