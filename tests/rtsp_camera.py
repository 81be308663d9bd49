"""A network camera that speaks RTSP (RFC 2326), with motion JPEG over RTP (RFC 2435) between its answers, behind a password."""

import base64
import contextlib
import itertools
import socketserver
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import cv2
import numpy as np

_FRAGMENT = 1300


class RtspCamera(socketserver.ThreadingTCPServer):
    """`frames` gives each client what it sees; `password` is the one of the user `viewer`."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, frames: Callable[[], Iterable[np.ndarray]], password: str) -> None:
        super().__init__(("127.0.0.1", 0), _Client)
        self.frames = frames
        self.authorization = "Basic " + base64.b64encode(f"viewer:{password}".encode()).decode()
        self.over = threading.Event()

    def url(self, password: str) -> str:
        return f"rtsp://viewer:{password}@127.0.0.1:{self.server_address[1]}/stream1"

    def handle_error(self, *_: object) -> None:
        """A client went away."""


class _Client(socketserver.StreamRequestHandler):
    server: RtspCamera

    def handle(self) -> None:
        while (line := self.rfile.readline().decode("latin-1").split()) != []:
            method, url = line[0], line[1]
            head = dict(h.split(": ", 1) for h in iter(lambda: self.rfile.readline().decode("latin-1").strip(), ""))
            sequence = head["CSeq"]
            if method == "OPTIONS":
                self._answer(sequence, "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
            elif head.get("Authorization") != self.server.authorization:
                self._answer(sequence, 'WWW-Authenticate: Basic realm="camera"', status="401 Unauthorized")
            elif method == "DESCRIBE":
                sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:track1\r\n"
                self._answer(sequence, f"Content-Base: {url}/", "Content-Type: application/sdp", body=sdp)
            elif method == "SETUP" and "interleaved" not in head["Transport"]:
                self._answer(sequence, status="461 Unsupported Transport")
            elif method == "SETUP":
                self._answer(sequence, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 1")
            elif method == "PLAY":
                self._answer(sequence, "Session: 1")
                with contextlib.suppress(OSError):
                    self._play()
                return
            else:
                self._answer(sequence, "Session: 1")

    def _answer(self, sequence: str, *head: str, status: str = "200 OK", body: str = "") -> None:
        lines = [f"RTSP/1.0 {status}", f"CSeq: {sequence}", *head, f"Content-Length: {len(body)}", "", body]
        self.wfile.write("\r\n".join(lines).encode())

    def _play(self) -> None:
        number = itertools.count()
        for i, frame in enumerate(self.server.frames()):
            if self.server.over.is_set():
                return
            payloads = list(_payloads(frame))
            for payload in payloads:
                last = payload is payloads[-1]
                packet = struct.pack(">BBHII", 0x80, 26 | last << 7, next(number) & 0xFFFF, i * 3600, 7) + payload
                self.wfile.write(b"$" + struct.pack(">BH", 0, len(packet)) + packet)


def _payloads(frame: np.ndarray) -> Iterator[bytes]:
    """The RTP payloads of one frame: its size and tables stand in the payload's header, its scan is cut in pieces."""
    jpeg = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR))[1].tobytes()
    tables, at = b"", 2
    while jpeg[at + 1] != 0xDA:
        length = int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if jpeg[at + 1] == 0xDB:
            segment = jpeg[at + 4 : at + 2 + length]
            tables += b"".join(segment[i + 1 : i + 65] for i in range(0, len(segment), 65))
        at += 2 + length
    scan = jpeg[at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big") : -2]
    height, width = frame.shape
    for offset in range(0, len(scan), _FRAGMENT):
        head = struct.pack(">BBHBBBB", 0, offset >> 16, offset & 0xFFFF, 1, 255, width // 8, height // 8)
        head += struct.pack(">BBH", 0, 0, len(tables)) + tables if offset == 0 else b""
        yield head + scan[offset : offset + _FRAGMENT]


@contextmanager
def rtsp_camera(frames: Callable[[], Iterable[np.ndarray]], password: str) -> Iterator[RtspCamera]:
    """Serve meanwhile; leaving it pulls the plug."""
    server = RtspCamera(frames, password)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
