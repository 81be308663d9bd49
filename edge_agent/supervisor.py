"""Keeps every reader running: one that fails, ends or hangs does not touch the others.

A reader that fails waits longer from time to time; after `trip_after` failures in a row its circuit breaker opens: it is
tried only every `open_s`, and health says so. A device that was unplugged is tried as soon as it is plugged in again.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, cast

import structlog

from edge_agent.outbox import OutboxError, OutboxRefusedError
from edge_agent.reader import Capture, Emit, Reader, ReaderError
from edge_agent.troubles import Trouble, Troubles, told
from edge_agent.unplugged import UnpluggedError
from edge_agent.verdict import Verdict
from plumbline.backoff import CAP_S, delay_s

_log = structlog.get_logger(__name__)

#: How often a device file is looked for that went with its plug.
_LOOK_S: Final = 0.5
#: Health texts are short (`plumbline.event.ShortText`).
_LONGEST: Final = 256


@dataclass(slots=True)
class ReaderStatus:
    """How one reader is."""

    state: Literal["running", "waiting", "open"] = "waiting"
    """`waiting`: for its next try; `open`: the breaker is open, tries are rare."""
    failures: int = 0
    """In a row."""
    what: str = "not started yet"
    """The last thing that was wrong and what to check."""
    captures: int = 0
    reports: int = 0
    """Messages that the reader could not use, although it goes on."""
    devices: Troubles = field(default_factory=Troubles)
    """What it reported of single devices."""

    @property
    def fine(self) -> bool:
        """Whether it runs; single devices of it may be in trouble all the same."""
        return self.state == "running" and self.failures == 0

    def troubles(self) -> Mapping[str, Trouble]:
        """The devices that are in trouble now."""
        return self.devices.now()

    def text(self) -> str:
        """One line for health: `ok`, `ok; meter-3: …` where a device of it is in trouble, or what is wrong and what to check."""
        if self.fine:
            return "; ".join(["ok", *told(self.troubles())])[:_LONGEST]
        return (f"failed {self.failures} times: {self.what}" if self.failures > 1 else self.what)[:_LONGEST]


class Supervisor:
    """Runs readers.

    Args:
        emit: takes a capture over; called from each reader's task.
        trip_after: failures in a row after which the breaker opens.
        open_s: seconds between two tries while it is open.
        first_s: the first wait.
        cap_s: the longest wait before the breaker opens, and how long a reader must run for its failures to be forgotten.
        chance: a number in [0, 1), for the jitter.
    """

    def __init__(
        self,
        emit: Emit,
        *,
        trip_after: int = 5,
        open_s: float = 60.0,
        first_s: float = 0.5,
        cap_s: float = CAP_S,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._readers: dict[str, Reader] = {}
        self._emit = emit
        self._trip_after = trip_after
        self._open_s = open_s
        self._first_s = first_s
        self._cap_s = cap_s
        self._chance = chance
        self.statuses: dict[str, ReaderStatus] = {}

    def add(self, name: str, reader: Reader) -> None:
        """Take a reader on, before `run`."""
        self._readers[name] = reader
        self.statuses.setdefault(name, ReaderStatus())

    async def run(self) -> None:
        """Run all readers until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, reader in self._readers.items():
                group.create_task(self._keep(name, reader), name=f"reader-{name}")

    def report(self, name: str, device: str, what: str) -> None:
        """Note that reader `name` could not use one message of `device`."""
        status = self.statuses.setdefault(name, ReaderStatus())  # a reader may report while it is built
        status.reports += 1
        status.devices.report(device, what)
        _log.warning("reader.report", reader=name, device=device, what=what)

    async def _keep(self, name: str, reader: Reader) -> None:
        status = self.statuses[name]
        loop = asyncio.get_running_loop()

        async def emit(capture: Capture) -> Verdict | None:
            verdict = await self._emit(capture)
            status.devices.heard(capture.device)
            status.captures += 1
            status.failures = 0
            return verdict

        denied = 0
        while True:
            status.state = "running"
            stable = loop.call_later(self._cap_s, _recovered, status)
            failure: Exception | None = None
            try:
                await reader.run(emit)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                failure = ReaderError(name, "it was cancelled from within", "the agent's log")
            except Exception as error:  # noqa: BLE001 - one reader's mistake must not stop the others; it is logged with its trace
                failure = _first(error)
            finally:
                stable.cancel()
            _note(name, status, failure)
            if isinstance(failure, OutboxError) and not isinstance(failure, OutboxRefusedError):
                denied += 1  # the outbox's trouble is no fault of the device and does not open its breaker
                status.state = "waiting"
                await asyncio.sleep(delay_s(denied, self._chance, first_s=self._first_s, cap_s=self._cap_s))
                continue
            denied = 0
            status.failures += 1
            await self._pause(self._wait_s(name, status), failure, status)

    async def _pause(self, wait_s: float, failure: Exception | None, status: ReaderStatus) -> None:
        """Wait, but not when an unplugged device is plugged in again: it is tried at once, and from then on as a new one."""
        if not isinstance(failure, UnpluggedError):
            await asyncio.sleep(wait_s)
            return
        loop = asyncio.get_running_loop()
        end_s = loop.time() + wait_s
        was_there = failure.is_there()
        while (left_s := end_s - loop.time()) > 0:
            await asyncio.sleep(min(left_s, _LOOK_S))
            is_there = failure.is_there()
            if is_there and not was_there:
                status.failures = 0
                return
            was_there = is_there

    def _wait_s(self, name: str, status: ReaderStatus) -> float:
        if status.failures < self._trip_after:
            status.state = "waiting"
            return delay_s(status.failures, self._chance, first_s=self._first_s, cap_s=self._cap_s)
        if status.failures == self._trip_after:
            _log.error("reader.breaker_open", reader=name, failures=status.failures, what=status.what)
        status.state = "open"
        return self._open_s * (0.75 + self._chance() / 4)


def _recovered(status: ReaderStatus) -> None:
    status.failures = 0


def _first(error: Exception) -> Exception:
    """The error itself, or the first in a group that a reader's own tasks raised."""
    if isinstance(error, ExceptionGroup):
        return _first(cast("ExceptionGroup[Exception]", error).exceptions[0])
    return error


def _note(name: str, status: ReaderStatus, failure: Exception | None) -> None:
    """Log why a reader stopped, and keep it for health."""
    if failure is None:
        status.what = "it ended; it is started again"
        _log.info("reader.ended", reader=name)
    elif isinstance(failure, ReaderError):
        status.what = str(failure)
        _log.warning("reader.failed", reader=name, device=failure.device, what=failure.what, check=failure.check)
    elif isinstance(failure, OutboxError):
        status.what = str(failure)
        _log.error("reader.outbox", reader=name, error=str(failure))
    else:
        status.what = f"{type(failure).__name__}: {failure}; check the agent's log and report it"
        advice = "this is a mistake in the reader: report it with this trace"
        _log.error("reader.crashed", reader=name, check=advice, exc_info=failure)
