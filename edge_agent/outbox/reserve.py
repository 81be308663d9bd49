"""A file that holds some room on the disk: given up when the disk is full, so that there is room to make room."""

import contextlib
import os
import shutil
from pathlib import Path
from typing import Final

#: Enough for the log of a transaction that drops old telemetry.
_BYTES: Final = 8 * 1024 * 1024
#: It is taken only from a disk that has this many times as much to spare.
_PLENTY: Final = 8


class Reserve:
    """The reserve beside an outbox file."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".reserve")
        self._held = self._path.exists()

    def take(self) -> None:
        """Hold the room again, where there is plenty and it is not held; on a disk that refuses, another time."""
        if self._held:
            return
        with contextlib.suppress(OSError):
            if shutil.disk_usage(self._path.parent).free < _PLENTY * _BYTES:
                return
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, _BYTES)
            self._held = True

    def give_up(self) -> None:
        """Let the room go."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        self._held = False
