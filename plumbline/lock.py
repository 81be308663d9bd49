"""One process per data folder: a lock that the kernel releases when its process ends, however it ends."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from plumbline.errors import PlumblineError


class LockedError(PlumblineError):
    """The data folder cannot be used: another process has it, or it cannot be written."""


@contextmanager
def exclusive(folder: Path, who: str) -> Generator[None]:
    """Make `folder` where it is missing and hold it alone, as `who` (such as `agent`). Raises `LockedError`."""
    path = folder / f"{who}.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="ascii")
    except OSError as error:
        raise LockedError(f"{path}: cannot be made ({error.strerror}); choose a data folder that can be written") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            owner = file.read(20).strip() or "unknown"
            raise LockedError(
                f"{folder}: another {who} (process {owner}) uses it; stop that one or give this one its own data folder"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
