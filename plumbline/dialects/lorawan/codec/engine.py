"""Scripts of others, run in a process of their own (`sandbox.py`) that is ended when it does not answer."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from plumbline import processor
from plumbline.dialects.document import FieldError, Json, decode
from plumbline.dialects.lorawan.codec.contract import CodecError

#: How long a payload may take, beyond the processor time that the sandbox itself allows (`TIME_S`): a loaded gateway.
ANSWER_S: Final = 3.0
#: The first answer waits for Python to start, which takes a second on a small gateway. So long waits any, where the process
#: did not get the processor: it was swapped out, and the payload would be lost for it.
START_S: Final = 20.0
#: Processor time, after which the script is what takes so long.
_WORK_S: Final = 0.25


def available() -> bool:
    """Whether QuickJS is installed (extra `lorawan`)."""
    return find_spec("quickjs") is not None


class Engine:
    """Runs scripts; all of one dialect share one process, which starts with the first payload. Not for several threads."""

    def __init__(self) -> None:
        self._connection: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._end = weakref.finalize(self, lambda: None)
        self._loaded: set[str] = set()

    def call(self, source: str, call: Mapping[str, Any]) -> Json:
        """What the script's function answers: JSON with `form` and `answer`. Raises `CodecError` where it fails or is cut off."""
        script = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()
        request: dict[str, Any] = {"script": script, "call": call}
        patience_s = ANSWER_S
        try:
            if self._connection is None:
                self._start()
                patience_s = START_S
            if script not in self._loaded:
                request["source"] = source
            answer = self._ask(request, patience_s)
        except TimeoutError:
            self.close()
            raise CodecError(f"the script did not end within {patience_s:g} s and was cut off; is it the right one?") from None
        except (OSError, EOFError, ValueError) as error:
            self.close()
            raise CodecError(
                f"the script took down the process that ran it and was cut off ({str(error) or 'it ended'})"
            ) from None
        self._loaded.add(script)
        if "error" in answer:
            raise CodecError(_explained(str(answer["error"])))
        try:
            return decode(str(answer.get("answer")).encode())
        except (FieldError, UnicodeEncodeError) as error:
            raise CodecError(f"the script's answer {error}") from None

    def close(self) -> None:
        """End the process; the next call starts another."""
        self._end()
        self._connection = self._process = None
        self._loaded.clear()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(  # noqa: S603 # our own interpreter and our own file
                [sys.executable, "-I", str(Path(__file__).with_name("sandbox.py")), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={"TZ": "UTC"} | {key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH") if key in os.environ},
                start_new_session=True,
            )
        self._connection, self._process = ours, process
        self._end = weakref.finalize(self, _end, process, ours)

    def _ask(self, request: Mapping[str, Any], patience_s: float) -> dict[str, Any]:
        assert self._connection is not None
        self._connection.settimeout(patience_s)
        until_s, worked_s = time.monotonic() + START_S, self._worked_s() + _WORK_S
        body = json.dumps(request).encode()
        self._connection.sendall(len(body).to_bytes(4, "big") + body)
        size = int.from_bytes(self._exactly(4, until_s, worked_s), "big")
        return json.loads(self._exactly(size, until_s, worked_s))

    def _exactly(self, count: int, until_s: float, worked_s: float) -> bytes:
        assert self._connection is not None
        parts = bytearray()
        while len(parts) < count:
            try:
                part = self._connection.recv(count - len(parts))
            except TimeoutError:
                if time.monotonic() < until_s and self._worked_s() < worked_s:
                    continue
                raise
            if not part:
                raise EOFError
            parts += part
        return bytes(parts)

    def _worked_s(self) -> float:
        assert self._process is not None
        return processor.worked_s(self._process.pid)


def _end(process: subprocess.Popen[bytes], connection: socket.socket) -> None:
    connection.close()
    process.kill()
    process.wait()


def _explained(error: str) -> str:
    """A JavaScript error in one line, with what to do about ours."""
    first, _, rest = error.partition("\n")
    where = rest.strip().partition("\n")[0].strip()
    if first == "InternalError: interrupted":
        return f"the script ran too long and was cut off ({where or 'no place known'}); is it the right one?"
    if first == "InternalError: out of memory":
        return f"the script took too much memory and was cut off ({where or 'no place known'})"
    if first == "null" or not first:
        return "the script ran out of memory and was cut off"
    return f"the script failed: {first[:200]}{f' {where[:80]}' if where else ''}"
