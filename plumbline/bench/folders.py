"""Where a benchmark works."""

import contextlib
import tempfile
from collections.abc import Generator
from pathlib import Path


@contextlib.contextmanager
def given(keep: Path | None) -> Generator[Path]:
    """The folder to keep, made where it is missing; without one a temporary folder, gone after the block."""
    with tempfile.TemporaryDirectory(prefix="plumbline-bench-") as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        yield folder.resolve()
