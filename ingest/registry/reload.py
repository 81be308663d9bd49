"""Reading the site files again while the service runs.

The files are looked at about every second (names, times, sizes, and the content where one of these changed), and at once on
SIGHUP. A change is taken once two looks in a row saw the same, since somebody may still be writing. The files are read as a
whole: with a mistake in one of them everything stays as it was, and the mistake is told, once.
"""

import asyncio
import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

from ingest.registry.sites import Registry, changes
from plumbline import site
from plumbline.errors import SettingsError

_log: Final = structlog.get_logger()

EVERY_S: Final = 1.0
#: A file changed so recently may change again without its times telling so.
_RECENT_NS: Final = 3_000_000_000

_Stamp = tuple[str, int, int, int, int]


class Watcher:
    """Keeps `registry` at what the site files say. Raises `SettingsError` where they cannot be read at the start.

    Args:
        places: site files, and folders of them (`*.toml`).
        every_s: how often they are looked at.
    """

    def __init__(self, places: Sequence[Path], *, every_s: float = EVERY_S) -> None:
        self._places = tuple(places)
        self._every_s = every_s
        self._hurry = asyncio.Event()
        self._stamps: list[_Stamp] = []
        self._stamped_at = 0
        self._digest = b""
        self._done = self._look()
        self._before = self._done
        self.registry: Final = Registry(site.load_all(self._places))
        self.mistake: str | None = None
        """What is wrong with the files of now, while those of before are in force: what, where, what to do."""

    def hurry(self) -> None:
        """Look at once and take what is there (SIGHUP)."""
        self._hurry.set()

    def state(self) -> dict[str, object]:
        """What readiness tells: how many sites are known, the version of that, and what is wrong with the files of now."""
        return {"sites": len(self.registry), "version": self.registry.version, "mistake": self.mistake}

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._every_s):
                    await self._hurry.wait()
            except TimeoutError:
                pass
            told, _ = self._hurry.is_set(), self._hurry.clear()
            await self.look(told=told)

    async def look(self, *, told: bool = False) -> bool:
        """Look once; returns whether other files are in force now. `told`: somebody says that they are complete."""
        if told:
            self._stamps = []
        found = await asyncio.to_thread(self._look)
        steady, self._before = found == self._before, found
        if not told and (found == self._done or not steady):
            return False
        self._done = found
        return await self._take(told=told)

    async def _take(self, *, told: bool) -> bool:
        old = dict(self.registry)
        try:
            new = await asyncio.to_thread(site.load_all, self._places)
            if old and not new:
                where = ", ".join(map(str, self._places))
                raise SettingsError(
                    f"{where}: holds no site file any more; put them back, or stop the service if that is meant"
                )
        except (SettingsError, OSError) as error:
            if str(error) != self.mistake or told:
                _log.error("site files not taken, those of before stay in force", mistake=str(error))
            self.mistake = str(error)
            return False
        if self.mistake is not None:
            _log.info("site files are right again")
            self.mistake = None
        different = list(changes(old, new))
        if different or [one.file for one in old.values()] != [one.file for one in new.values()]:
            self.registry.replace(new)
        for one in different:
            _log.info("site file taken", **one)
        if told and not different:
            _log.info("site files read again, nothing changed", sites=len(new))
        return bool(different)

    def _look(self) -> bytes:
        """A digest of what the files hold, and of what keeps them from being read."""
        try:
            paths = site.files(self._places)
            stamps = [_stamp(path) for path in paths]
        except (SettingsError, OSError) as error:
            self._stamps = []
            return repr(error).encode()
        recent = any(self._stamped_at - changed < _RECENT_NS for _, _, changed, _, _ in self._stamps)
        if stamps != self._stamps or not stamps or recent:
            self._digest = b"".join(map(_content, paths))
        self._stamps, self._stamped_at = stamps, time.time_ns()
        return self._digest


def _stamp(path: Path) -> _Stamp:
    status = path.stat()
    return str(path), status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _content(path: Path) -> bytes:
    """Name and content of a file as a digest; what cannot be read (a pipe is never) counts as itself."""
    digest = hashlib.blake2b(os.fsencode(path) + b"\0", digest_size=16)
    try:
        if path.is_file():
            digest.update(path.read_bytes())
    except OSError as error:
        digest.update(repr(error).encode())
    return digest.digest()
