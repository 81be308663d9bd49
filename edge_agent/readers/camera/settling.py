"""Which files of a folder are finished: a picture that is still being written must not be read."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stamp:
    """What changes when a file is written."""

    size: int
    mtime_ns: int


class Settling:
    """Watches the stamps of files; one that stayed the same for `settle_s` seconds, and is not empty, is finished."""

    def __init__(self, settle_s: float) -> None:
        self._settle_s = settle_s
        self._since: dict[str, tuple[Stamp, float]] = {}

    def finished(self, files: Mapping[str, Stamp], now_s: float) -> list[str]:
        """Tell which of `files` are finished at `now_s` (monotonic seconds), oldest first."""
        self._since = {
            name: self._since[name] if name in self._since and self._since[name][0] == stamp else (stamp, now_s)
            for name, stamp in files.items()
        }
        ready = [name for name, (stamp, since_s) in self._since.items() if stamp.size > 0 and now_s - since_s >= self._settle_s]
        return sorted(ready, key=lambda name: (files[name].mtime_ns, name))
