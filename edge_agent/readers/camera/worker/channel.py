"""The worker's end of the pipe."""

import os
import sys
import threading
from queue import SimpleQueue
from typing import Final

from edge_agent.readers.camera.messages import HEAD_BYTES, Reply, Request, framed, request_of

_STDIN: Final = 0
_STDOUT: Final = 1
_STDERR: Final = 2


class Channel:
    """Takes requests from standard input and sends replies to what was standard output.

    A thread listens all the time: when the agent hangs up, the process ends at once, whatever it does.
    """

    def __init__(self) -> None:
        self._out = os.dup(_STDOUT)
        os.dup2(_STDERR, _STDOUT)  # what a library prints must not get between the messages
        sys.stdout = sys.stderr
        self._requests: SimpleQueue[Request] = SimpleQueue()
        threading.Thread(target=self._listen, name="agent", daemon=True).start()

    def receive(self) -> Request:
        """Wait for the next request."""
        return self._requests.get()

    def send(self, reply: Reply) -> None:
        """Send `reply`; waits while the agent is busy."""
        rest = memoryview(framed(reply))
        try:
            while rest:
                rest = rest[os.write(self._out, rest) :]
        except OSError:
            os._exit(0)  # nobody listens any more

    def _listen(self) -> None:
        try:
            while True:
                length = int.from_bytes(_read(HEAD_BYTES), "big")
                self._requests.put(request_of(_read(length)))
        finally:
            os._exit(0)


def _read(length: int) -> bytes:
    parts: list[bytes] = []
    while length:
        part = os.read(_STDIN, length)
        if not part:
            os._exit(0)
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
