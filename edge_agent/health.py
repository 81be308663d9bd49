"""What the gateway's health event says: the machine, the queue, the clock, the link and each reader.

Units stand in the names. What a gateway cannot measure is absent, never zero.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import msgspec
import structlog

from edge_agent import machine
from edge_agent.channel import Channel
from edge_agent.expected import Expected
from edge_agent.outbox import Outbox, OutboxError
from edge_agent.runs import Runs
from edge_agent.supervisor import Supervisor
from plumbline import __version__, clock, ranges
from plumbline.event import CLASSES, EventClass
from plumbline.secrets import hidden

_log = structlog.get_logger(__name__)

#: Readers in one health event (`plumbline.event.Health.readers`), one left for what is expected.
_MOST_READERS: Final = 255
_LONGEST: Final = 256


class Link(Protocol):
    """What is asked of the uplink."""

    @property
    def connected(self) -> bool:
        """Whether a server answers."""
        ...

    @property
    def resent(self) -> int:
        """Batches sent again because they were not committed in time."""
        ...

    @property
    def canaries_lost(self) -> int:
        """Messages to ourselves that did not come back."""
        ...

    @property
    def rank(self) -> int | None:
        """Which server of the list answers, 0 the preferred one; `None`: none."""
        ...

    @property
    def ingest_silent_s(self) -> float:
        """How long ingest has owed an answer while a broker has batches for it."""
        ...

    def text(self) -> str:
        """Where the link stands, in a sentence."""
        ...


class _Stamp(msgspec.Struct):
    """As much of a waiting event as its age needs."""

    class Clock(msgspec.Struct):
        boot: str
        mono: int

    at: int
    clock: Clock


class Said(NamedTuple):
    """What a health event says (`plumbline.event.Health`)."""

    values: dict[str, float]
    readers: dict[str, str]
    texts: dict[str, str]


class HealthReport:
    """Gathers the health of one running agent.

    Args:
        data: the agent's data folder.
        outbox: what waits.
        supervisor: how the readers are.
        link: the way to the server.
        channel: which server answers, and since when.
        runs: how often the agent was started.
        refused: how many messages the agent itself refused.
        expected: what the site expects, where it is configured.
        time_known: figures of the clock, and who vouches for it (`Timekeeper.health`).
        answers: what scans are answered by, and where that is shown, in words.
        root: where `proc` and `sys` are.
    """

    def __init__(
        self,
        *,
        data: Path,
        outbox: Outbox,
        supervisor: Supervisor,
        link: Link,
        channel: Channel,
        runs: Runs,
        refused: Callable[[], int],
        time_known: Callable[[], tuple[dict[str, float], str]],
        expected: Expected | None = None,
        answers: Callable[[], Mapping[str, str]] = dict[str, str],
        root: Path = Path("/"),
    ) -> None:
        self._data = data
        self._outbox = outbox
        self._supervisor = supervisor
        self._link = link
        self._channel = channel
        self._runs = runs
        self._refused = refused
        self._expected = expected
        self._answers = answers
        self.config: Callable[[], str] | None = None
        """The configuration in force in a few words, where the server may change it."""
        self._time_known = time_known
        self._root = root
        self._since_s = time.monotonic()
        self._boot = clock.boot_id()

    async def gather(self) -> Said:
        """How it is now."""
        values = machine.look(self._data, self._root) | self._queue() | self._readers() | self._link_values()
        if (age_s := await self._oldest_s()) is not None:
            values["oldest_waiting_s"] = age_s
        figures, known_by = self._time_known()
        values |= figures
        values["agent_uptime_s"] = time.monotonic() - self._since_s
        values["agent_starts"] = float(self._runs.starts)
        values["agent_crashes"] = float(self._runs.crashes)
        texts = {"agent": __version__, "clock": known_by, "broker": self._channel.broker or "none", "link": self._link.text()}
        if self.config is not None:
            texts["config"] = self.config()
        texts |= self._answers()
        return Said(
            {name: round(value, 3) for name, value in values.items()},
            {name: hidden(line) for name, line in self.readers().items()},
            {name: text[:_LONGEST] for name, text in texts.items()},
        )

    def summary(self) -> str:
        """One line, for `systemctl status`."""
        waiting = sum(self._outbox.stream(name).pending for name in CLASSES)
        failing = [name for name, status in self._supervisor.statuses.items() if not status.fine]
        link = f"online at {self._channel.broker}" if self._link.connected else "offline"
        readers = f"failing: {', '.join(failing[:3])}" if failing else f"{len(self._supervisor.statuses)} readers ok"
        return f"{link}; {waiting} events waiting; {readers}"

    def readers(self) -> dict[str, str]:
        """A line for each reader."""
        lines = {name: status.text() for name, status in list(self._supervisor.statuses.items())[:_MOST_READERS]}
        if self._expected is not None and self._expected.fault is not None:
            lines.setdefault("expected", self._expected.fault[:_LONGEST])
        return lines

    def _queue(self) -> dict[str, float]:
        streams = {name: self._outbox.stream(name) for name in CLASSES}
        values = {f"queue_{name}_events": float(stream.pending) for name, stream in streams.items()}
        return values | {
            "queue_bytes": float(sum(stream.pending_bytes for stream in streams.values())),
            "queue_thinned_events": float(sum(ranges.count(stream.thinned) for stream in streams.values())),
            "history_bytes": float(sum(stream.history_bytes for stream in streams.values())),
            "disk_full": float(self._outbox.full is not None),
        }

    def _readers(self) -> dict[str, float]:
        statuses = self._supervisor.statuses.values()
        return {
            "readers_failing": float(sum(not status.fine for status in statuses)),
            "readers_open": float(sum(status.state == "open" for status in statuses)),
            "devices_in_trouble": float(sum(len(status.troubles()) for status in statuses)),
            "messages_refused": float(self._refused() + sum(status.reports for status in statuses)),
            "captures": float(sum(status.captures for status in statuses)),
        }

    def _link_values(self) -> dict[str, float]:
        values = {} if self._link.rank is None else {"link_rank": float(self._link.rank)}
        return values | {
            "online": float(self._link.connected),
            "link_since_s": time.monotonic() - self._channel.changed_s,
            "link_connections": float(self._channel.connections),
            "batches_resent": float(self._link.resent),
            "canaries_lost": float(self._link.canaries_lost),
            "ingest_silent_s": self._link.ingest_silent_s,
        }

    async def _oldest_s(self) -> float | None:
        """How long the oldest waiting event has waited; `None` where none waits."""
        ages = [await self._age_s(name) for name in CLASSES if self._outbox.stream(name).pending]
        return max((age for age in ages if age is not None), default=None)

    async def _age_s(self, event_class: EventClass) -> float | None:
        stream = self._outbox.stream(event_class)
        owed = ranges.difference(((1, stream.last),), [*stream.committed, *stream.thinned])[:1]
        try:
            chunk = await self._outbox.replay(event_class, owed, max_events=1, max_bytes=1)
        except OutboxError as error:
            _log.warning("agent.oldest", error=str(error))
            return None
        if not chunk.events:
            return None
        try:
            stamp = msgspec.json.decode(chunk.events[0].body, type=_Stamp)
        except msgspec.DecodeError:  # damaged on disk: the outbox tells of it when it is sent
            return None
        if stamp.clock.boot == self._boot:  # this boot's monotonic clock is right whatever the wall clock was set to
            return max(0.0, (clock.monotonic_ns() - stamp.clock.mono) / 1e9)
        return max(0.0, (time.time_ns() - stamp.at) / 1e9)
