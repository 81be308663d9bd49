"""The picture folder on disk: what is new in it, and what becomes of a picture afterwards.

Everything here blocks and belongs in one thread: the folder's own.
"""

import errno
import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from edge_agent.readers.camera.settling import Stamp
from plumbline.ids import new_event_id

#: File name endings of the pictures that `edge_agent.decode` reads (whose import would bring OpenCV into the agent).
SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".pgm", ".ppm"})
PROCESSED: Final = "processed"
REJECTED: Final = "rejected"

#: `seen`: pictures that were read and stay in the folder. `scan`: those of pictures that are being read, with the
#: identifiers of their events, so that an agent that is killed in between goes on where it was.
_SCHEMA: Final = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS seen (name TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS scan (
    name TEXT NOT NULL, sha256 TEXT NOT NULL, content BLOB NOT NULL, event_id TEXT NOT NULL, safe INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (name, sha256, content)
) WITHOUT ROWID;
"""


class Album:
    """The pictures of one folder. `after` is `move` (to `processed/`) or `keep` (remembered in the file `marks`)."""

    def __init__(self, path: Path, marks: Path, after: Literal["move", "keep"]) -> None:
        self._path = path
        self._marks = marks
        self._after = after
        self._db: sqlite3.Connection | None = None

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
        if self._db is None and not self._marks.exists():
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
        with self._transaction() as db:
            db.execute("DELETE FROM scan WHERE name = ?", (_key(name),))

    def begin(self, name: str, sha256: str, contents: tuple[bytes, ...]) -> dict[bytes, str]:
        """Give each of the picture's `contents` that is not safe yet an event's identifier, now or before a restart."""
        with self._transaction() as db:
            db.executemany(
                "INSERT OR IGNORE INTO scan (name, sha256, content, event_id) VALUES (?, ?, ?, ?)",
                [(_key(name), sha256, content, new_event_id()) for content in contents],
            )
            rows = db.execute(
                "SELECT content, event_id FROM scan WHERE name = ? AND sha256 = ? AND NOT safe", (_key(name), sha256)
            )
            return dict(rows.fetchall())

    def is_safe(self, name: str, sha256: str, content: bytes) -> None:
        """The scan of `content` is on the disk."""
        with self._transaction() as db:
            db.execute("UPDATE scan SET safe = 1 WHERE name = ? AND sha256 = ? AND content = ?", (_key(name), sha256, content))

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
            if error.errno == errno.EROFS:
                return None
            raise

    def close(self) -> None:
        """Let go of the file of marks."""
        if self._db is not None:
            self._db.close()
            self._db = None

    @property
    def _marked(self) -> sqlite3.Connection:
        if self._db is None:
            self._marks.parent.mkdir(parents=True, exist_ok=True)
            # One task at a time uses it, though from more than one thread.
            db = sqlite3.connect(self._marks, isolation_level=None, check_same_thread=False)
            db.executescript(_SCHEMA)
            self._db = db
        return self._db

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        db = self._marked
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")

    def _seen(self, present: dict[str, Stamp]) -> dict[str, Stamp]:
        rows = list(self._marked.execute("SELECT name, size, mtime_ns FROM seen"))
        begun = [name for (name,) in self._marked.execute("SELECT DISTINCT name FROM scan")]
        gone = [(name,) for name in {*(row[0] for row in rows), *begun} - {_key(name) for name in present}]
        if gone:  # the file of marks grows no larger than the folder
            with self._transaction() as db:
                db.executemany("DELETE FROM seen WHERE name = ?", gone)
                db.executemany("DELETE FROM scan WHERE name = ?", gone)
        return {_name(key): Stamp(size, mtime_ns) for key, size, mtime_ns in rows}

    def _remember(self, name: str, stamp: Stamp) -> None:
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", (_key(name), stamp.size, stamp.mtime_ns))


def _key(name: str) -> str | bytes:
    """A file's name as SQLite takes it: text, or bytes where it is none."""
    data = os.fsencode(name)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data


def _name(key: str | bytes) -> str:
    return os.fsdecode(key)
