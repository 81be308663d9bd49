"""Pictures of frames that showed a code, kept as evidence: JPEG files under the SHA-256 of their content."""

import hashlib
import os
from pathlib import Path
from typing import Any, Final

import cv2
from numpy.typing import NDArray

_QUALITY: Final = 85
SUFFIX: Final = ".jpg"


class Photos:
    """The pictures in `folder`, together at most `most_bytes`: the oldest make room for new ones."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    def keep(self, pixels: NDArray[Any]) -> str:
        """Keep a picture and return its SHA-256; when this returns, the disk has it. Raises `OSError`."""
        _, encoded = cv2.imencode(SUFFIX, pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        data = encoded.tobytes()
        if len(data) > self._most_bytes:
            raise OSError(f"one takes {len(data) / 1e6:.1f} MB, more than photos_mb")
        sha256 = hashlib.sha256(data).hexdigest()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._make_room(len(data))
        hidden = self._folder / f".{sha256}.part"
        with hidden.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        hidden.replace(self._folder / f"{sha256}{SUFFIX}")
        return sha256

    def _make_room(self, needed: int) -> None:
        kept: list[tuple[int, int, str]] = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.endswith((SUFFIX, ".part")) and entry.is_file():
                    status = entry.stat()
                    kept.append((status.st_mtime_ns, status.st_size, entry.path))
        over = sum(size for _, size, _ in kept) + needed - self._most_bytes
        for _, size, path in sorted(kept):
            if over <= 0:
                return
            Path(path).unlink(missing_ok=True)
            over -= size
