"""How far a consumer is, and what the processes took meanwhile: samples until everything is there or nothing more comes."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

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
    began: Sample
    samples: Sequence[Sample]
    """From the first with events on; empty where none ever came."""

    @property
    def events(self) -> int:
        """How many came."""
        return self.samples[-1].events if self.samples else self.began.events

    def until(self, events: int) -> "Course":
        """The part of it until so many had come."""
        return self._replace(wanted=events, samples=[s for s in self.samples if s.events <= events] or self.samples)

    def figures(self) -> dict[str, Any]:
        """Events, seconds, events/s, and each process's CPU µs per event and memory.

        Counted from the first commit that was seen, so that nobody's start is in it; where that already brought more than
        half of all (a tiny run), from the beginning, which tells too little rather than too much.
        """
        if not self.samples:
            return {"events": self.events, "wanted": self.wanted, "events_per_s": 0}
        first, last, since = self.samples[0], self.samples[-1], "first commit"
        if last.events - first.events < _ENOUGH * self.wanted:
            first, since = self.began, "start"
        events, seconds = last.events - first.events, last.at_s - first.at_s
        return {
            "events": last.events,
            "wanted": self.wanted,
            "measured_over": events,
            "measured_since": since,
            "seconds": round(seconds, 3),
            "events_per_s": round(events / seconds) if seconds else 0,
            "cpu_us_per_event": {
                name: round((used.cpu_s - first.usage[name].cpu_s) / events * 1e6, 2) if events else 0.0
                for name, used in last.usage.items()
            },
            "rss_mb": {name: round(max(sample.usage[name].rss_mb for sample in self.samples), 1) for name in last.usage},
        }

    def memory(self, name: str) -> dict[str, float]:
        """A process's memory over the run: warm, last, highest, and its growth per million events when it was warm."""
        told = [(sample.events, sample.usage[name].rss_mb) for sample in self.samples]
        told = told[:: max(1, len(told) // _MEMORY_SAMPLES)] + told[-1:]
        warm = [pair for pair in told if pair[0] >= _WARM * self.wanted] or told
        return {
            "warm": round(warm[0][1], 1),
            "last": round(warm[-1][1], 1),
            "highest": round(max(mb for _, mb in told), 1),
            "growth_per_million_events": round(slope(warm) * 1e6, 2),
        }


async def follow(
    count: Count,
    programs: Mapping[str, Program],
    wanted: int,
    *,
    stall_s: float,
    every_s: float = EVERY_S,
    seen: Callable[[int], None] = lambda _events: None,
) -> Course:
    """Look until `wanted` events are there, or nothing more came for `stall_s`.

    `count` says how many are there now, `seen` is told of it each time, `programs` are those whose use is of interest.
    """
    loop = asyncio.get_running_loop()

    async def look() -> Sample:
        events = await count()
        return Sample(loop.time(), events, {name: program.usage() for name, program in programs.items()})

    samples: list[Sample] = []
    began = now = await look()
    moved_s = began.at_s
    while now.events < wanted and now.at_s - moved_s < stall_s:
        await asyncio.sleep(every_s)
        before, now = now, await look()
        if now.events > before.events:
            moved_s = now.at_s
        if now.events > began.events and (not samples or now.events > samples[-1].events):
            samples.append(now)
        seen(now.events)
    if now.events > began.events and not samples:
        samples.append(now)
    return Course(wanted, began, samples)
