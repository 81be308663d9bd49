"""The camera reader's worker process: crashes, hangs, greed, kills on either side; nothing is lost, doubled or left behind."""

import asyncio
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.reader import ReaderError
from edge_agent.readers.camera import process
from tests.cameras import Kept, label, make, network_camera, part, png, running, supervised, workers, write_video
from tests.rtsp_camera import rtsp_camera
from tests.servers import wait_until

ROOT = Path(__file__).parents[2]
DEADLINE_S = 1
FAULTY = (sys.executable, "-P", str(ROOT / "tests" / "faulty_worker.py"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    return tmp_path / "photos"


@pytest.fixture
def faulty(monkeypatch) -> None:
    monkeypatch.setattr(process, "COMMAND", FAULTY)


@pytest.fixture(autouse=True)
def nobody_is_left_behind():
    yield
    wait_until(lambda: workers() == [], "the workers to be gone")


def drop(folder: Path, name: str, data: bytes) -> None:
    (folder / ".part").write_bytes(data)
    (folder / ".part").rename(folder / name)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("CRASH", "the decoder's process was killed by SIGSEGV while it read it, 2 times"),
        ("HANG", "the decoder's process was stuck for"),
        ("GREED", "takes more memory than the reader may use"),
        ("MISTAKE", "the decoder failed on it (ZeroDivisionError: division by zero)"),
    ],
)
async def test_a_picture_that_is_too_much_for_the_decoder_is_rejected_and_the_others_are_read(
    fault, reason, photos, tmp_path, faulty
):
    for name, text in (("a.png", "BEFORE"), ("b.png", fault), ("c.png", "AFTER")):
        drop(photos, name, png(text))
    kept = Kept()
    async with running(make(kept, tmp_path, folder="photos", deadline_s=DEADLINE_S if fault == "HANG" else 60), kept):
        await kept.until(lambda: kept.texts == ["BEFORE", "AFTER"])
        await kept.until((photos / "processed" / "c.png").exists)
    assert [p.name for p in (photos / "rejected").glob("*.png")] == ["b.png"]
    assert reason in (photos / "rejected" / "b.png.reason.txt").read_text()
    assert any(reason in report for report in kept.reports)


async def test_a_decoder_that_hardly_gets_the_processor_is_not_stuck(photos, tmp_path, faulty):
    async def starve() -> None:
        """As on a gateway where others have work: the decoder stands back."""
        while True:
            for signal_, seconds in ((signal.SIGSTOP, 0.45), (signal.SIGCONT, 0.05)):
                for pid in workers():
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal_)
                await asyncio.sleep(seconds)

    kept = Kept()
    async with running(make(kept, tmp_path, folder="photos", deadline_s=3, budget_ms=500), kept):
        drop(photos, "a.png", png("FIRST"))
        await kept.until(lambda: kept.texts == ["FIRST"])
        starving = asyncio.create_task(starve())
        drop(photos, "b.png", png("WORK"))
        await kept.until(lambda: kept.texts == ["FIRST", "WORK"])
        starving.cancel()
        await asyncio.wait([starving])
    assert kept.reports == []


async def test_a_picture_that_takes_more_memory_than_allowed_is_rejected_and_the_next_is_read(photos, tmp_path):
    huge = cv2.imencode(".png", np.full((8000, 8000, 4), 200, np.uint8))[1].tobytes()
    drop(photos, "a.png", huge)
    drop(photos, "b.png", png("NEXT"))
    kept = Kept()
    async with running(make(kept, tmp_path, folder="photos", memory_mb=64), kept):
        await kept.until((photos / "processed" / "b.png").exists)
    assert "takes more memory than the reader may use" in (photos / "rejected" / "a.png.reason.txt").read_text()
    assert kept.texts == ["NEXT"]
    again = Kept()
    drop(photos, "a.png", huge)
    async with running(make(again, tmp_path, folder="photos"), again):
        await again.until((photos / "processed" / "a.png").exists)


async def test_what_a_library_prints_does_not_get_between_the_messages(photos, tmp_path, faulty):
    drop(photos, "a.png", png("CHATTER"))
    kept = Kept()
    async with running(make(kept, tmp_path, folder="photos"), kept):
        await kept.until(lambda: kept.texts == ["CHATTER"])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP])
async def test_a_worker_that_dies_or_stops_between_two_pictures_costs_none_of_them(number, photos, tmp_path):
    drop(photos, "a.png", png("FIRST"))
    kept = Kept()
    deadline_s = DEADLINE_S if number == signal.SIGSTOP else 60
    async with running(make(kept, tmp_path, folder="photos", deadline_s=deadline_s), kept):
        await kept.until((photos / "processed" / "a.png").exists)
        (first,) = workers()
        os.kill(first, number)
        drop(photos, "b.png", png("SECOND"))
        await kept.until((photos / "processed" / "b.png").exists)
        assert workers() != [first]
    assert kept.texts == ["FIRST", "SECOND"]
    assert kept.reports == []


async def test_an_answer_that_came_while_the_agent_stood_still_counts(photos, tmp_path, monkeypatch):
    started: list[process.Worker] = []
    start, send = process.Worker.start, process.Worker.send

    async def counted(worker: process.Worker) -> None:
        started.append(worker)
        await start(worker)

    async def sent(worker: process.Worker, request: object) -> None:
        await send(worker, request)
        pipe = worker._process._transport.get_pipe_transport(1).get_extra_info("pipe").fileno()

        def stand_still() -> None:
            """Until the answer is there, and the time for it over."""
            select.select([pipe], [], [], 120)
            time.sleep(DEADLINE_S + 1)

        asyncio.get_running_loop().call_soon(stand_still)

    monkeypatch.setattr(process.Worker, "start", counted)
    monkeypatch.setattr(process.Worker, "send", sent)
    drop(photos, "a.png", png("FIRST"))
    kept = Kept()
    async with running(make(kept, tmp_path, folder="photos", deadline_s=DEADLINE_S, budget_ms=500), kept):
        await kept.until(lambda: kept.texts == ["FIRST"])
    assert (len(started), kept.reports) == (1, [])


async def test_a_worker_that_is_killed_in_the_middle_of_a_picture_reads_it_after_all(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(process, "COMMAND", FAULTY)
    monkeypatch.setenv("SLOW_S", "3600")
    drop(photos, "a.png", png("PATIENCE"))
    kept = Kept()
    async with running(make(kept, tmp_path, folder="photos", deadline_s=600), kept):
        await kept.until(lambda: bool(workers()))
        (first,) = workers()
        await kept.until(lambda: nanosleeps(first))
        monkeypatch.setenv("SLOW_S", "0")
        os.kill(first, signal.SIGKILL)
        await kept.until(lambda: kept.texts == ["PATIENCE"])
    assert kept.reports == []


def nanosleeps(pid: int) -> bool:
    """Whether the main thread of a process sleeps by its own will: the faulty decoder does."""
    try:
        return "nanosleep" in Path(f"/proc/{pid}/wchan").read_text() or _syscall(pid) == 230
    except (OSError, ValueError):
        return False


def _syscall(pid: int) -> int:
    return int(Path(f"/proc/{pid}/syscall").read_text().split()[0])


async def test_where_the_packages_are_missing_no_picture_is_blamed(photos, tmp_path, monkeypatch):
    program = "import sys; sys.modules['cv2'] = None; import edge_agent.readers.camera.worker.serve"
    monkeypatch.setattr(process, "COMMAND", (sys.executable, "-c", program))
    drop(photos, "a.png", png("LATER"))
    kept = Kept()
    with pytest.raises(ReaderError, match=r"does not start \(ended with code 1: .*cv2.*packages for cameras"):
        await make(kept, tmp_path, folder="photos").run(kept.emit)
    assert (photos / "a.png").exists()


async def test_a_worker_that_never_gets_ready_is_given_up(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(process, "COMMAND", (sys.executable, "-c", "import time; worker = time.sleep(3600)"))
    monkeypatch.setattr(process, "START_S", 0.5)
    drop(photos, "a.png", png("LATER"))
    kept = Kept()
    with pytest.raises(ReaderError, match=r"does not start \(was stuck for \d[\d.]* s\)"):
        await make(kept, tmp_path, folder="photos").run(kept.emit)


async def test_a_folder_without_work_lets_its_worker_go(photos, tmp_path):
    kept = Kept()
    reader = make(kept, tmp_path, folder="photos")
    reader._idle_s = 0.2
    drop(photos, "a.png", png("FIRST"))
    async with running(reader, kept):
        await kept.until(lambda: kept.texts == ["FIRST"])
        await kept.until(lambda: workers() == [])
        drop(photos, "b.png", png("SECOND"))
        await kept.until(lambda: kept.texts == ["FIRST", "SECOND"])


async def test_a_frame_that_kills_the_worker_twice_is_passed_over_and_the_recording_goes_on(tmp_path, faulty):
    write_video(tmp_path / "gate.avi", *[label("ONE")] * 3, label("CRASH"), *[label("TWO")] * 3)
    kept = Kept()
    async with supervised(make(kept, tmp_path, file="gate.avi"), kept) as failures:
        await kept.until(lambda: kept.texts == ["ONE", "TWO"])
    assert [str(f).partition(";")[0] for f in failures] == [
        "gate: the decoder's process was killed by SIGSEGV while it read frame 3"
    ] * 2
    assert kept.reports == [
        "gate: frame 3 is passed over: the decoder's process was killed by SIGSEGV while it read it",
    ]


async def test_a_frame_that_hangs_the_worker_does_not_silence_the_camera(tmp_path, faulty):
    scenes = [[label("ONE")], [label("HANG")], [label("TWO")]]

    def frames():
        scene = scenes.pop(0) if len(scenes) > 1 else scenes[0]
        while True:
            yield from scene
            server.over.wait(0.02)

    kept = Kept()
    with network_camera(frames) as server:
        reader = make(kept, tmp_path, url=server.url, deadline_s=1)
        async with running(reader, kept):
            await kept.until(lambda: kept.texts == ["ONE"])
        with pytest.raises(ReaderError, match=r"the decoder's process was stuck for [\d.]+ s while it read frame 0"):
            await reader.run(kept.emit)
        async with running(reader, kept):
            await kept.until(lambda: kept.texts == ["ONE", "TWO"])
    assert ["frame 0 is passed over" in report for report in kept.reports] == [True]


AGENT = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.cameras import completed, make, Kept
from edge_agent.readers.camera import process

folder, out, die_after, when, faulty = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
if faulty:
    process.COMMAND = (sys.executable, "-P", faulty)

class Agent(Kept):
    async def emit(self, capture):
        if len(self.captures) == die_after and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        scan = completed(capture)
        with out.open("a") as file:
            file.write(f"{scan.id} {scan.text}\\n")
        await super().emit(capture)
        if len(self.captures) == die_after and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)

agent = Agent()
asyncio.run(make(agent, folder, folder="photos", after=sys.argv[6], deadline_s=600).run(agent.emit))
"""


#: A picture with three labels.
THREE = cv2.imencode(".png", np.hstack([label("ONE"), label("TWO"), label("THREE")]))[1].tobytes()


@contextmanager
def agent(
    tmp_path: Path, *, die_after: int = 99, when: str = "", faulty: str = "", after: str = "move"
) -> Iterator[subprocess.Popen]:
    """An agent in a process of its own, with the one reader, writing its events to `events`; SIGKILL in the end."""
    arguments = [tmp_path, tmp_path / "events", die_after, when, faulty, after]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process_ = subprocess.Popen([sys.executable, "-c", AGENT, *map(str, arguments)], env=environment)
    try:
        yield process_
    finally:
        process_.kill()
        process_.wait()


@pytest.mark.parametrize("state", ["idle", "decoding without end", "stopped"])
def test_no_worker_outlives_a_killed_agent(state, photos, tmp_path):
    drop(photos, "a.png", png("HANG" if state.startswith("decoding") else "FIRST"))
    with agent(tmp_path, faulty=FAULTY[-1]) as process_:
        wait_until(lambda: workers(process_.pid) != [], "the worker")
        (worker,) = workers(process_.pid)
        if state.startswith("decoding"):
            wait_until(lambda: cpu_ticks(worker) > 200, "the worker to be busy")
        else:
            wait_until((photos / "processed" / "a.png").exists, "the picture to be read")
        if state == "stopped":
            os.kill(worker, signal.SIGSTOP)
    wait_until(lambda: not Path(f"/proc/{worker}/cmdline").exists() or zombie(worker), "the worker to be gone")


def cpu_ticks(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])


def zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize("after", ["move", "keep"])
@pytest.mark.parametrize(("when", "number"), [("before", 0), ("before", 1), ("after", 1), ("after", 3)])
def test_scans_of_an_agent_that_is_killed_are_neither_lost_nor_counted_twice(when, number, after, photos, tmp_path):
    drop(photos, "a.png", THREE)
    with agent(tmp_path, die_after=number, when=when, after=after) as first:
        assert first.wait(120) == -signal.SIGKILL
    drop(photos, "b.png", png("LAST"))
    with agent(tmp_path, after=after):
        wait_until(lambda: "LAST" in events(tmp_path).values(), "the last picture to be read")
    assert sorted(events(tmp_path).values()) == ["LAST", "ONE", "THREE", "TWO"]


def events(tmp_path: Path) -> dict[str, str]:
    """Id → text of what was emitted: as ingest counts it, which knows an id again."""
    log = tmp_path / "events"
    return dict(line.split() for line in log.read_text().splitlines()) if log.exists() else {}


def test_a_scan_that_was_safe_is_not_emitted_again_after_a_kill(photos, tmp_path):
    drop(photos, "a.png", THREE)
    with agent(tmp_path, die_after=2, when="before") as first:
        first.wait(120)
    with agent(tmp_path):
        wait_until((photos / "processed" / "a.png").exists, "the picture to be read")
    assert sorted(line.split()[1] for line in (tmp_path / "events").read_text().splitlines()) == ["ONE", "THREE", "TWO"]


def test_the_worker_stands_back_and_writes_no_core(photos, tmp_path):
    drop(photos, "a.png", png("FIRST"))
    with agent(tmp_path) as process_:
        wait_until((photos / "processed" / "a.png").exists, "the picture to be read")
        (worker,) = workers(process_.pid)
        status = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()
        limits = Path(f"/proc/{worker}/limits").read_text()
        assert int(status[16]) > int(Path(f"/proc/{process_.pid}/stat").read_text().rpartition(")")[2].split()[16])
        assert limits.partition("Max core file size")[2].split()[0] == "0"
        assert limits.partition("Max data size")[2].split()[0] != "unlimited"


async def test_a_camera_that_is_unplugged_is_read_again_when_it_is_back(tmp_path):
    texts = ["GATE 1"]

    def frames():
        noise = random.Random(1)
        while True:
            frame = label(texts[0])
            frame[310:, 310:] = noise.randrange(256)
            yield frame
            server.over.wait(0.01)

    kept = Kept()
    with network_camera(frames) as server:
        reader = make(kept, tmp_path, url=server.url, silence_s=2)
        async with supervised(reader, kept) as failures:
            await kept.until(lambda: kept.texts == ["GATE 1"])
            server.over.set()
            server.shutdown()
            server.server_close()
            await kept.until(lambda: any("cannot open http://127.0.0.1" in str(f) for f in failures))
            assert "sends no more frames; check its power and network" in str(failures[0])
            texts[0] = "GATE 2"
            with network_camera(frames, server.server_address[1]) as server:  # noqa: PLW2901 - the same camera, plugged in
                await kept.until(lambda: kept.texts == ["GATE 1", "GATE 2"])


GARBAGE = {
    "no picture at all": lambda: [random.Random(1).randbytes(200_000)],
    "nothing": list,
    "parts that are no pictures": lambda: [b"--frame\r\nContent-Length: 5\r\n\r\nabcde\r\n"] * 50,
    "a part that never ends": lambda: [
        b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 99999999\r\n\r\n",
        b"\xff" * 100_000,
    ],
}


@pytest.mark.parametrize("kind", GARBAGE)
async def test_a_camera_that_sends_garbage_is_told_by_name(kind, tmp_path):
    kept = Kept()
    with (
        network_camera(GARBAGE[kind]) as server,
        pytest.raises(ReaderError, match=r"^gate: (cannot open http|http\S+ sends no more frames)"),
    ):
        await make(kept, tmp_path, url=server.url, silence_s=2).run(kept.emit)


async def test_garbage_between_frames_costs_only_those_frames(tmp_path):
    def frames():
        good, noise = part(label("GOOD")), random.Random(2)
        for _ in range(5):
            yield good[:-60] + b"\r\n"  # cut off
            yield part(label("GOOD"))[:80] + noise.randbytes(3000) + b"\r\n"
        for _ in range(20):
            yield good

    kept = Kept()
    with network_camera(frames) as server, pytest.raises(ReaderError, match="sends no more frames"):
        await make(kept, tmp_path, url=server.url, silence_s=2).run(kept.emit)
    assert set(kept.texts) == {"GOOD"}


@pytest.mark.parametrize("after", [0, 10])
async def test_a_camera_that_falls_silent_is_told(after, tmp_path):
    def frames():
        yield from [label("GATE 9")] * after
        server.over.wait()

    kept = Kept()
    with network_camera(frames) as server:
        try:
            with pytest.raises(ReaderError, match=r"cannot open http|sends no more frames"):
                await make(kept, tmp_path, url=server.url, silence_s=1).run(kept.emit)
        finally:
            server.over.set()
    assert kept.texts == ["GATE 9"] * bool(after)


async def test_a_slow_decoder_sees_the_present_not_a_queue_of_the_past(tmp_path, faulty, monkeypatch):
    monkeypatch.setenv("SLOW_S", "0.2")

    def frames():
        for i in range(300):
            yield label(f"TRUCK {i}")
            server.over.wait(0.005)
        while True:
            yield label("THE LAST")
            server.over.wait(0.02)

    kept = Kept()
    with network_camera(frames) as server:
        async with running(make(kept, tmp_path, url=server.url), kept):
            await kept.until(lambda: "THE LAST" in kept.texts)
    assert len(kept.texts) < 100


async def test_a_frozen_camera_is_told_once_and_a_dark_one_too(tmp_path):
    def frames():
        while True:
            yield np.zeros((240, 320), np.uint8)
            server.over.wait(0.02)

    kept = Kept()
    with network_camera(frames) as server:
        async with running(make(kept, tmp_path, url=server.url, frozen_s=1.5), kept):
            await kept.until(lambda: len(kept.reports) == 2)
    assert "has sent the same picture to the byte for 1.5 s" in kept.reports[0]
    assert "the picture is black; check the lens cap" in kept.reports[1]


async def test_a_camera_at_this_machine_is_read(tmp_path):
    if not Path("/dev/video0").exists():
        pytest.skip("no camera at this machine (/dev/video0); modprobe vivid or v4l2loopback makes one")
    said = await make(Kept(), tmp_path, device="/dev/video0").check(15)
    assert " fps, " in said


@pytest.mark.parametrize("password", ["secret", "se@cret:1"])
async def test_an_rtsp_camera_is_read_until_it_hangs_up(password, tmp_path):
    def frames():
        for i in range(60):
            yield label("GATE 11" if i < 30 else "GATE 12")
            server.over.wait(0.02)

    kept = Kept()
    with rtsp_camera(frames, password) as server:
        reader = make(kept, tmp_path, url=server.url(password), silence_s=2)
        with pytest.raises(ReaderError, match=r"^gate: rtsp://127\.0\.0\.1:\d+/stream1 sends no more frames; check its power"):
            await reader.run(kept.emit)
        assert kept.texts == ["GATE 11", "GATE 12"]


async def test_a_wrong_password_is_told_without_the_password(tmp_path):
    with rtsp_camera(list, "right") as server:
        with pytest.raises(ReaderError, match=r"cannot open rtsp://127.*user and password in `url`") as caught:
            await make(Kept(), tmp_path, url=server.url("wrong"), silence_s=2).run(Kept().emit)
        assert "wrong" not in str(caught.value)
