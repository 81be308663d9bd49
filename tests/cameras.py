"""What tests of the camera reader share: labels, recordings, a network camera, and somebody who keeps what is emitted."""

import asyncio
import contextlib
import http.server
import itertools
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import cv2
import numpy as np
import zxingcpp

from edge_agent.reader import Capture, Context, Reader, ReaderError
from edge_agent.readers import camera
from plumbline import settings
from plumbline.event import ClockReading, Scan
from plumbline.ids import new_event_id

DEADLINE_S = 120.0


def label(text: str, side: int = 320) -> np.ndarray:
    """A white square with a QR code of `text`."""
    barcode = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    symbol = np.array(zxingcpp.write_barcode_to_image(barcode, scale=6, add_quiet_zones=True))
    frame = np.full((side, side), 255, np.uint8)
    frame[10 : 10 + symbol.shape[0], 10 : 10 + symbol.shape[1]] = symbol
    return frame


def png(text: str) -> bytes:
    """A picture file of a label."""
    return cv2.imencode(".png", label(text))[1].tobytes()


def write_video(path: Path, *frames: np.ndarray, fps: float = 5) -> None:
    """A recording, motion JPEG in AVI."""
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR))
    writer.release()


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
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 0.02)
                self._changed.clear()

    @property
    def scans(self) -> list[Scan]:
        return [event for capture in self.captures if isinstance(event := completed(capture), Scan)]

    @property
    def texts(self) -> list[str]:
        return [scan.text for scan in self.scans]


def completed(capture: Capture) -> object:
    """The event of a capture, with a header as the agent gives it."""
    return capture.event(
        id=new_event_id(),
        site="s",
        gateway="g",
        device="gate",
        at=1,
        clock=ClockReading(quality="ntp", boot="b", mono=1),
        epoch="e",
        seq=1,
    )


def make(kept: Kept, base: Path, **given: object) -> Reader:
    """A camera reader with the settings `given`, impatient where they say nothing."""
    table = {"settle_s": 0, "poll_s": 0.01, "interval_s": 0} | given
    kind = settings.convert(table, camera.Settings, "test")
    return camera.build("gate", kind, Context(base=base, data=base / "data", report=kept.report))


@asynccontextmanager
async def running(reader: Reader, kept: Kept) -> AsyncIterator[asyncio.Task[None]]:
    """Run `reader` meanwhile."""
    task = asyncio.create_task(reader.run(kept.emit), name="reader")
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, ReaderError, OSError):
            await task


@asynccontextmanager
async def supervised(reader: Reader, kept: Kept) -> AsyncIterator[list[ReaderError]]:
    """Run `reader` again whenever it fails; gives what it failed of."""
    failures: list[ReaderError] = []

    async def keep() -> None:
        while True:
            try:
                await reader.run(kept.emit)
            except ReaderError as error:
                failures.append(error)
                kept._changed.set()

    task = asyncio.create_task(keep(), name="supervisor")
    try:
        yield failures
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def workers(parent: int | None = None) -> list[int]:
    """The worker processes of the process `parent` (default: this one) that live."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes()
            if int(status[1]) == (parent or os.getpid()) and status[0] != "Z" and b"worker" in command:
                found.append(int(folder.name))
    return found


class NetworkCamera(http.server.ThreadingHTTPServer):
    """A network camera: motion JPEG over HTTP. `frames` gives each client what it sees, pictures or bytes as they are."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, frames: Callable[[], Iterable[np.ndarray | bytes]], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Client)
        self.frames = frames
        self.over = threading.Event()
        self.clients = itertools.count()
        self.served = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/video"

    def handle_error(self, *_: object) -> None:
        """A client went away."""


class _Client(http.server.BaseHTTPRequestHandler):
    server: NetworkCamera

    def do_GET(self) -> None:
        self.server.served = next(self.server.clients) + 1
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        with contextlib.suppress(OSError):
            for frame in self.server.frames():
                if self.server.over.is_set():
                    return
                self.wfile.write(frame if isinstance(frame, bytes) else part(frame))

    def log_message(self, *_: object) -> None:
        pass


def part(frame: np.ndarray) -> bytes:
    """One frame as a part of the stream."""
    data = cv2.imencode(".jpg", frame)[1].tobytes()
    return f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data + b"\r\n"


@contextmanager
def network_camera(frames: Callable[[], Iterable[np.ndarray | bytes]], port: int = 0) -> Iterator[NetworkCamera]:
    """Serve meanwhile; leaving it pulls the plug."""
    server = NetworkCamera(frames, port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
