"""The manifest on the gateway's disk: the newest one, and the offices that it replaced."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

import msgspec
import structlog
from msgspec import Meta, Struct

from edge_agent import durable
from edge_agent.verdict.index import Index, index_of
from plumbline import manifest
from plumbline.errors import CodecError

_log = structlog.get_logger(__name__)

#: Epochs of offices that are remembered as gone.
_REPLACED: Final = 16


class Head(Struct, frozen=True, kw_only=True):
    """The first line of the file."""

    replaced: Annotated[dict[str, int], Meta(max_length=_REPLACED)] = {}
    """Epochs that were given up for another, with the version held then: no more is an old message that a broker still has."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the gateway goes by."""

    index: Index
    replaced: Mapping[str, int] = field(default_factory=dict[str, int])


class Store:
    """The file, written whole or not at all. Its methods block: call them in a thread.

    Args:
        path: the file.
        site: whose manifests are taken.
    """

    def __init__(self, path: Path, site: str) -> None:
        self._path = path
        self._site = site

    def load(self) -> Held | None:
        """What was kept; `None` where nothing is. A damaged file is put aside, and the next manifest replaces it."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            _log.error("verdict.manifest.unreadable", file=str(self._path), error=str(error), check="who owns it")
            return None
        head, _, payload = content.partition(b"\n")
        try:
            replaced = msgspec.json.decode(head, type=Head).replaced
            return Held(index_of(manifest.decode(payload, site=self._site)), replaced)
        except (CodecError, msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
            aside = self._path.with_name(f"{self._path.name}.damaged")
            _log.error("verdict.manifest.damaged", file=str(self._path), error=str(error), aside=str(aside))
            try:
                self._path.replace(aside)
            except OSError as refused:
                _log.error("verdict.manifest.stays", file=str(self._path), error=str(refused))
            return None

    def take(self, payload: bytes, held: Held | None) -> Held | None:
        """Read a manifest and keep it where it is newer than what is held; `None` where it is not.

        Raises `CodecError` where it cannot be read. A disk that does not take it is logged: it holds until the next start.
        """
        found = index_of(manifest.decode(payload, site=self._site))
        if held is not None and not _newer(found, held):
            return None
        replaced = dict(held.replaced) if held is not None else {}
        if held is not None and held.index.epoch != found.epoch:
            replaced.pop(found.epoch, None)
            replaced[held.index.epoch] = held.index.version
            replaced = dict(list(replaced.items())[-_REPLACED:])
        try:
            durable.write(self._path, msgspec.json.encode(Head(replaced=replaced)) + b"\n" + payload)
        except OSError as error:
            _log.error("verdict.manifest.not_kept", file=str(self._path), error=str(error), check="space on the disk")
        return Held(found, replaced)


def _newer(found: Index, held: Held) -> bool:
    """Another epoch is a new office, unless it was given up before and says nothing newer; of the same one the version counts."""
    known = held.index.version if found.epoch == held.index.epoch else held.replaced.get(found.epoch)
    return known is None or found.version > known
