"""One stream's account: arithmetic on the numbers that came, without a database.

What a whole group brings of a stream is settled and booked at once where it is *regular*: every number fresh, or every number
known. Where that is not so (a batch that is half known, twice in the group, declares thinned numbers), its batches are entered
one by one; a property test holds both ways to one answer.

**Leaps.** A number says how many events the gateway has made, so it cannot be anything. One that lies further beyond the
highest known than `LEAP` and `LEAP_PER_S` for each second since the stream was last heard allow was not counted by a gateway:
a header is damaged or forged. Settled, it would show an absurd number of events as missing for ever, so the batch is not
entered: it becomes a dead letter `leap`, is acknowledged, and its numbers stay open. The gateway sends it again, and it is
taken as soon as what lies between has come, or when somebody who knows better replays the letter. A stream that was never
heard of may begin anywhere up to `FIRST_MOST`: after a wiped database every gateway does.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final, NamedTuple, TypeVar

from ingest.ledger.days import SiteDays
from plumbline import ranges
from plumbline.delivery import BatchHeader, StreamKey, Watermark
from plumbline.event import Event
from plumbline.ranges import Pairs

_SECOND: Final = 1_000_000_000
#: Received this long after it happened, an event counts as late.
LATE_NS: Final = 300 * _SECOND
#: Ranges kept beyond the watermark. A batch that would tear more holes waits until the gateway has filled some.
MAX_BEYOND: Final = 10_000
#: Ranges beyond the watermark that are told to the gateway: enough to save most repetition, small on the wire.
TOLD_BEYOND: Final = 256
#: So far beyond the highest number known a batch may always lie.
LEAP: Final = 10_000_000
#: And so much further for each second since the stream was last heard: no gateway makes more events than that.
LEAP_PER_S: Final = 10_000
#: The largest number with which a stream may begin: a thousand events a second for thirty years.
FIRST_MOST: Final = 1_000_000_000_000

N = TypeVar("N")
_at: Final[Callable[[Event], int]] = attrgetter("at")


class Settlement(NamedTuple):
    """What a batch changes in a stream."""

    settled: Pairs
    """Everything settled afterwards."""
    fresh: Pairs
    """The batch's numbers that were not settled before."""
    thinned: Pairs
    """Numbers that the gateway dropped by policy and had not said so before."""
    lost: Pairs = ()
    """Numbers that the gateway will never have again and had not said so before."""


def settle(settled: Pairs, numbers: Pairs, thinned: Pairs, lost: Pairs = ()) -> Settlement:
    """Put a batch's numbers, its thinned and its lost ones into what is settled."""
    after, fresh = ranges.added(settled, numbers)
    dropped: Pairs = ()
    if thinned:
        after, dropped = ranges.added(after, thinned)
    gone: Pairs = ()
    if lost:
        after, gone = ranges.added(after, lost)
    return Settlement(after, fresh, dropped, gone)


def pick(items: Sequence[tuple[int, N]], wanted: Pairs, total: int) -> list[N]:
    """Of (number, item) pairs those whose number is `wanted`; `total` numbers were asked about."""
    count = ranges.count(wanted)
    if count == total:
        return [item for _, item in items]
    if not count:
        return []
    numbers = {n for first, last in wanted for n in range(first, last + 1)}
    return [item for number, item in items if number in numbers]


@dataclass(slots=True)
class Counts:
    """The counters of a stream or of one of its days."""

    received: int = 0
    duplicate: int = 0
    late: int = 0
    dead: int = 0
    thinned: int = 0
    lost: int = 0
    first_seq: int = 2**63 - 1
    last_seq: int = 0

    def see(self, first: int, last: int) -> None:
        """Widen the span of numbers."""
        self.first_seq, self.last_seq = min(self.first_seq, first), max(self.last_seq, last)


@dataclass(slots=True)
class Account:
    """One stream's account while its row is locked; `ledger.save` writes what was entered."""

    key: StreamKey
    settled: Pairs
    first_seen: int
    last_seen: int
    """ns, when anything of the stream was last committed."""
    totals: Counts = field(default_factory=Counts)
    days: defaultdict[str, Counts] = field(default_factory=lambda: defaultdict(Counts))
    thinned: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    lost: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    @property
    def highest(self) -> int:
        """The highest number settled; 0: none."""
        return self.settled[-1][1] if self.settled else 0

    def reach(self, now: int) -> int:
        """The highest number that a batch may bring (see the module)."""
        if not self.settled:
            return FIRST_MOST
        return self.settled[-1][1] + LEAP + LEAP_PER_S * max(0, now - self.last_seen) // _SECOND

    def enter(self, header: BatchHeader, now: int, calendar: SiteDays) -> Pairs | None:
        """Settle a batch's numbers and return the fresh ones; `None`: too many holes, nothing was entered."""
        result = settle(self.settled, header.ranges, header.thinned, header.lost)
        self.last_seen = now
        if len(result.settled) > MAX_BEYOND and len(result.settled) > len(self.settled):
            return None
        self.settled = result.settled
        if result.thinned:
            count = ranges.count(result.thinned)
            self.thinned.extend(result.thinned)
            self.totals.thinned += count
            day = self.days[calendar.day(now)]
            day.thinned += count
            day.see(result.thinned[0][0], result.thinned[-1][1])
        if result.lost:
            count = ranges.count(result.lost)
            self.lost.extend(result.lost)
            self.totals.lost += count
            day = self.days[calendar.day(now)]
            day.lost += count
            day.see(result.lost[0][0], result.lost[-1][1])
        return result.fresh

    def enter_all(self, first: BatchHeader, numbers: Pairs, now: int) -> Pairs | None:
        """Settle the numbers of several batches that declare nothing else and hold no number twice; returns the fresh ones.

        `first` is the first of the batches. `None` where they must be entered one by one; nothing was entered then.
        """
        if len(self.settled) + len(numbers) > MAX_BEYOND:
            return None
        begin = first.ranges[-1][1]
        if begin > self.reach(now) or numbers[-1][1] > max(self.highest, begin) + LEAP:
            return None
        settled, fresh = ranges.added(self.settled, numbers)
        if fresh and fresh != numbers:
            return None
        self.settled, self.last_seen = settled, now
        return fresh

    def book(self, fresh: Sequence[Event], repeated: Sequence[Event], now: int, calendar: SiteDays) -> int:
        """Count events that were taken in, and those that had been before, each on its site-local day; both in ascending order.

        Returns the newest time of what was taken in (ns), 0 where nothing was.
        """
        newest = 0
        if fresh:
            times = [event.at for event in fresh]
            oldest, newest = min(times), max(times)
            self.totals.received += len(fresh)
            limit = now - LATE_NS
            day = calendar.shared(oldest, newest)
            if day is None:
                for one, events in _by_day(fresh, calendar):
                    self._received(self.days[one], events, sum(map(limit.__gt__, map(_at, events))))
            elif newest < limit or oldest >= limit:
                self._received(self.days[day], fresh, len(fresh) if newest < limit else 0)
            else:
                self._received(self.days[day], fresh, sum(map(limit.__gt__, times)))
        if repeated:
            self.totals.duplicate += len(repeated)
            for one, events in _by_day(repeated, calendar):
                self.days[one].duplicate += len(events)
                self.days[one].see(events[0].seq, events[-1].seq)
        return newest

    def _received(self, counts: Counts, events: Sequence[Event], late: int) -> None:
        counts.received += len(events)
        counts.late += late
        counts.see(events[0].seq, events[-1].seq)
        self.totals.late += late

    def bury(self, numbers: Sequence[int], repeated: int, day: str) -> None:
        """Count refused events on the day of their arrival: `numbers` are fresh, `repeated` more had died before."""
        if numbers:
            self.days[day].dead += len(numbers)
            self.days[day].see(min(numbers), max(numbers))
            self.totals.dead += len(numbers)
        self.totals.duplicate += repeated

    def revive(self, event: Event, buried: str, calendar: SiteDays) -> None:
        """Count a replayed dead letter as received after all."""
        self.totals.dead -= 1
        self.totals.received += 1
        self.days[buried].dead -= 1
        self.days[buried].see(event.seq, event.seq)
        day = self.days[calendar.day(event.at)]
        day.received += 1
        day.see(event.seq, event.seq)

    def watermark(self) -> Watermark:
        """What the gateway is told."""
        upto, beyond = ranges.watermark(self.settled)
        return Watermark(
            site=self.key.site,
            gateway=self.key.gateway,
            epoch=self.key.epoch,
            event_class=self.key.event_class,
            upto=upto,
            beyond=beyond[:TOLD_BEYOND],
        )


def _by_day(events: Collection[Event], calendar: SiteDays) -> Iterable[tuple[str, list[Event]]]:
    """Runs of events of one day; nearly always there is just one."""
    run: list[Event] = []
    today = ""
    for event in events:
        day = calendar.day(event.at)
        if day != today and run:
            yield today, run
            run = []
        today = day
        run.append(event)
    yield today, run
