"""The camera reader on real files: a watched folder, recorded videos, a network stream; and what it says when they fail."""

import asyncio
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.decode import decode, header
from edge_agent.reader import Context, ReaderError
from edge_agent.readers import camera
from edge_agent.readers.camera import album
from edge_agent.readers.camera.messages import Code
from edge_agent.readers.camera.settling import Settling, Stamp
from edge_agent.readers.camera.sightings import Sightings
from edge_agent.unplugged import UnpluggedError
from plumbline import settings
from plumbline.errors import SettingsError
from tests.cameras import Kept, label, make, network_camera, png, running, write_video

FOLDER = Path(camera.__file__).parent
CASES = sorted((FOLDER / "testcases").iterdir())


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
    with pytest.raises(UnpluggedError, match="cannot open camera 63; check that it is plugged in") as failed:
        await make(kept, tmp_path, device=63).run(kept.emit)
    assert str(failed.value.device_file) == "/dev/video63"


async def test_an_unreachable_stream_says_what_to_check_without_the_password(tmp_path):
    kept = Kept()
    with pytest.raises(ReaderError, match=r"cannot open rtsp://127\.0\.0\.1:9/x; check its power") as caught:
        await make(kept, tmp_path, url="rtsp://viewer:secret@127.0.0.1:9/x").run(kept.emit)
    assert "secret" not in str(caught.value)


async def test_a_network_camera_is_read_until_it_hangs_up(tmp_path):
    kept = Kept()
    with network_camera(lambda: [label("GATE 7")] * 30) as server, pytest.raises(ReaderError, match="sends no more frames"):
        await make(kept, tmp_path, url=server.url).run(kept.emit)
    assert kept.texts == ["GATE 7"]


async def test_only_the_region_is_read_after_turning_the_picture(photos, tmp_path):
    wide = np.hstack([label("LEFT"), label("RIGHT")])
    (photos / "a.png").write_bytes(cv2.imencode(".png", cv2.rotate(wide, cv2.ROTATE_90_COUNTERCLOCKWISE))[1].tobytes())
    write_video(tmp_path / "gate.avi", *[cv2.rotate(wide, cv2.ROTATE_180)] * 3)
    kept = Kept()
    async with running(make(kept, tmp_path, folder="photos", rotate=90, region=[0.0, 0.0, 0.5, 1.0]), kept):
        await kept.until(lambda: kept.texts == ["LEFT"])
    async with running(make(kept, tmp_path, file="gate.avi", rotate=180, region=[0.5, 0.0, 1.0, 1.0]), kept):
        await kept.until(lambda: kept.texts == ["LEFT", "RIGHT"])


async def test_the_frame_that_showed_a_code_is_kept_as_evidence_under_its_hash(tmp_path):
    write_video(tmp_path / "gate.avi", *[label("PALLET 1")] * 6, *[label("PALLET 2")] * 6)
    kept = Kept()
    async with running(make(kept, tmp_path, file="gate.avi", photos_mb=1), kept):
        await kept.until(lambda: len(kept.texts) == 2)
    files = sorted((tmp_path / "data" / "photos").iterdir())
    assert sorted(f"{scan.photo}.jpg" for scan in kept.scans) == [file.name for file in files]
    assert all(hashlib.sha256(file.read_bytes()).hexdigest() == file.stem for file in files)
    assert {symbol.text for file in files for symbol in decode(file)} == {"PALLET 1", "PALLET 2"}


async def test_a_check_tells_what_a_recording_shows(tmp_path):
    write_video(tmp_path / "gate.avi", *[label("PALLET 1")] * 20)
    said = await make(Kept(), tmp_path, file="gate.avi").check(20)
    assert said == "320×320 at 5 fps, sharp enough, 1 code read (QRCode PALLET 1)"


async def test_a_check_tells_what_a_network_camera_shows(tmp_path):
    def frames():
        while True:
            yield np.full((240, 320), 127, np.uint8)
            server.over.wait(0.02)

    with network_camera(frames) as server:
        said = await make(Kept(), tmp_path, url=server.url).check(3)
    assert re.fullmatch(r"320×240 at \d+ fps, covered, no code in view", said)


async def test_a_check_of_a_camera_that_is_not_there_says_what_to_check(tmp_path):
    with pytest.raises(ReaderError, match="cannot open camera 63; check that it is plugged in"):
        await make(Kept(), tmp_path, device=63).check(10)
    with pytest.raises(ReaderError, match=r"cannot open rtsp://127\.0\.0\.1:9/x"):
        await make(Kept(), tmp_path, url="rtsp://127.0.0.1:9/x").check(10)


async def test_a_check_of_a_folder_reads_the_newest_picture_and_leaves_it_there(photos, tmp_path):
    reader = make(Kept(), tmp_path, folder="photos")
    assert (await reader.check(10)).startswith("0 pictures to read in ")
    (photos / "a.png").write_bytes(png("NEWEST"))
    assert (await reader.check(10)).endswith("/photos; a.png: 1 code read (QRCode NEWEST)")
    (photos / "a.png").write_bytes(b"no picture")
    assert "a.png: is not a JPEG" in await reader.check(10)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a.png", "photos"]
    with pytest.raises(ReaderError, match="gone is not there"):
        await make(Kept(), tmp_path, folder="gone").check(10)


async def test_a_file_name_that_is_no_text_is_read_and_remembered(photos, tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    (photos / name).write_bytes(png("LATIN"))
    (photos / os.fsdecode(b"\xff.jpg")).write_bytes(b"no picture")
    kept = Kept()
    async with running(make(kept, tmp_path, folder="photos", after="keep"), kept):
        await kept.until(lambda: kept.texts == ["LATIN"] and bool(kept.reports))
        (photos / "z.png").write_bytes(png("NEXT"))
        await kept.until(lambda: "NEXT" in kept.texts)
    assert kept.reports[0].encode().startswith(b"gate: \xef\xbf\xbd.jpg: is not a JPEG")
    again = Kept()
    async with running(make(again, tmp_path, folder="photos", after="keep"), again):
        (photos / "zz.png").write_bytes(png("AFTER"))
        await again.until(lambda: "AFTER" in again.texts)
    assert "LATIN" not in again.texts


async def test_a_gs1_symbol_carries_its_element_strings(photos, tmp_path):
    barcode = zxingcpp.create_barcode("(01)09521234543213(10)ABC123", zxingcpp.BarcodeFormat.DataMatrix, gs1=True)
    symbol = np.array(zxingcpp.write_barcode_to_image(barcode, scale=6, add_quiet_zones=True))
    (photos / "a.png").write_bytes(cv2.imencode(".png", symbol)[1].tobytes())
    kept = Kept()
    async with running(make(kept, tmp_path, folder="photos"), kept):
        await kept.until(lambda: len(kept.scans) == 1)
    assert kept.scans[0].gs1 == (("01", "09521234543213"), ("10", "ABC123"))
    assert kept.scans[0].repaired is False


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
