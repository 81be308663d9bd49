"""A folder that photos are dropped into, by a phone's upload, a camera's FTP or a person."""

import asyncio
import hashlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from edge_agent.decode import DecodeError, Symbol, decode
from edge_agent.decode.picture import read_file
from edge_agent.reader import Emit, ReaderError
from edge_agent.readers.camera.album import Album
from edge_agent.readers.camera.capture import capture_of
from edge_agent.readers.camera.settling import Settling, Stamp
from edge_agent.readers.camera.sightings import distinct


class Folder:
    """Reads each picture of a folder once (`edge_agent.reader.Reader`), in a thread of its own.

    A picture counts as read when all its scans are safe; an agent killed before that reads it again.
    """

    def __init__(
        self,
        *,
        name: str,
        path: Path,
        marks: Path,
        report: Callable[[str, str], None],
        budget_ms: float,
        after: Literal["move", "keep"],
        settle_s: float,
        poll_s: float,
    ) -> None:
        self._name = name
        self._path = path
        self._album = Album(path, marks, after)
        self._report = report
        self._budget_ms = budget_ms
        self._settle_s = settle_s
        self._poll_s = poll_s

    async def run(self, emit: Emit) -> None:
        """Watch the folder until cancelled. Raises `ReaderError` where it, or the file of marks, cannot be used."""
        loop = asyncio.get_running_loop()
        settling = Settling(self._settle_s)
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"pictures-{self._name}")
        try:
            while True:
                unread = await loop.run_in_executor(thread, self._album.unread)
                for picture in settling.finished(unread, loop.time()):
                    await self._read(loop, thread, picture, unread[picture], emit)
                await asyncio.sleep(self._poll_s)
        except FileNotFoundError as error:
            raise ReaderError(self._name, f"the folder {self._path} is not there", "its path, or create or mount it") from error
        except OSError as error:
            raise ReaderError(self._name, f"cannot use {self._path} ({error})", "its owner, mode and disk") from error
        except sqlite3.Error as error:
            raise ReaderError(
                self._name, f"cannot keep marks ({error})", "the disk and owner of the agent's data folder"
            ) from error
        finally:
            thread.shutdown(wait=False, cancel_futures=True)

    async def _read(
        self, loop: asyncio.AbstractEventLoop, thread: ThreadPoolExecutor, picture: str, stamp: Stamp, emit: Emit
    ) -> None:
        try:
            symbols, sha256 = await loop.run_in_executor(thread, self._decode, picture)
        except FileNotFoundError:
            return  # taken away before it was read
        except DecodeError as error:
            await loop.run_in_executor(thread, self._album.reject, picture, stamp, str(error))
            self._report(self._name, f"{picture}: {error}")
            return
        for symbol in distinct(symbols):
            await emit(capture_of(self._name, symbol, sha256))
        await loop.run_in_executor(thread, self._album.done, picture, stamp)

    def _decode(self, picture: str) -> tuple[list[Symbol], str]:
        path = self._album.path_of(picture)
        path.stat()
        data = read_file(path)
        return decode(data, budget_ms=self._budget_ms), hashlib.sha256(data).hexdigest()
