"""Keeps what the gateway knows of the time: over restarts, over power cuts, and for what was stamped before it was known.

The file `clock.json` in the data folder holds a time that has certainly passed, written every minute, so that a gateway
without a battery does not begin in 1970 again. The first reference of each boot lies in the outbox, with the correction.
"""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec
import structlog
from msgspec import Struct, json

from edge_agent import durable
from edge_agent.channel import Channel
from edge_agent.outbox import Outbox, OutboxError
from plumbline import clock_set, topics
from plumbline.clock import EventClock
from plumbline.clock_set import BootReference, ClockSet
from plumbline.discipline import EARLIEST_NS
from plumbline.event import EventClass

_log = structlog.get_logger(__name__)

#: Readers that tell the gateway's clock the time.
RECEIVERS: Final = frozenset({"nmea", "gpsd"})
_FILE: Final = "clock.json"
_LOOK_EVERY_S: Final = 1.0
#: What waits for its correction is looked at again so soon.
_MOMENT_S: Final = 0.05
_SAVE_EVERY_NS: Final = 60_000_000_000
#: Events of each class that are looked at for the times of earlier processes.
_NEWEST: Final = 1000
_BOOTS: Final = 16
#: So long after the boot events wait for the time, where somebody is there who will tell it.
HOLD_NS: Final[dict[EventClass, int]] = {"business": 30_000_000_000, "telemetry": 300_000_000_000}
#: What a running time daemon leaves in the file system: systemd-timesyncd, chrony, ntpd, OpenNTPD.
_DAEMONS: Final = ("systemd/timesync", "chrony", "ntpd.pid", "openntpd", "ntpd.sock")


class _State(Struct, kw_only=True):
    passed_ns: int = EARLIEST_NS
    """A time that has certainly passed."""
    known: bool = False
    """Somebody who knew the time said so once."""
    free_boots: list[str] = []
    """Boots in which events were stamped before anybody knew the time."""


def time_daemon(run: Path = Path("/run")) -> bool:
    """Whether a time daemon runs, which will set the clock."""
    return any((run / name).exists() for name in _DAEMONS)


class Timekeeper:
    """Looks after the clock of one agent; its outbox is open.

    Args:
        clock: stamps the events.
        outbox: holds them.
        data: the agent's data folder.
        channel: tells ingest.
        receives: whether a satellite receiver is configured.
        daemon: whether a time daemon runs, which will set the clock.
    """

    def __init__(
        self,
        clock: EventClock,
        *,
        outbox: Outbox,
        data: Path,
        channel: Channel,
        receives: bool = False,
        daemon: Callable[[], bool] = time_daemon,
    ) -> None:
        self._clock = clock
        self._outbox = outbox
        self._path = data / _FILE
        self._channel = channel
        self._receives = receives
        self._daemon = daemon
        self._state = _State()
        self._saved_mono: int | None = None
        self._posted: list[str] = []
        self._stuck = False
        """The outbox could not be corrected."""

    async def begin(self) -> None:
        """Take up what earlier processes knew; before the first event is stamped. Raises `OutboxError`."""
        clock, state = self._clock, read(self._path)
        self._state = state
        clock.passed(state.passed_ns, known=state.known)
        if (first := self._outbox.references.get(clock.boot)) is not None:
            clock.resume(first)
        newest = await self._outbox.newest(_NEWEST)
        clock.remember(newest)
        self._free(event.clock.boot for event in newest if event.clock.quality == "free" or event.clock.original is not None)
        clock.look()
        await self._note()
        self._post()

    async def run(self) -> None:
        """Watch until cancelled: correct when the time becomes known, and write down what is known."""
        while True:
            try:
                await self.step()
                self._stuck = False
            except OutboxError as error:
                self._stuck = True  # what waits leaves as it is, and ingest corrects it
                _log.error("clock.correct", error=str(error))  # the next step tries again
            await asyncio.sleep(_LOOK_EVERY_S)

    async def step(self) -> None:
        """Look once. Raises `OutboxError`."""
        clock = self._clock
        clock.look()
        if clock.gave_free:
            self._free([clock.boot])
        await self._note()
        await self._outbox.correct()
        self._post()
        mono = clock.mono()
        if self._saved_mono is None or mono - self._saved_mono >= _SAVE_EVERY_NS:
            content = self._content()
            await asyncio.to_thread(self._write, content)

    async def _note(self) -> None:
        clock, first = self._clock, self._clock.first
        if first is not None and clock.boot not in self._outbox.references:
            _log.info("clock.known", by=first.quality, boot=clock.boot, offset_ns=first.offset_ns)
            await self._outbox.note_reference(clock.boot, first)

    def save(self) -> None:
        """Write down what is known; at the end, while nobody waits."""
        self._write(self._content())

    def _content(self) -> bytes:
        clock, state = self._clock, self._state
        known = clock.reference is not None
        state.passed_ns = clock.now().at if known else max(clock.floor(), EARLIEST_NS)
        state.known = state.known or known
        self._saved_mono = clock.mono()
        return json.encode(state)

    def _write(self, content: bytes) -> None:
        try:
            durable.write(self._path, content)
        except OSError as error:
            _log.warning("clock.save", file=str(self._path), error=str(error))

    def hold_s(self, event_class: EventClass) -> float:
        """How long events still wait for the time, so that they leave with the right one; 0: they need not."""
        clock = self._clock
        if clock.first is not None and not self._stuck:
            correcting = clock.boot not in self._outbox.references or self._outbox.uncorrected(event_class)
            return _MOMENT_S if correcting else 0.0
        left_ns = HOLD_NS[event_class] - clock.mono()
        if left_ns <= 0 or clock.first is not None:
            return 0.0
        # A receiver may stand indoors and never have a fix: worth waiting for only where the clock is certainly wrong.
        expected = (self._receives and clock.now().unset) or self._daemon()
        return left_ns / 1e9 if expected else 0.0

    def health(self) -> tuple[dict[str, float], str]:
        """For the gateway's health: figures, and who vouches for the clock."""
        clock = self._clock
        now = clock.now()
        values = {"clock_disciplined": float(now.quality != "free"), "clock_unset": float(now.unset)}
        if (ahead_ns := clock.gps_offset_ns) is not None:
            values["clock_gps_offset_s"] = ahead_ns / 1e9
        if (reference := clock.reference) is None:
            return values, "unset: events carry a time that had certainly passed" if now.unset else "free"
        values["clock_sync_age_s"] = (clock.mono() - reference.mono_ns) / 1e9
        return values, now.quality if now.quality != "free" else f"free, carried on from {reference.quality}"

    def _free(self, boots: Iterable[str]) -> None:
        known = self._state.free_boots
        new = [boot for boot in dict.fromkeys(boots) if boot not in known]
        if new:
            known.extend(new)
            del known[:-_BOOTS]
            self._saved_mono = None

    def _post(self) -> None:
        boots = [boot for boot in self._outbox.references if boot in self._state.free_boots]
        if boots == self._posted:
            return
        self._posted = boots
        found = [(boot, self._outbox.references[boot]) for boot in boots]
        said = ClockSet(
            site=self._outbox.site,
            gateway=self._outbox.gateway,
            boots=tuple(
                BootReference(boot=boot, quality=first.quality, offset_ns=first.offset_ns, before_ns=first.mono_ns)
                for boot, first in found
            ),
        )
        self._channel.post(topics.clock(self._outbox.site, self._outbox.gateway), clock_set.encode(said))


def passed_ns(data: Path) -> int:
    """A time that had certainly passed when the agent of this data folder last ran; UTC, ns."""
    return max(read(data / _FILE).passed_ns, EARLIEST_NS)


def read(path: Path) -> _State:
    """What an earlier process knew; nothing where the file is missing or torn."""
    try:
        return json.decode(path.read_bytes(), type=_State)
    except FileNotFoundError:
        return _State()
    except (OSError, msgspec.DecodeError) as error:
        _log.warning("clock.read", file=str(path), error=str(error), check="nothing: it is written again in a minute")
        return _State()
