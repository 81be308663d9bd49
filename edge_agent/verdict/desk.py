"""Answers the scans of a gateway: holds the manifest, counts what was scanned since, tells whoever listens."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

import structlog

from edge_agent.outbox import Outbox, OutboxError
from edge_agent.verdict.engine import MOST, Engine
from edge_agent.verdict.index import Index
from edge_agent.verdict.journal import Journal
from edge_agent.verdict.store import Held, Store
from edge_agent.verdict.verdict import NOT_KEPT, Verdict
from plumbline import codec, manifest, topics
from plumbline.errors import CodecError
from plumbline.event import Scan

_log = structlog.get_logger(__name__)

#: Scans at the end of the outbox that the journal may lack after a power cut.
_LOOKED_AGAIN: Final = 2_000
_CHUNK: Final = 500
_CHUNK_BYTES: Final = 1024 * 1024


class Told(Protocol):
    """Who wants to know each answer; called in the event loop, and must not wait."""

    def __call__(self, scan: Scan, verdict: Verdict, /) -> None:
        """Hear an answer."""
        ...


class Desk:
    """One gateway's answers. Used from the event loop.

    Args:
        folder: the agent's data folder.
        site: whose manifest counts.
        outbox: what the office has not received yet.
    """

    def __init__(self, folder: Path, *, site: str, outbox: Outbox) -> None:
        self.topic = topics.manifest(site)
        self.fault: str | None = None
        """What was wrong with the last manifest that came; the one before it still holds."""
        self.taken_s: float | None = None
        """When the last message came, by the monotonic clock; `None`: none since the start."""
        self._outbox = outbox
        self._engine = Engine()
        self._store = Store(folder / "manifest", site)
        self._journal = Journal(folder / "scanned.jsonl")
        self._held: Held | None = None
        self._payload: bytes | None = None
        self._came = asyncio.Event()
        self._listeners: list[Told] = []
        self._moved: list[Callable[[], None]] = []

    @property
    def index(self) -> Index | None:
        """What is expected; `None`: no manifest was ever received."""
        return self._engine.index

    def text(self) -> str:
        """What scans are answered by, in a few words."""
        index = self._engine.index
        held = "none yet" if index is None else f"version {index.version}, {index.lines} lines"
        return f"{held}; {self.fault}" if self.fault else held

    def knows(self, ai: str, value: str) -> bool:
        """Whether the site expects this value: the desk is an `Expectation` for readers of codes."""
        index = self._engine.index
        return index is not None and index.knows(ai, value)

    def when_told(self, listener: Told) -> None:
        """Have every answer told."""
        self._listeners.append(listener)

    def when_moved(self, listener: Callable[[], None]) -> None:
        """Be told of each new manifest, and of each that was refused."""
        self._moved.append(listener)

    def hear(self, payload: bytes) -> None:
        """Take a message of `topic`; it is read soon after. Of several that wait the last counts."""
        self._payload = payload
        self._came.set()

    async def __aenter__(self) -> Self:
        """Load what the last run knew, before the first scan, and begin to take in manifests. The outbox must be open."""
        await self._begin()
        self._running = asyncio.create_task(self._run(), name="verdicts")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take in no more, and close the journal."""
        self._running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._running
        self._journal.close()

    async def _begin(self) -> None:
        self._held = await asyncio.to_thread(self._store.load)
        if self._held is not None:
            self._engine.adopt(self._held.index, settled=False)
        for event_id, identity in (await asyncio.to_thread(self._journal.load)).items():
            self._engine.remember(event_id, identity)
        try:
            await self._remember_waiting()
        except OutboxError as error:
            _log.warning("verdict.outbox", error=str(error))

    async def _run(self) -> None:
        while True:
            await self._came.wait()
            self._came.clear()
            payload, self._payload = self._payload, None
            if self._journal.lines > 2 * MOST:
                await self._journal.replace(self._engine.taken)
            if payload is None:
                continue
            try:
                await self._take(payload)
            except Exception as error:  # noqa: BLE001 - whatever a hostile manifest provokes, scans are answered by the last one
                _log.error("verdict.manifest.crashed", check="report it with this trace", exc_info=error)
                self._refuse(f"{type(error).__name__}: {error}")

    def judge(self, scan: Scan) -> Verdict:
        """Answer a scan and count it; then `kept` or `withdraw` it."""
        return self._engine.judge(scan.id, scan.text, scan.gs1, scan.candidates)

    def kept(self, scan: Scan, verdict: Verdict) -> None:
        """The scan is on the disk: tell the answer."""
        identity = self._engine.identity_of(scan.id)
        if identity is not None:
            self._journal.add(scan.id, identity)
            if self._journal.lines > 2 * MOST:  # no office tells what need not be remembered
                self._came.set()
        self._tell(scan, verdict)

    def withdraw(self, scan: Scan) -> None:
        """The scan could not be kept: nobody may believe that it was."""
        self._engine.withdraw(scan.id)
        self._tell(scan, NOT_KEPT)

    def _tell(self, scan: Scan, verdict: Verdict) -> None:
        for listener in self._listeners:
            listener(scan, verdict)

    async def _take(self, payload: bytes) -> None:
        self.taken_s = time.monotonic()
        if len(payload) > manifest.MAX_MESSAGE_BYTES:
            self._refuse(f"it has {len(payload)} bytes, at most {manifest.MAX_MESSAGE_BYTES} are read")
            return
        try:
            held = await asyncio.to_thread(self._store.take, payload, self._held)
        except CodecError as error:
            self._refuse(str(error))
            return
        self.fault = None
        if held is None:
            return
        self._held = held
        settled = self._outbox.stream("business").pending == 0
        if self._engine.adopt(held.index, settled=settled):
            await self._journal.replace(self._engine.taken)
        _log.info("verdict.manifest", version=held.index.version, lines=held.index.lines, epoch=held.index.epoch)
        self._say_moved()

    def _refuse(self, why: str) -> None:
        self.fault = f"manifest refused: {why}"
        _log.error(
            "verdict.manifest.refused", topic=self.topic, error=why, check="what publishes there; the last one still holds"
        )
        self._say_moved()

    def _say_moved(self) -> None:
        for listener in self._moved:
            listener()

    async def _remember_waiting(self) -> None:
        stream = self._outbox.stream("business")
        after = max(0, stream.last - _LOOKED_AGAIN)
        while True:
            chunk = await self._outbox.pending("business", after, max_events=_CHUNK, max_bytes=_CHUNK_BYTES)
            if not chunk.events:
                return
            for stored in chunk.events:
                try:
                    event = codec.decode_event(stored.body)
                except CodecError:  # the uplink tells of it when it is sent
                    continue
                if isinstance(event, Scan) and self._engine.identity_of(event.id) is None:
                    self._engine.judge(event.id, event.text, event.gs1)
            after = chunk.events[-1].seq
