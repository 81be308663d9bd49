"""One agent per data folder: a lock that the kernel releases when its process ends, however it ends."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from plumbline.errors import PlumblineError


class LockedError(PlumblineError):
    """The data folder cannot be used: another agent has it, or it cannot be written."""


@contextmanager
def exclusive(folder: Path) -> Generator[None]:
    """Make `folder` where it is missing and hold it alone. Raises `LockedError`."""
    path = folder / "agent.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="ascii")
    except OSError as error:
        raise LockedError(f"{path}: cannot be made ({error.strerror}); check 'data' and who owns that folder") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            owner = file.read(20).strip() or "unknown"
            raise LockedError(
                f"{folder}: another agent (process {owner}) uses it; stop that one or give this one its own 'data'"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
