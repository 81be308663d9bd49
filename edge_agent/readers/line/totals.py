"""Totals of counters on the gateway's disk, so that they go on after a restart."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from edge_agent.readers.line.counter import Total

#: A counter that runs all day must not wear out a memory card.
WRITE_EVERY_S: Final = 60.0


class _Kept(Struct, frozen=True):
    carried: float
    last: float | None


class TotalsFile:
    """One file a reader, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: dict[str, _Kept] = {}

    def load(self, totals: Mapping[str, Total]) -> str | None:
        """Fill `totals`; what was wrong with the file, if anything: then the totals begin anew."""
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=dict[str, _Kept])
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            return f"cannot read the totals of its counters ({error}), which begin anew; check {self._path}"
        for name in kept.keys() & totals.keys():
            totals[name].carried, totals[name].last = kept[name].carried, kept[name].last
        self._written = kept
        return None

    def save(self, totals: Mapping[str, Total]) -> str | None:
        """Write `totals` where they changed; what went wrong, if anything."""
        now = {name: _Kept(total.carried, total.last) for name, total in totals.items()}
        if now == self._written:
            return None
        fresh = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(msgspec.json.encode(now))
            fresh.replace(self._path)
        except OSError as error:
            return f"cannot keep the totals of its counters ({error.strerror}); check the disk and {self._path.parent}"
        self._written = now
        return None
