"""The camera reader on real files: a watched folder, recorded videos, a network stream; and what it says when they fail."""

import asyncio
import http.server
import json
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.decode import header
from edge_agent.reader import Capture, Context, Reader, ReaderError
from edge_agent.readers import camera
from edge_agent.readers.camera import album
from edge_agent.readers.camera.messages import Code
from edge_agent.readers.camera.settling import Settling, Stamp
from edge_agent.readers.camera.sightings import Sightings
from plumbline import settings
from plumbline.errors import SettingsError
from plumbline.event import ClockReading, Scan

FOLDER = Path(camera.__file__).parent
CASES = sorted((FOLDER / "testcases").iterdir())
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


def label(text: str) -> np.ndarray:
    barcode = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    symbol = np.array(zxingcpp.write_barcode_to_image(barcode, scale=6, add_quiet_zones=True))
    frame = np.full((320, 320), 255, np.uint8)
    frame[10 : 10 + symbol.shape[0], 10 : 10 + symbol.shape[1]] = symbol
    return frame


def png(text: str) -> bytes:
    return cv2.imencode(".png", label(text))[1].tobytes()


class Kept:
    """What a reader emitted and reported, and a way to wait for it."""

    def __init__(self) -> None:
        self.captures: list[Capture] = []
        self.reports: list[str] = []
        self.failing = False
        self._changed = asyncio.Event()

    async def emit(self, capture: Capture) -> None:
        if self.failing:
            raise OSError("disk full")
        self.captures.append(capture)
        self._changed.set()

    def report(self, device: str, what: str) -> None:
        self.reports.append(f"{device}: {what}")
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that is emitted, reported, or done to a file."""
        async with asyncio.timeout(30):
            while not condition():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 0.02)
                self._changed.clear()

    @property
    def scans(self) -> list[Scan]:
        return [event for capture in self.captures if isinstance(event := capture.event(**HEADER), Scan)]

    @property
    def texts(self) -> list[str]:
        return [scan.text for scan in self.scans]


@asynccontextmanager
async def running(reader: Reader, kept: Kept) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(reader.run(kept.emit), name="reader")
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, ReaderError, OSError):
            await task


def make(kept: Kept, tmp_path: Path, **given_: object) -> Reader:
    table = {"settle_s": 0, "poll_s": 0.01, "interval_s": 0} | given_
    kind = settings.convert(table, camera.Settings, "test")
    return camera.build("gate", kind, Context(base=tmp_path, data=tmp_path / "data", report=kept.report))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    return tmp_path / "photos"


def test_the_sample_configuration_loads():
    table = tomllib.loads((FOLDER / "sample.toml").read_text())
    assert (table.pop("type"), table.pop("name")) == ("camera", "gate-camera")
    camera.build("gate-camera", settings.convert(table, camera.Settings, "sample.toml"), Context())


def test_the_sample_shows_every_setting():
    sample = (FOLDER / "sample.toml").read_text()
    assert [name for name in camera.Settings.__struct_fields__ if f"{name} = " not in sample] == []


def test_the_folder_takes_the_pictures_that_the_decoder_reads():
    assert album.SUFFIXES == header.SUFFIXES


def test_the_agent_loads_no_opencv_for_a_camera(tmp_path):
    program = (
        "import sys; from edge_agent.readers import camera; from edge_agent.reader import Context;"
        "camera.build('gate', camera.Settings(device=0), Context());"
        "print(sorted({'cv2', 'numpy', 'zxingcpp', 'pyzbar'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=FOLDER.parents[2])
    assert said.stdout.strip() == "[]"


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
async def test_what_must_come_out_of_a_test_case_comes_out(case, tmp_path):
    shutil.copytree(case / "input", tmp_path / "input")
    expected = json.loads((case / "expected.json").read_text())
    kept = Kept()
    async with running(make(kept, tmp_path, **tomllib.loads((case / "config.toml").read_text())), kept):
        await kept.until(lambda: not [p for p in (tmp_path / "input").iterdir() if p.is_file()])
    assert [{"format": s.format, "text": s.text, "photo": s.photo} for s in kept.scans] == expected["scans"]
    rejected = tmp_path / "input" / "rejected"
    assert [p.name for p in sorted(rejected.glob("*.png"))] == expected["rejected"]
    assert all((rejected / f"{name}.reason.txt").read_text().strip() for name in expected["rejected"])


async def test_a_picture_dropped_later_is_read_and_moved(photos, tmp_path):
    kept = Kept()
    async with running(make(kept, tmp_path, folder="photos"), kept):
        (photos / "a.png").write_bytes(png("FIRST"))
        await kept.until(lambda: kept.texts == ["FIRST"])
        (photos / "b.part").write_bytes(png("SECOND"))
        (photos / "b.part").rename(photos / "b.png")
        await kept.until((photos / "processed" / "b.png").exists)
    assert kept.texts == ["FIRST", "SECOND"]
    assert kept.scans[0].raw == b"FIRST"


async def test_a_kept_picture_is_not_read_again_after_a_restart(photos, tmp_path):
    (photos / "a.png").write_bytes(png("ONCE"))
    (photos / "b.png").write_bytes(png("TWICE"))
    kept = Kept()
    async with running(make(kept, tmp_path, folder="photos", after="keep"), kept):
        await kept.until(lambda: len(kept.texts) == 2)
        (photos / "c.png").write_bytes(png("THIRD"))
        await kept.until(lambda: len(kept.texts) == 3)
        (photos / "e.png").write_bytes(png("FOURTH"))
        await kept.until(lambda: len(kept.texts) == 4)  # so those before are marked
    again = Kept()
    async with running(make(again, tmp_path, folder="photos", after="keep"), again):
        (photos / "z.png").write_bytes(png("AFTER"))
        await again.until(lambda: "AFTER" in again.texts)
    assert not {"ONCE", "TWICE", "THIRD"} & set(again.texts)
    assert (photos / "a.png").exists()


async def test_a_name_that_comes_back_does_not_overwrite_a_processed_picture(photos, tmp_path):
    kept = Kept()
    async with running(make(kept, tmp_path, folder="photos"), kept):
        for text in ("ONE", "TWO"):
            (photos / "new.part").write_bytes(png(text))
            (photos / "new.part").rename(photos / "label.png")
            await kept.until(lambda: not (photos / "label.png").exists())
    assert kept.texts == ["ONE", "TWO"]
    assert sorted(p.name for p in (photos / "processed").iterdir()) == ["label-1.png", "label.png"]


async def test_a_scan_that_could_not_be_kept_leaves_its_picture_unread(photos, tmp_path):
    (photos / "a.png").write_bytes(png("KEEP ME"))
    kept = Kept()
    kept.failing = True
    reader = make(kept, tmp_path, folder="photos")
    with pytest.raises(ReaderError, match="disk full"):
        await reader.run(kept.emit)
    kept.failing = False
    async with running(reader, kept):
        await kept.until(lambda: kept.texts == ["KEEP ME"])


async def test_an_unreadable_picture_is_reported_and_does_not_stop_the_next(photos, tmp_path):
    (photos / "a.jpg").write_bytes(b"this is no photo")
    (photos / "b.png").write_bytes(png("GOOD"))
    kept = Kept()
    async with running(make(kept, tmp_path, folder="photos"), kept):
        await kept.until(lambda: kept.texts == ["GOOD"])
    assert (photos / "rejected" / "a.jpg").exists()
    assert "is not a JPEG" in (photos / "rejected" / "a.jpg.reason.txt").read_text()
    assert kept.reports[0].startswith("gate: a.jpg: is not a JPEG")


async def test_a_folder_that_is_not_there_says_what_to_check(tmp_path):
    kept = Kept()
    with pytest.raises(ReaderError, match=r"photos is not there; check its path"):
        await make(kept, tmp_path, folder="photos").run(kept.emit)


async def test_the_loop_goes_on_while_a_picture_is_decoded(photos, tmp_path):
    noise = np.random.default_rng(3).integers(0, 256, (900, 1200), np.uint8)
    (photos / "hard.png").write_bytes(cv2.imencode(".png", noise)[1].tobytes())
    kept = Kept()
    beats = 0
    async with running(make(kept, tmp_path, folder="photos", budget_ms=500), kept):
        while not (photos / "processed" / "hard.png").exists():
            beats += 1
            await asyncio.sleep(0)
    assert beats > 100


def write_video(path: Path, *frames: np.ndarray) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 5, (320, 320))
    assert writer.isOpened()
    for frame in frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR))
    writer.release()


async def test_a_label_that_stays_in_view_of_a_video_is_one_scan(tmp_path):
    blank = np.full((320, 320), 255, np.uint8)
    write_video(tmp_path / "gate.avi", *[label("PALLET 1")] * 6, blank, *[label("PALLET 2")] * 6, *[label("PALLET 1")] * 3)
    kept = Kept()
    async with running(make(kept, tmp_path, file="gate.avi"), kept) as task:
        await kept.until(lambda: len(kept.texts) == 2)
        assert not task.done()
    assert kept.texts == ["PALLET 1", "PALLET 2"]
    assert kept.scans[0].photo is None


async def test_a_video_that_is_not_there_says_what_to_check(tmp_path):
    kept = Kept()
    with pytest.raises(ReaderError, match=r"cannot open .*gone\.avi; check the path"):
        await make(kept, tmp_path, file="gone.avi").run(kept.emit)


async def test_an_unplugged_camera_says_what_to_check(tmp_path):
    kept = Kept()
    with pytest.raises(ReaderError, match="cannot open camera 63; check that it is plugged in"):
        await make(kept, tmp_path, device=63).run(kept.emit)


async def test_an_unreachable_stream_says_what_to_check_without_the_password(tmp_path):
    kept = Kept()
    with pytest.raises(ReaderError, match=r"cannot open rtsp://127\.0\.0\.1:9/x; check its power") as caught:
        await make(kept, tmp_path, url="rtsp://viewer:secret@127.0.0.1:9/x").run(kept.emit)
    assert "secret" not in str(caught.value)


@contextmanager
def mjpeg_server(frames: list[np.ndarray]) -> Iterator[str]:
    """A network camera: motion JPEG over HTTP, which hangs up after its frames."""

    class Camera(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            for frame in frames:
                data = cv2.imencode(".jpg", frame)[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                with suppress(ConnectionError):
                    self.wfile.write(head.encode() + data + b"\r\n")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/video"
    finally:
        server.shutdown()
        server.server_close()


async def test_a_network_camera_is_read_until_it_hangs_up(tmp_path):
    kept = Kept()
    with mjpeg_server([label("GATE 7")] * 30) as url, pytest.raises(ReaderError, match="sends no more frames"):
        await make(kept, tmp_path, url=url).run(kept.emit)
    assert kept.texts == ["GATE 7"]


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({}, "found none"),
        ({"folder": "a", "device": 0}, "found folder and device"),
        ({"url": "gate camera"}, "url"),
        ({"folder": "a", "after": "burn"}, "after"),
        ({"folder": "a", "colour": "red"}, "colour"),
        ({"device": "0"}, "device"),
        ({"device": 0, "rotate": 45}, "rotate"),
        ({"device": 0, "region": [0.5, 0.0, 0.5, 1.0]}, "region: left must be less than right"),
        ({"device": 0, "region": [0.0, 0.0, 1.0]}, "region"),
    ],
)
def test_wrong_settings_are_refused_by_name(table, complaint):
    with pytest.raises(SettingsError, match=complaint):
        camera.build("gate", settings.convert(table, camera.Settings, "test"), Context())


def code(text: str) -> Code:
    return Code("QRCode", text, text.encode(), "]Q1")


def test_a_code_in_view_is_new_once_and_again_after_its_absence():
    sightings = Sightings(30)
    seen = [len(sightings.fresh([code("A")], at_s)) for at_s in (0, 10, 35, 64.9, 95)]
    assert seen == [1, 0, 0, 0, 1]


def test_a_repeated_code_in_one_frame_is_one_scan():
    assert [c.text for c in Sightings(30).fresh([code("A"), code("B"), code("A")], 0)] == ["A", "B"]


def test_a_code_stays_in_view_as_long_as_nothing_changes_though_nobody_reads_it():
    sightings = Sightings(30)
    sightings.fresh([code("A")], 0)
    sightings.fresh([], 1, changed=False)  # a frame in which the decoder missed it
    for at_s in range(2, 600):
        sightings.still(at_s)
    assert sightings.fresh([code("A")], 600) == ()


def test_a_code_that_left_before_the_scene_came_to_rest_is_new_when_it_comes_back():
    sightings = Sightings(30)
    sightings.fresh([code("A")], 0)
    sightings.fresh([], 1, changed=True)
    for at_s in range(2, 60):
        sightings.still(at_s)
    assert sightings.fresh([code("A")], 60) == (code("A"),)


def test_nobody_knows_what_was_in_view_while_the_camera_was_away():
    sightings = Sightings(30)
    sightings.fresh([code("A")], 0)
    sightings.reopened()
    sightings.still(100)
    assert sightings.fresh([code("A")], 100) == (code("A"),)


def test_a_screen_that_shows_code_after_code_does_not_fill_the_memory():
    sightings = Sightings(86_400)
    for i in range(30_000):
        sightings.fresh([code(str(i))], i / 100)
    assert len(sightings._last) <= 10_000
    assert sightings.fresh([code("29999")], 301) == ()


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 3)), max_size=40))
def test_a_file_is_finished_only_when_it_stayed_the_same_for_long_enough(steps):
    settling, now, sizes = Settling(5), 0.0, []
    for wait, size in steps:
        now += wait
        sizes.append((now, size))
        same_since = next(at for i, (at, s) in enumerate(sizes) if all(t == size for _, t in sizes[i:]))
        finished = settling.finished({"a.png": Stamp(size, 0)}, now)
        assert (finished == ["a.png"]) == (size > 0 and now - same_since >= 5)
