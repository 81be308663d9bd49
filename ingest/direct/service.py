"""All lanes of a worker, and the file that declares them, read again when it changes."""

import asyncio
from pathlib import Path
from typing import Final

import structlog

from ingest.direct.lane import Lane, Surroundings
from ingest.direct.settings import DirectFile, load
from ingest.patience import Stop
from plumbline.errors import SettingsError

_log: Final = structlog.get_logger()
_LOOK_S: Final = 2.0


class Direct:
    """Serves the direct devices that a file declares, until told to stop. Raises `SettingsError` where the file is wrong.

    A changed file is read again: lanes that are declared otherwise now end in order and begin anew, the rest go on. With a
    mistake in it everything stays as it was, and the mistake is told.
    """

    def __init__(self, path: Path, around: Surroundings, stop: Stop, *, look_s: float = _LOOK_S) -> None:
        self._path = path
        self._around = around
        self._stop = stop
        self._look_s = look_s
        self._looked = self._look()
        self.file: DirectFile = load(path, around.sites)
        self.mistake: str | None = None
        """What is wrong with the file of now, while that of before is in force."""
        self._lanes: dict[tuple[str, str], tuple[Lane, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Serve until told to stop."""
        for warning in self.file.warnings:
            _log.warning("direct devices", what=warning)
        async with asyncio.TaskGroup() as group:
            self._start(group)
            while not await self._stop.pause(self._look_s):
                if self._changed():
                    await self._replace()
                    self._start(group)
            for lane, _ in self._lanes.values():
                lane.stop()

    def _start(self, group: asyncio.TaskGroup) -> None:
        for table in self.file.tables:
            key = table.site, table.name
            if key not in self._lanes:
                lane = Lane(table, self._around)
                self._lanes[key] = lane, group.create_task(lane.run(), name=f"direct-{table.name}")

    async def _replace(self) -> None:
        """End the lanes that are declared otherwise now, or no more."""
        wanted = {(table.site, table.name): table for table in self.file.tables}
        ending = {key: (lane, task) for key, (lane, task) in self._lanes.items() if wanted.get(key) != lane.table}
        for lane, _ in ending.values():
            lane.stop()
        if ending:
            await asyncio.wait([task for _, task in ending.values()])
        for key in ending:
            del self._lanes[key]

    def _changed(self) -> bool:
        """Whether another file is in force now. One with a mistake is tried again: a site may have been added meanwhile."""
        looked = self._look()
        if looked == self._looked and self.mistake is None:
            return False
        self._looked = looked
        try:
            self.file = load(self._path, self._around.sites)
        except SettingsError as error:
            if str(error) != self.mistake:
                _log.error("direct devices: file not taken, that of before stays in force", mistake=str(error))
            self.mistake = str(error)
            return False
        self.mistake = None
        _log.info("direct devices: file taken", tables=len(self.file.tables))
        return True

    def _look(self) -> object:
        try:
            status = self._path.stat()
        except OSError as error:
            return str(error)
        return status.st_mtime_ns, status.st_size, status.st_ino
