"""A folder that photos are dropped into, by a phone's upload, a camera's FTP or a person."""

import asyncio
import os
import random
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Literal

from edge_agent.link import Listening
from edge_agent.reader import Emit, ReaderError
from edge_agent.readers.camera.album import Album
from edge_agent.readers.camera.capture import Scribe
from edge_agent.readers.camera.messages import Picture, PictureGone, PictureRead, PictureRefused, Reply
from edge_agent.readers.camera.process import Worker, WorkerDiedError
from edge_agent.readers.camera.settling import Settling, Stamp
from edge_agent.readers.camera.sightings import distinct
from plumbline.backoff import delay_s

#: A picture that ended the worker so often is rejected.
_CHANCES: Final = 2


class Folder:
    """Reads each picture of a folder once (`edge_agent.reader.Reader`), in a worker process.

    A picture counts as read when all its scans are safe. An agent killed before that reads it again, and its scans keep
    the identifiers that they had: they are not counted twice.

    Args:
        worker: makes a worker that was not started yet.
        asked: what the worker is asked, with the path still to be set.
        deadline_s: a worker that says nothing for this long hangs, and is killed.
        idle_s: a worker that had nothing to read for this long is let go, with its memory.
        chance: a number in [0, 1), for the jitter.
    """

    def __init__(
        self,
        *,
        scribe: Scribe,
        worker: Callable[[], Worker],
        asked: Picture,
        deadline_s: float,
        idle_s: float,
        path: Path,
        marks: Path,
        after: Literal["move", "keep"],
        settle_s: float,
        poll_s: float,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._scribe = scribe
        self._name = scribe.device
        self._make = worker
        self._asked = asked
        self._deadline_s = deadline_s
        self._idle_s = idle_s
        self._path = path
        self._album = Album(path, marks, after)
        self._settle_s = settle_s
        self._poll_s = poll_s
        self._chance = chance
        self._worker: Worker | None = None
        self._used_s = 0.0
        self._deaths = 0

    async def run(self, emit: Emit) -> None:
        """Watch the folder until cancelled. Raises `ReaderError` where it, the marks or the worker cannot be used."""
        loop = asyncio.get_running_loop()
        settling = Settling(self._settle_s)
        # Who uploads may have stood still with us: a file that did not grow meanwhile is not finished for that.
        now = Listening(step_s=min(0.6 * self._settle_s, max(self._settle_s / 4, 1.5 * self._poll_s)))
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"pictures-{self._name}")
        try:
            while True:
                unread = await loop.run_in_executor(thread, self._album.unread)
                for picture in settling.finished(unread, now()):
                    await self._read(thread, picture, unread[picture], emit)
                    self._used_s = loop.time()
                if loop.time() - self._used_s >= self._idle_s:
                    await self._dismiss()
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
            thread.submit(self._album.close)  # after what it is doing
            thread.shutdown(wait=False)
            await self._dismiss()

    async def check(self, patience_s: float) -> str:
        """Look into the folder, and read the newest picture in it without touching it. Raises `ReaderError`."""
        try:
            unread = await asyncio.to_thread(self._album.unread)
        except FileNotFoundError as error:
            raise ReaderError(self._name, f"the folder {self._path} is not there", "its path, or create or mount it") from error
        except (OSError, sqlite3.Error) as error:
            raise ReaderError(self._name, f"cannot use {self._path} ({error})", "its owner, mode and disk") from error
        number = len(unread)
        found = f"{number} {'picture' if number == 1 else 'pictures'} to read in {self._path}"
        if not os.access(self._path, os.W_OK):
            found += ", which may only be read: pictures stay in it"
        if not unread:
            self._album.close()
            return found
        newest = max(unread, key=lambda name: unread[name].mtime_ns)
        try:
            reply = await self._ask(newest, patience_s)
        except WorkerDiedError as error:
            return f"{found}; {_shown(newest)}: not read within {patience_s:g} s ({error})"
        finally:
            self._album.close()
            await self._dismiss()
        return f"{found}; {_shown(newest)}: {_summary(reply)}"

    async def _read(self, thread: ThreadPoolExecutor, picture: str, stamp: Stamp, emit: Emit) -> None:
        loop = asyncio.get_running_loop()
        reply = await self._reply(picture)
        if isinstance(reply, PictureRefused):
            await loop.run_in_executor(thread, self._album.reject, picture, stamp, reply.reason)
            self._scribe.report(self._name, f"{_shown(picture)}: {reply.reason}")
        elif isinstance(reply, PictureRead):
            codes = distinct(reply.codes)
            known = await loop.run_in_executor(
                thread, self._album.begin, picture, reply.sha256, tuple(code.raw for code in codes)
            )
            for code in codes:
                event_id = known.get(code.raw)
                if event_id is not None:  # else it was safe before the agent was killed
                    await emit(self._scribe.capture_of(code, reply.sha256, event_id))
                    await loop.run_in_executor(thread, self._album.is_safe, picture, reply.sha256, code.raw)
            await loop.run_in_executor(thread, self._album.done, picture, stamp)

    async def _reply(self, picture: str) -> Reply:
        """What the worker says of `picture`; a new worker is asked where it ends the first."""
        how = ""
        for _ in range(_CHANCES):
            if self._deaths > 1:
                await asyncio.sleep(delay_s(self._deaths - 1, self._chance))
            try:
                reply = await self._ask(picture, self._deadline_s)
            except WorkerDiedError as death:
                self._deaths += 1
                how = str(death)
                await self._dismiss()
            else:
                self._deaths = 0
                return reply
        return PictureRefused(f"the decoder's process {how} while it read it, {_CHANCES} times; look at it, and report it")

    async def _ask(self, picture: str, within_s: float) -> Reply:
        if self._worker is None or not self._worker.alive:
            await self._dismiss()
            worker = self._make()
            await worker.start()
            self._worker = worker
        asked = self._asked
        path = os.fsencode(self._album.path_of(picture))
        await self._worker.send(Picture(path=path, budget_ms=asked.budget_ms, aim=asked.aim))
        return await self._worker.receive(within_s)

    async def _dismiss(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.close()


def _shown(picture: str) -> str:
    """A file's name as text; names that are none are shown as near as possible."""
    return os.fsencode(picture).decode("utf-8", "replace")


def _summary(reply: Reply) -> str:
    match reply:
        case PictureRead(codes):
            listed = ", ".join(f"{code.format} {code.text or code.raw.hex()}" for code in codes[:3])
            return f"{len(codes)} {'code' if len(codes) == 1 else 'codes'} read ({listed})" if codes else "no code read"
        case PictureRefused(reason):
            return reason
        case PictureGone():
            return "was taken away"
        case _:
            return "not read"
