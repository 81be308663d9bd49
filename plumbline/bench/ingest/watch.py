"""How far a consumer is, and what the processes took meanwhile: samples until everything is there or nothing more comes."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from plumbline.bench.figures import slope
from plumbline.bench.processes import Program, Usage

#: How often it is looked: a fortieth of a second is a hundredth of the shortest run that is worth a figure.
EVERY_S: Final = 0.025
#: Memory is told over so many samples, of which the first tenth is warming up.
_MEMORY_SAMPLES: Final = 200
_WARM: Final = 0.1
#: Rates are taken between the first events seen and the last; they are worth something from this share of all on.
_ENOUGH: Final = 0.5

Count = Callable[[], Awaitable[int]]


class Sample(NamedTuple):
    """What was seen at one time."""

    at_s: float
    events: int
    usage: Mapping[str, Usage]


class Course(NamedTuple):
    """What was seen from the start of a measurement to its end."""

    wanted: int
    before: Sample
    """Before the consumer was started."""
    ready: Sample
    """When it listened: nothing of what it took until now was for events."""
    samples: Sequence[Sample]
    """Whenever more events had come; empty where none ever came."""

    @property
    def events(self) -> int:
        """How many came."""
        return self.samples[-1].events if self.samples else 0

    def until(self, events: int) -> "Course":
        """The part of it until so many had come."""
        return self._replace(wanted=events, samples=[s for s in self.samples if s.events <= events] or self.samples)

    def figures(self, *, since: Literal["first commit", "ready"] = "first commit", share: float = 1.0) -> dict[str, Any]:
        """Events, seconds, events/s, and each process's CPU µs per event and memory.

        The rate is that of the events from `since` on until the `share` of all was there; CPU time counts from `ready` to the
        end, so that what a consumer reads ahead is in it. Nobody's start is in either. Where too few events are left so (a tiny
        run), both count from before the start, and `measured_since` says so: too little is told then rather than too much.
        """
        if not self.samples:
            return {"events": 0, "wanted": self.wanted, "events_per_s": 0}
        base, last, told = self.ready, self.samples[-1], since
        first = next(s for s in (self.ready, *self.samples) if s.events or since == "ready")
        if last.events - first.events < _ENOUGH * self.wanted:
            first, base, told = self.before, self.before, "start"
        end = next(sample for sample in self.samples if sample.events >= share * last.events)
        events, seconds = end.events - first.events, end.at_s - first.at_s
        return {
            "events": last.events,
            "wanted": self.wanted,
            "measured_over": events,
            "measured_since": told,
            "seconds": round(seconds, 3),
            "events_per_s": round(events / seconds) if seconds else 0,
            "cpu_us_per_event": {
                name: round((used.cpu_s - base.usage[name].cpu_s) / (last.events - base.events) * 1e6, 2)
                for name, used in last.usage.items()
            },
            "rss_mb": {name: round(max(sample.usage[name].rss_mb for sample in self.samples), 1) for name in last.usage},
        }

    def memory(self, name: str) -> dict[str, float]:
        """A process's memory over the run: warm, last, highest, and how much it grew by its trend once it was warm."""
        told = [(sample.events, sample.usage[name].rss_mb) for sample in self.samples]
        told = told[:: max(1, len(told) // _MEMORY_SAMPLES)] + told[-1:]
        warm = [pair for pair in told if pair[0] >= _WARM * self.wanted] or told
        trend = slope(warm)
        return {
            "warm": round(warm[0][1], 1),
            "last": round(warm[-1][1], 1),
            "highest": round(max(mb for _, mb in told), 1),
            "growth": round(trend * (warm[-1][0] - warm[0][0]), 1),
            "growth_per_million_events": round(trend * 1e6, 2),
        }


def look(events: int, programs: Mapping[str, Program], *, starting: Sequence[Program] = ()) -> Sample:
    """What is to be seen now, where `events` are there; `starting` are to be started anew: what they took before is none of this."""
    usage = {name: Usage(0.0, 0.0) if program in starting else program.usage() for name, program in programs.items()}
    return Sample(time.monotonic(), events, usage)


async def follow(
    count: Count,
    programs: Mapping[str, Program],
    wanted: int,
    *,
    before: Sample,
    stall_s: float,
    every_s: float = EVERY_S,
    seen: Callable[[int], None] = lambda _events: None,
) -> Course:
    """Look until `wanted` events are there, or nothing more came for `stall_s`; the consumer listens already.

    `count` says how many are there now, `seen` is told of it each time, `programs` are those whose use is of interest;
    `before` is what was seen before the consumer was started.
    """
    ready = now = look(await count(), programs)
    samples = [ready] if ready.events else []
    moved_s = ready.at_s
    while now.events < wanted and now.at_s - moved_s < stall_s:
        await asyncio.sleep(every_s)
        earlier, now = now, look(await count(), programs)
        if now.events > earlier.events:
            moved_s = now.at_s
            samples.append(now)
        seen(now.events)
    return Course(wanted, before, ready, samples)
