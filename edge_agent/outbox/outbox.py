"""The outbox's asyncio face: one thread writes and commits in groups, one reads, the event loop never waits for a disk.

Numbers leave the gateway only when a power cut can no longer take them back: `pending` brings what it hands out to the
disk first. Otherwise a gateway could give a number, which ingest has committed, to another event after the cut, and
ingest would take that one for a repetition.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, NamedTuple, Self

import structlog

from edge_agent.outbox.errors import OutboxDamagedError, OutboxError, OutboxFullError, explain
from edge_agent.outbox.file import OutboxFile, Stored, Stream, connect, read
from edge_agent.outbox.requests import Append, Broken, Commit, Correct, Sync, Work, apply, is_telemetry
from edge_agent.outbox.reserve import Reserve
from edge_agent.outbox.salvage import check_log, finish, put_aside, rescue_all
from plumbline import ranges
from plumbline.clock import Reference
from plumbline.codec import decode_event
from plumbline.delivery import Watermark
from plumbline.errors import CodecError
from plumbline.event import CLASSES, Event, EventClass
from plumbline.ranges import Pairs

_log = structlog.get_logger(__name__)

Fsync = Literal["full", "normal"]
DEFAULT_FSYNC: Final[Mapping[EventClass, Fsync]] = {"business": "full", "telemetry": "normal"}
#: Requests that share a transaction at most: bounds how long the first of them waits.
_GROUP: Final = 4096
#: What is freed at least on a full disk.
_LEAST_ROOM: Final = 256 * 1024
#: Dropping a byte of events writes up to so many bytes of log: pages at the ends of blocks are written whole.
_LOG_PER_BYTE: Final = 6


class Chunk(NamedTuple):
    """Events read from the outbox, and the epoch that numbered them."""

    epoch: str
    events: list[Stored]


class Outbox:
    """A gateway's outbox, from `async with` to its end.

    Args:
        path: the SQLite file; made where it is missing, put aside and renewed where it is damaged.
        site: whose events these are.
        gateway: whose events these are; a file of another gateway is refused.
        fsync: per class, whether `append` waits for the disk (`full`) or only for the operating system (`normal`: a
            process that dies loses nothing, a power cut the last moments).
        history_bytes: how much of what is committed stays, per class, to be sent again to a server that lost it.
        max_bytes: how much all events may take; above it history goes first, then old telemetry is thinned. Business
            events that are not committed stay, also above it.
    """

    def __init__(
        self,
        path: Path,
        *,
        site: str,
        gateway: str,
        fsync: Mapping[EventClass, Fsync] = DEFAULT_FSYNC,
        history_bytes: int = 256 * 1024 * 1024,
        max_bytes: int = 2 * 1024 * 1024 * 1024,
    ) -> None:
        self.path = path
        self.site = site
        self.gateway = gateway
        self._full = frozenset(event_class for event_class in CLASSES if fsync.get(event_class, "full") == "full")
        self._history_bytes = history_bytes
        self._max_bytes = max_bytes
        self._reserve = Reserve(path)
        self.full: str | None = None
        """What is wrong while the disk has no room; the agent's health says it."""
        self._queue: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._listeners: list[Callable[[], None]] = []
        self._reader: sqlite3.Connection | None = None
        self._replacing = threading.Lock()
        """Held by whoever reads, and while the file is replaced: SQLite must not have it open when it is renamed."""
        self._lost = False
        """The file proved damaged and was put aside; its successor is not open yet."""
        self._closed = False

    async def __aenter__(self) -> Self:
        """Open the file. Raises `OutboxError`."""
        self._loop = asyncio.get_running_loop()
        self._file = await asyncio.to_thread(self._open)
        self._reading = ThreadPoolExecutor(1, "outbox-read")
        self._writer = threading.Thread(target=self._write, name="outbox-write", daemon=True)
        self._writer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish what was handed in and close in good order."""
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._reading.shutdown)
        if self._reader is not None:
            self._reader.close()
        try:
            await asyncio.to_thread(self._file.close)
        except OutboxError as failure:
            _log.warning("outbox.close", error=str(failure))  # every event that was accepted is in the file all the same

    @property
    def epoch(self) -> str:
        """The name of this file; it changes where a damaged one had to be replaced."""
        return self._file.epoch

    def stream(self, event_class: EventClass) -> Stream:
        """Where a class stands. To be read, not changed."""
        return self._file.streams[event_class]

    def when_appended(self, call: Callable[[], None]) -> None:
        """Have `call` called in the event loop after each commit that added events."""
        self._listeners.append(call)

    async def append(self, events: Sequence[Event]) -> None:
        """Keep events in this order; their `epoch` and `seq` are given here. Returns when they are safe.

        All are kept or none. Raises `OutboxError` where they could not be (disk full, read-only, broken): nothing was
        kept then, trying again may help; `OutboxRefusedError` where an event cannot be written as JSON or is too large.
        """
        await self._ask(partial(Append, events))

    async def commit_watermark(self, watermark: Watermark) -> bool:
        """Note what ingest holds; `False` where the watermark speaks of another epoch, which is ignored and logged.

        Never takes anything back: a lower watermark (a server restored from a backup) changes nothing here. Where ingest
        holds numbers that this file never gave (a gateway restored from an older copy of its disk), they would be given
        twice: the file is put aside like a damaged one, and what it holds moves to a new epoch.
        """
        if watermark.epoch != self.epoch or (watermark.site, watermark.gateway) != (self.site, self.gateway):
            _log.info("outbox.watermark.other_epoch", said=watermark.epoch, ours=self.epoch, event_class=watermark.event_class)
            return False
        await self._ask(partial(Commit, watermark))
        return True

    @property
    def references(self) -> Mapping[str, Reference]:
        """The first reference of each of the last boots in which somebody knew the time, oldest first."""
        return {boot: correction.reference for boot, correction in self._file.corrections.known.items()}

    def uncorrected(self, event_class: EventClass) -> bool:
        """Whether events of a class are still to be gone through (`correct`)."""
        return any(correction.left[event_class] for correction in self._file.corrections.known.values())

    async def note_reference(self, boot: str, reference: Reference) -> None:
        """Note the first reference of a boot, unless one is noted: what comes from now on is corrected by it. Raises `OutboxError`."""
        await self._ask(partial(Correct, (boot, reference)))

    async def correct(self) -> None:
        """Correct what is kept and was stamped before the reference of its boot, in slices. Raises `OutboxError`.

        Where it is interrupted, the next call goes on.
        """
        while not all(correction.done for correction in self._file.corrections.known.values()):
            await self._ask(partial(Correct, None))

    async def newest(self, count: int) -> list[Event]:
        """The newest `count` events of each class, committed or not, oldest first. Raises `OutboxError`."""
        events: list[Event] = []
        for event_class in CLASSES:
            last = self.stream(event_class).last
            chunk = await self._read(event_class, ((max(1, last - count + 1), last),) if last else (), count, 2**31)
            for stored in chunk.events:
                with contextlib.suppress(CodecError):  # written by a newer agent
                    events.append(decode_event(stored.body))
        return events

    async def pending(self, event_class: EventClass, after: int, *, max_events: int, max_bytes: int, held: Pairs = ()) -> Chunk:
        """Read events numbered above `after` that ingest does not hold (nor are in `held`), in order, within the limits.

        At least one event is read where there is one. Raises `OutboxError`.
        """
        stream = self.stream(event_class)
        last = stream.last
        if stream.durable < last:
            await self._ask(Sync)
        gone = [*stream.committed, *stream.thinned, *held]
        owed = ranges.difference(((after + 1, last),), gone) if after < last else ()
        return await self._read(event_class, owed, max_events, max_bytes)

    async def replay(
        self, event_class: EventClass, wanted: Iterable[tuple[int, int]], *, max_events: int, max_bytes: int
    ) -> Chunk:
        """Read events again, committed or not, within the limits. Numbers that are no longer kept are absent."""
        durable = self.stream(event_class).durable
        inside = tuple((first, min(last, durable)) for first, last in ranges.union(wanted) if first <= durable)
        return await self._read(event_class, inside, max_events, max_bytes)

    async def _ask(self, work: Callable[[asyncio.Future[None]], Work]) -> None:
        """Hand a request to the writing thread and wait for its answer."""
        if self._closed:
            raise OutboxError(f"{self.path}: is closed; the agent is stopping")
        done: asyncio.Future[None] = self._loop.create_future()
        self._queue.put(work(done))
        await done

    async def _read(self, event_class: EventClass, wanted: Pairs, max_events: int, max_bytes: int) -> Chunk:
        def work() -> Chunk:
            with self._replacing:
                if self._lost:
                    raise OutboxError(f"{self.path}: is being replaced; wait until that succeeds")
                epoch = self.epoch
                if not wanted:
                    return Chunk(epoch, [])
                try:
                    if self._reader is None:
                        self._reader = connect(self.path)
                    return Chunk(epoch, read(self._reader, event_class, wanted, max_events=max_events, max_bytes=max_bytes))
                except sqlite3.Error as error:
                    raise explain(self.path, error) from error

        try:
            return await self._loop.run_in_executor(self._reading, work)
        except OutboxDamagedError as error:
            await self._ask(partial(Broken, self.epoch, error))
            raise

    # What follows runs in threads.

    def _open(self) -> OutboxFile:
        """Open the file; put a damaged one aside, start a new one, and move over what can be read."""
        finish(self.path)
        try:
            check_log(self.path)
            file = self._open_file()
        except OutboxDamagedError as error:
            _log.error("outbox.damaged", error=str(error))
            put_aside(self.path)
            file = self._open_file()
        self._reserve.open()
        file.keep_log_short(self._reserve.size // 2)
        try:
            rescue_all(file)
        except BaseException:
            file.abandon()
            raise
        return file

    def _open_file(self) -> OutboxFile:
        return OutboxFile(self.path, site=self.site, gateway=self.gateway, history_bytes=self._history_bytes)

    def _renew(self, error: OutboxDamagedError) -> None:
        """Replace the open file, which proved damaged; where that fails, the next request tries again."""
        _log.error("outbox.damaged", error=str(error))
        with self._replacing:
            self._file.abandon()
            if self._reader is not None:
                self._reader.close()
                self._reader = None
            self._lost = True
        put_aside(self.path)

    def _write(self) -> None:
        running = True
        while running:
            group: list[Work] = []
            item = self._queue.get()
            while item is not None:
                group.append(item)
                if len(group) == _GROUP:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            else:
                running = False
            if group:
                self._carry_out(group)

    def _carry_out(self, group: list[Work]) -> None:
        try:
            try:
                answers = self._transact(group)
            except OutboxDamagedError as error:
                self._renew(error)
                answers = self._transact(group)
        except OutboxFullError as error:
            answers = self._squeeze(group, error)
        except OutboxError as error:
            answers = [error] * len(group)
        except Exception as error:  # noqa: BLE001 - a mistake of ours must reach those who wait, not end this thread silently
            answers = [error] * len(group)
        appended = any(type(work) is Append and answer is None for work, answer in zip(group, answers, strict=True))
        try:
            self._loop.call_soon_threadsafe(self._settle, group, answers, appended)
        except RuntimeError:  # the loop is closed: nobody waits any more
            _log.debug("outbox.nobody_waits", requests=len(group))

    def _squeeze(self, group: list[Work], error: OutboxFullError) -> list[Exception | None]:
        """The disk is full: make room within the file and try again; where that is not enough, keep business events alone.

        The file may not grow any more then: its log, which cannot be written back into a file that finds no room, would
        take the last of the disk, and without a log nothing can be dropped either.
        """
        if self.full is None:
            _log.error("outbox.full", error=str(error), check="free some space; telemetry is thinned meanwhile, scans are kept")
        self.full = str(error)
        self._reserve.give_up()
        urgent = [work for work in group if not is_telemetry(work)]
        try:
            self._file.shorten_log()
            self._file.may_grow(False)
            if self._free_in_steps(max(self._file.kept_bytes // 8, _LEAST_ROOM)):
                return self._transact(group)
        except OutboxFullError as still:
            error = still
        except OutboxError as failure:
            return [failure] * len(group)
        try:
            answers = iter(self._transact(urgent)) if urgent else iter(())
        except OutboxError as still:
            return [still] * len(group)
        return [error if is_telemetry(work) else next(answers) for work in group]

    def _free_in_steps(self, wanted: int) -> int:
        """Make room in transactions whose log is small enough for what room there is."""
        freed = 0
        while freed < wanted:
            with self._file.transaction(full=True):
                step = self._file.make_room(min(wanted - freed, self._reserve.size // _LOG_PER_BYTE))
            self._file.shorten_log()
            if not step:
                break
            freed += step
        if freed:
            _log.warning("outbox.made_room", freed_bytes=freed)
        return freed

    def _transact(self, group: list[Work]) -> list[Exception | None]:
        if self._lost:
            file = self._open()
            with self._replacing:
                self._file, self._lost = file, False
        full = any(type(work) is Sync or (type(work) is Correct and work.first) for work in group) or any(
            event.event_class in self._full for work in group if isinstance(work, Append) for event in work.events
        )
        with self._file.transaction(full=full):
            answers = [apply(work, self._file) for work in group]
            excess = self._file.kept_bytes - self._max_bytes
            # A tenth more, so that not each of the next events drops a block of its own.
            if excess > 0 and (freed := self._file.make_room(excess + self._max_bytes // 10)):
                _log.warning("outbox.thinned", freed_bytes=freed, max_bytes=self._max_bytes)
        if self.full is not None and self._reserve.plenty():
            self._file.may_grow(True)
            self._reserve.take()
            _log.info("outbox.room_again")
            self.full = None
        return answers

    def _settle(self, group: list[Work], answers: list[Any], appended: bool) -> None:
        for work, answer in zip(group, answers, strict=True):
            if work.done.done():  # whoever waited was cancelled
                continue
            if answer is None:
                work.done.set_result(None)
            else:
                work.done.set_exception(answer)
        if appended:
            for call in self._listeners:
                call()
