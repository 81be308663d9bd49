"""The errors of the outbox.

PlumblineError
└── OutboxError             the file could not be written or read; it may work again later
    ├── OutboxDamagedError  the file's content is broken: it has to be put aside
    ├── OutboxFullError     the disk has no room; it may have again later
    └── OutboxRefusedError  it cannot work with this file or event at all: a newer version, another gateway, too large
"""

import sqlite3
from pathlib import Path
from typing import Final

from plumbline.errors import PlumblineError


class OutboxError(PlumblineError):
    """An event could not be kept or read now: the text says why and what to look at."""


class OutboxDamagedError(OutboxError):
    """The file's content is broken."""


class OutboxFullError(OutboxError):
    """The disk, or the user's share of it, is full."""


class OutboxRefusedError(OutboxError):
    """Trying again will not help: the file is another gateway's or a newer version's, or the event is no event."""


_ADVICE: Final = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space",
    sqlite3.SQLITE_READONLY: "it may only be read; check the mount and the owner of the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check that the folder exists and is writable for this user",
    sqlite3.SQLITE_PERM: "access is denied; check the owner of the file and its folder",
    sqlite3.SQLITE_IOERR: "the disk reports an input or output error; check the disk or card (dmesg)",
    sqlite3.SQLITE_BUSY: "another program holds it locked; find it with fuser",
    sqlite3.SQLITE_LOCKED: "another program holds it locked; find it with fuser",
}
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def explain(path: Path, error: sqlite3.Error) -> OutboxError:
    """Say what SQLite's error means for whoever looks after the gateway."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary result code; the rest is detail
    if code in _DAMAGED or (code == 0 and type(error) is sqlite3.DatabaseError):
        return OutboxDamagedError(f"{path}: is damaged ({error}); it is put aside and what can be read is kept")
    kind = OutboxFullError if code == sqlite3.SQLITE_FULL else OutboxError
    return kind(f"{path}: {_ADVICE.get(code, 'check the disk')} ({error})")
