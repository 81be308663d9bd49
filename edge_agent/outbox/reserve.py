"""A file that holds some room on the disk: given up when the disk is full, so that there is room to make room."""

import contextlib
import os
import shutil
from pathlib import Path
from typing import Final

_MOST: Final = 8 * 1024 * 1024
_LEAST: Final = 64 * 1024
#: The share of what is free that is held, and how many times as much must be free again before it is held again.
_SHARE: Final = 16
_PLENTY: Final = 2


class Reserve:
    """The reserve beside an outbox file; `size` follows from what is free when the outbox is opened."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".reserve")
        self.size = _LEAST
        self._held = False

    def open(self) -> None:
        """Take over the file of an earlier agent, or hold room anew."""
        with contextlib.suppress(OSError):
            held = self._path.stat().st_size if self._path.exists() else 0
            free = shutil.disk_usage(self._path.parent).free + held
            self.size = max(_LEAST, min(_MOST, free // _SHARE))
            self._held = held >= self.size
        self.take()

    def take(self) -> None:
        """Hold the room, where it is not held and there is plenty; on a disk that refuses, another time."""
        if self._held or not self.plenty():
            return
        with contextlib.suppress(OSError):
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self.size)
            self._held = True

    def plenty(self) -> bool:
        """Whether so much is free that the disk does not count as full."""
        try:
            return shutil.disk_usage(self._path.parent).free >= _PLENTY * self.size
        except OSError:
            return False

    def give_up(self) -> None:
        """Let the room go."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        self._held = False
