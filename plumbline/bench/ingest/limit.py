"""What InfluxDB itself takes: a bare loop posts ready-made bodies over kept-alive connections, a thread each."""

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Sequence
from typing import Final

from plumbline.errors import PlumblineError

_ANSWER_BYTES: Final = 65_536


def post_all(port: int, database: str, shares: Sequence[Sequence[bytes]]) -> float:
    """Post each share's bodies over a connection of its own, all shares at once; returns the seconds that all took.

    Nothing is made while the clock runs: head and body of every request are bytes already.
    Raises `PlumblineError` where InfluxDB refuses a body.
    """
    errors: list[BaseException] = []

    def post(connection: socket.socket, requests: Sequence[bytes]) -> None:
        try:
            for request in requests:
                connection.sendall(request)
                check_answer(connection)
        except (OSError, PlumblineError) as error:
            errors.append(error)

    with contextlib.ExitStack() as stack:
        threads: list[threading.Thread] = []
        for number, bodies in enumerate(shares):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            requests = [request(port, database, body) for body in bodies]
            threads.append(threading.Thread(target=post, args=(connection, requests), name=f"bench-limit-{number}"))
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        taken = time.perf_counter() - began
    if errors:
        raise PlumblineError(f"bench: the bare loop: {errors[0]}")
    return taken


def packed(bodies: Sequence[bytes]) -> list[bytes]:
    """The bodies as gzip, level 1."""
    return [gzip.compress(body, compresslevel=1) for body in bodies]


def request(port: int, database: str, body: bytes) -> bytes:
    """A request as bytes, head and body."""
    encoding = "Content-Encoding: gzip\r\n" if body.startswith(b"\x1f\x8b") else ""
    head = (
        f"POST /write?db={database}&precision=ns HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{encoding}"
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def check_answer(connection: socket.socket) -> None:
    """Read one answer, which has no body where all is well (204). Raises `PlumblineError` where it is another."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        part = connection.recv(_ANSWER_BYTES)
        if not part:
            raise PlumblineError("InfluxDB hung up")
        answer += part
    if b" 204 " not in answer[:16]:
        raise PlumblineError(f"InfluxDB answered {answer[:400].decode(errors='replace')}")
