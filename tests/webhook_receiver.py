"""A real HTTP server that takes webhooks, as an ERP system would: it checks the signature and answers as it is told."""

import json
import ssl
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from tracking_service.webhooks.signature import sign


class Message(NamedTuple):
    """A webhook that came."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def told(self) -> dict[str, Any]:
        return json.loads(self.raw)

    def signed_with(self, secret: str) -> bool:
        at, number = int(self.headers["webhook-timestamp"]), self.headers["webhook-id"]
        return sign(number, at, self.raw, secret) in self.headers["webhook-signature"].split()


class Receiver:
    """The server; `answers` are given one after the other, then 204."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls is not None
        self.taken: list[Message] = []
        self.answers: deque[tuple[int, dict[str, str], bytes]] = deque()
        self.hold: threading.Event | None = None
        """While it is not set, nobody is answered."""
        self.came = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.taken.append(Message(self.path, headers, raw))
                receiver.came.set()
                if receiver.hold is not None:
                    receiver.hold.wait(200)
                status, more, body = receiver.answers.popleft() if receiver.answers else (204, {}, b"")
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_told: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        where = "https://localhost" if self._tls else "http://127.0.0.1"
        return f"{where}:{self._server.server_address[1]}/in"

    def answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.answers.append((status, headers or {}, body))

    def stop(self) -> None:
        if self.hold is not None:
            self.hold.set()
        self._server.shutdown()
        self._server.server_close()
