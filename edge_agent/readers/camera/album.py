"""The picture folder on disk: what is new in it, and what becomes of a picture afterwards.

Everything here blocks and belongs in one thread: the folder's own.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final, Literal

from edge_agent.decode.header import SUFFIXES
from edge_agent.readers.camera.settling import Stamp

PROCESSED: Final = "processed"
REJECTED: Final = "rejected"

_SCHEMA: Final = "CREATE TABLE IF NOT EXISTS seen (name TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL)"


class Album:
    """The pictures of one folder. `after` is `move` (to `processed/`) or `keep` (remembered in the file `marks`)."""

    def __init__(self, path: Path, marks: Path, after: Literal["move", "keep"]) -> None:
        self._path = path
        self._marks = marks
        self._after = after

    def unread(self) -> dict[str, Stamp]:
        """The pictures that were not read yet, also not before a restart. Raises `OSError`, `sqlite3.Error`."""
        found: dict[str, Stamp] = {}
        with os.scandir(self._path) as entries:
            for entry in entries:
                if entry.name.startswith(".") or Path(entry.name).suffix.lower() not in SUFFIXES:
                    continue
                try:
                    if entry.is_file():
                        status = entry.stat()
                        found[entry.name] = Stamp(status.st_size, status.st_mtime_ns)
                except FileNotFoundError:
                    continue  # taken away between the listing and now
        if self._after == "move" and not self._marks.exists():
            return found
        seen = self._seen(found)
        return {name: stamp for name, stamp in found.items() if seen.get(name) != stamp}

    def path_of(self, name: str) -> Path:
        """Where the picture `name` lies."""
        return self._path / name

    def done(self, name: str, stamp: Stamp) -> None:
        """Its scans are safe: move or remember it. Raises `OSError`, `sqlite3.Error`."""
        if self._after == "keep" or not self._move(name, PROCESSED):
            self._remember(name, stamp)

    def reject(self, name: str, stamp: Stamp, reason: str) -> Path | None:
        """Move it to `rejected/` with the reason beside it; where the folder is read-only, only remember it (`None`)."""
        target = self._move(name, REJECTED)
        if target is None:
            self._remember(name, stamp)
            return None
        target.with_name(f"{target.name}.reason.txt").write_text(f"{reason}\n", encoding="utf-8")
        return target

    def _move(self, name: str, folder: str) -> Path | None:
        """Move within the file system, never over another picture; `None` where the folder does not let us."""
        try:
            (self._path / folder).mkdir(exist_ok=True)
            stem, suffix = Path(name).stem, Path(name).suffix
            target, count = self._path / folder / name, 0
            while target.exists():
                count += 1
                target = self._path / folder / f"{stem}-{count}{suffix}"
            return (self._path / name).rename(target)
        except FileNotFoundError:
            return self._path / folder / name  # somebody else took it away: it is not here any more
        except PermissionError:
            return None
        except OSError as error:
            if error.errno == 30:  # EROFS
                return None
            raise

    def _open(self) -> sqlite3.Connection:
        self._marks.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._marks, isolation_level=None)
        connection.execute(_SCHEMA)
        return connection

    def _seen(self, present: dict[str, Stamp]) -> dict[str, Stamp]:
        with closing(self._open()) as db:
            rows = list(db.execute("SELECT name, size, mtime_ns FROM seen"))
            gone = [(name,) for name, _, _ in rows if name not in present]
            if gone:  # the file of marks grows no larger than the folder
                db.execute("BEGIN")
                db.executemany("DELETE FROM seen WHERE name = ?", gone)
                db.execute("COMMIT")
        return {name: Stamp(size, mtime_ns) for name, size, mtime_ns in rows}

    def _remember(self, name: str, stamp: Stamp) -> None:
        with closing(self._open()) as db:
            db.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", (name, stamp.size, stamp.mtime_ns))
