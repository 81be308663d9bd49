"""Log files of bounded size, written by a thread of their own: a disk that is full or slow never holds the agent up."""

import json
import queue
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO, Final

#: Lines that may wait for the disk; more are counted and dropped.
_WAITING: Final = 5000
#: A longer line is written without its details.
_LONGEST: Final = 16 * 1024
_RETRY_S: Final = 5.0


class LogFile:
    """`path`, `path.1` (older) … `path.{count - 1}`, each at most about `limit` bytes.

    Args:
        path: the newest file; its folder is made.
        limit: bytes.
        count: files.
    """

    def __init__(self, path: Path, *, limit: int, count: int) -> None:
        self.path = path
        self._limit = limit
        self._count = count
        self._queue: queue.Queue[bytes | None] = queue.Queue(_WAITING)
        self._file: BinaryIO | None = None
        self._size = 0
        self._retry_s = 0.0
        self.lost = 0
        """Lines that could not be written since the last that could."""
        self._thread = threading.Thread(target=self._work, name="log-file", daemon=True)
        self._thread.start()

    def write(self, entry: dict[str, Any]) -> None:
        """Hand an entry over; never waits."""
        line = _line(entry)
        try:
            self._queue.put_nowait(line)
        except queue.Full:
            self.lost += 1

    def close(self, patience_s: float = 1.0) -> None:
        """Write what waits, for at most so long."""
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(patience_s)

    def _work(self) -> None:
        while (line := self._queue.get()) is not None:
            if self._file is None and time.monotonic() < self._retry_s:
                self.lost += 1
                continue
            try:
                self._append(line)
            except OSError:
                self.lost += 1
                self._retry_s = time.monotonic() + _RETRY_S
                self._shut()
        self._shut()

    def _append(self, line: bytes) -> None:
        if self._file is None or self._size + len(line) > self._limit:
            self._next(len(line))
        assert self._file is not None
        if self.lost:
            lost, self.lost = self.lost, 0
            line = _line({"event": "log.gap", "level": "warning", "lost": lost, "check": "the disk's free space"}) + line
        self._file.write(line)
        self._size += len(line)

    def _next(self, coming: int) -> None:
        """Open the newest file, after moving all of them on where it is long enough."""
        self._shut()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and self.path.stat().st_size + coming > self._limit:
            for n in range(self._count - 1, 0, -1):
                older = self._numbered(n)
                newer = self._numbered(n - 1)
                if newer.exists():
                    newer.replace(older)
            if self._count == 1:
                self.path.unlink()
        self._file = self.path.open("ab", buffering=0)
        self._size = self._file.tell()
        if self._size and not self._ends_a_line():
            self._size += self._file.write(b"\n")

    def _numbered(self, n: int) -> Path:
        return self.path if n == 0 else self.path.with_name(f"{self.path.name}.{n}")

    def _ends_a_line(self) -> bool:
        with self.path.open("rb") as file:
            file.seek(-1, 2)
            return file.read(1) == b"\n"

    def _shut(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _line(entry: dict[str, Any]) -> bytes:
    line = json.dumps(entry, default=str, ensure_ascii=False).encode("utf-8", "replace")
    if len(line) > _LONGEST:
        short = {key: str(entry[key])[:500] for key in ("event", "level", "timestamp", "reader", "device") if key in entry}
        line = json.dumps(short | {"cut_bytes": len(line)}, ensure_ascii=False).encode("utf-8", "replace")
    return line + b"\n"
