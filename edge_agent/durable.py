"""Files that are there whole or not at all, whenever the power goes."""

import os
from contextlib import suppress
from pathlib import Path


def write(path: Path, content: bytes, *, like: Path | None = None) -> None:
    """Put `content` in place of what `path` held, forced to disk; mode 0600, or mode and owner of the file `like`.

    Raises `OSError`; the old content stands then.
    """
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if like is not None:
                _liken(descriptor, like)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        beside.replace(path)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Force the folder's entries to disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _liken(descriptor: int, like: Path) -> None:
    try:
        stat = like.stat()
    except FileNotFoundError:
        return
    os.fchmod(descriptor, stat.st_mode & 0o777)
    with suppress(PermissionError):  # an ordinary user cannot give files away: then it is ours
        os.fchown(descriptor, stat.st_uid, stat.st_gid)
