"""The scans of this gateway that the office may not have counted yet, in a file: one a line, the newest last.

It is written without waiting for the disk: what a power cut takes of it stands in the outbox, which waited.
"""

import asyncio
from collections.abc import Mapping
from io import FileIO
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

from edge_agent import durable
from plumbline.linking import Identity

_log = structlog.get_logger(__name__)


class _Entry(Struct, frozen=True, omit_defaults=True):
    id: str
    identity: Identity


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Entry)


class Journal:
    """The file. A disk that does not take it costs only what a restart would have to know; it is said once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None
        self._failing = False
        self.lines = 0
        """How many it holds, or may hold."""
        self._late: list[bytes] | None = None
        """What is added while the file is being replaced."""

    def load(self) -> Mapping[str, Identity]:
        """What it holds; lines that cannot be read (the last one, torn by a power cut) are left out."""
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return {}
        except OSError as error:
            self._failed(error)
            return {}
        found: dict[str, Identity] = {}
        bad = 0
        for line in lines:
            try:
                entry = _decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
                bad += bool(line)
            else:
                found[entry.id] = entry.identity
        self.lines = len(lines)
        if bad:
            _log.warning("verdict.journal.torn", file=str(self._path), lines=bad)
        return found

    def add(self, event_id: str, identity: Identity) -> None:
        """Note a scan."""
        line = _encoder.encode(_Entry(event_id, identity)) + b"\n"
        self.lines += 1
        if self._late is not None:
            self._late.append(line)
            return
        try:
            self._write(line)
            self._failing = False
        except OSError as error:
            self._failed(error)

    async def replace(self, taken: Mapping[str, Identity]) -> None:
        """Hold these scans, and those that are added meanwhile, and no others."""
        self.close()
        self._late = []
        self.lines = len(taken)
        content = b"".join(_encoder.encode(_Entry(event_id, identity)) + b"\n" for event_id, identity in taken.items())
        try:
            await asyncio.to_thread(durable.write, self._path, content)
            self._failing = False
        except OSError as error:
            self._failed(error)
        finally:
            late, self._late = self._late, None
            try:
                self._write(b"".join(late))
            except OSError as error:
                self._failed(error)

    def _write(self, lines: bytes) -> None:
        if not lines:
            return
        if self._file is None:
            self._file = FileIO(self._path, "a")
            if self._file.tell():
                lines = b"\n" + lines  # the last line may have been torn
        self._file.write(lines)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _failed(self, error: OSError) -> None:
        self.close()
        if not self._failing:
            _log.error(
                "verdict.journal.failed", file=str(self._path), error=str(error), check="space on the disk, and its owner"
            )
        self._failing = True
