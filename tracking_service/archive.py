"""ZIP archives from outside, opened with a bound on what stands in their directory."""

import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from io import BytesIO
from typing import Final

from tracking_service.errors import FileRefusedError

#: Files in an archive: a workbook has a few dozen.
MAX_PARTS: Final = 5_000
#: What every entry of the directory begins with (APPNOTE 4.3.12).
_ENTRY: Final = b"PK\x01\x02"


@contextmanager
def opened(data: bytes, name: str) -> Generator[zipfile.ZipFile]:
    """The archive. Raises `FileRefusedError` where it is damaged, also while it is read, or has too many files."""
    parts = data.count(_ENTRY)
    if parts > MAX_PARTS:
        raise FileRefusedError(f"{name}: {parts} files in the archive, at most {MAX_PARTS} are read; this is no list or plan")
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, ValueError, RuntimeError) as error:
        raise FileRefusedError(f"{name}: the archive is damaged ({str(error)[:100]}); save or pack it again") from None
