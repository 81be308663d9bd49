"""The process that sends: ready-made packets over a raw socket, QoS 1, acknowledgements counted, so many under way.

    python -m plumbline.bench.ingest.publisher PORT FILE [--per-second RATE] [--stamps] [--told]

With `--told` it sends only as far as it is told by the count in FILE.told (`Packets.told`). With `--stamps` it writes
when it sent each message (ns of the monotonic clock) into FILE.stamps.
"""

import argparse
import selectors
import socket
import sys
import time
from array import array
from pathlib import Path
from typing import Final

from plumbline.bench.ingest.packets import Packets
from plumbline.mqtt import wire

#: What it says once the broker has let it in.
CONNECTED: Final = "connected"
#: Messages that the broker has not acknowledged.
WINDOW: Final = 1000
#: So many go in one call at most: acknowledgements are read in between.
_AT_ONCE: Final = 64
_PUBACK_BYTES: Final = 4
#: How often it looks whether more is due.
_LOOK_S: Final = 0.002


class Publisher:
    """Sends the packets of a file on a connection."""

    def __init__(self, packets: Packets, connection: socket.socket, *, per_second: float, told: bool, stamps: bool) -> None:
        self._packets = packets
        self._connection = connection
        self._per_second = per_second
        self._told = packets.told() if told else None
        self._stamps = array("q") if stamps else None
        self._sent = 0
        self._answered = 0
        self._bytes = 0
        self._selector = selectors.DefaultSelector()
        self._selector.register(connection, selectors.EVENT_READ)

    def run(self) -> None:
        """Send all. Raises `ConnectionError` where the broker hangs up."""
        content, ends, count = memoryview(self._packets.content()), self._packets.ends, self._packets.count
        began = time.monotonic()
        while self._answered < count:
            upto = min(count, self._due(began), self._answered + WINDOW, self._sent + _AT_ONCE)
            wait_s: float | None = None
            if upto > self._sent:
                self._connection.sendall(content[ends[self._sent - 1] if self._sent else 0 : ends[upto - 1]])
                if self._stamps is not None:
                    self._stamps.extend([time.monotonic_ns()] * (upto - self._sent))
                self._sent, wait_s = upto, 0.0
            elif self._sent < min(count, self._answered + WINDOW):
                wait_s = _LOOK_S
            self._listen(wait_s)
        if self._stamps is not None:
            self._packets.path.with_suffix(".stamps").write_bytes(self._stamps.tobytes())

    def _due(self, began: float) -> int:
        """How many messages may be out by now."""
        count = self._packets.count
        if self._told is not None:
            count = int.from_bytes(self._told[:8], "little")
        if self._per_second:
            count = min(count, int((time.monotonic() - began) * self._per_second) + 1)
        return count

    def _listen(self, wait_s: float | None) -> None:
        """Wait for acknowledgements at most so long."""
        if self._selector.select(wait_s):
            heard = self._connection.recv(65_536)
            if not heard:
                raise ConnectionError("the broker hung up")
            self._bytes += len(heard)
            self._answered = self._bytes // _PUBACK_BYTES


def _hello() -> bytes:
    """CONNECT of a clean session without keep-alive."""
    return wire.connect(
        five=False,
        client_id="bench-publisher",
        clean=True,
        keepalive_s=0,
        will=None,
        username=None,
        password=None,
        session_expiry_s=0,
        receive_maximum=0,
        largest=0,
    )


def main() -> None:
    """Send a file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--per-second", type=float, default=0.0)
    parser.add_argument("--stamps", action="store_true")
    parser.add_argument("--told", action="store_true")
    given = parser.parse_args()
    with socket.create_connection(("127.0.0.1", given.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(_hello())
        answer = connection.recv(4, socket.MSG_WAITALL)
        if answer != b"\x20\x02\x00\x00":
            sys.exit(f"the broker refused the connection: {answer.hex()}")
        print(CONNECTED, flush=True)  # noqa: T201 - who started it waits for it
        Publisher(Packets.read(given.file), connection, per_second=given.per_second, told=given.told, stamps=given.stamps).run()


if __name__ == "__main__":
    main()
