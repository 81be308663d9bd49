"""Where each class stands on its way to ingest: what is live, what is backlog, what is under way, what is held.

    1 ── held by ingest ──┤── owed: the backlog, sent from its begin ──┤── live: sent as it comes ──► last
                                                                     cursor

Everything that was owed when a connection began is backlog, and so is live data that could not leave for a while. Both are
sent in order of their numbers, so ingest sees one hole for each time that live data went first.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from edge_agent.outbox import Outbox
from edge_agent.outbox.file import Stream
from plumbline import ranges
from plumbline.event import CLASSES, EventClass
from plumbline.ranges import Pairs

#: Live data that waits longer than this without leaving becomes backlog, so that newer data goes first.
STALE_S: Final = 20.0
#: How much of it stays live: after a silence (of the link, or of ingest) what nobody could have told of in time, so that it is
#: not older than 30 s when it arrives; where the link is simply too slow, what is new.
_AFTER_SILENCE_S: Final = 30.0
_TOO_SLOW_S: Final = 2.0
#: ... and never more than so many batches.
_LIVE_BATCHES: Final = 4
#: Holes that one class may tear; then live data waits for its turn. Ingest tells 256 ranges and keeps 10,000.
MOST_HOLES: Final = 64
#: A batch of the backlog that is committed so fast lets one more be under way; one that takes so long halves them.
_FAST_S: Final = 2.0
_SLOW_S: Final = 5.0
#: How exactly it is known since when live data waits.
_MARK_S: Final = 1.0


@dataclass(slots=True, eq=False)
class Sent:
    """A batch under way."""

    numbers: Pairs
    at: float
    """When the broker acknowledged it; before, when it was sent."""
    acknowledged: asyncio.Future[None]
    """By the broker: until then it is not sent again, for it has not left us."""


@dataclass(slots=True)
class Lane:
    """One class on its way."""

    event_class: EventClass
    linger_s: float
    window: int
    """Batches, of live data and of backlog each, that may be under way without being committed."""
    cursor: int = 0
    """The newest live number that was sent on this connection, or behind which the backlog lies."""
    owed: Pairs = ()
    """The backlog: numbers up to `cursor` that were not sent on this connection."""
    held: Pairs = ()
    """What ingest says it holds."""
    live: list[Sent] = field(default_factory=list[Sent])
    late: list[Sent] = field(default_factory=list[Sent])
    late_room: int = 1
    wanted: Pairs = ()
    """What ingest asked for again."""
    less_since: float | None = None
    """Since when ingest says that it holds less than it once did; ahead of now: what it lacks is being sent."""
    told: Pairs = ()
    """Thinned numbers that were told to ingest on this connection."""
    replaying: asyncio.Future[None] | None = None
    since: float | None = None
    """When a live event was first seen waiting for company."""
    heard_at: float = 0.0
    """When ingest last said anything about this class."""
    silence_s: float = 0.0
    """How long ingest had said nothing before."""
    marks: deque[tuple[float, int]] = field(default_factory=lambda: deque([(float("-inf"), 0)]))
    """(time, newest number then), about one a second, the first one older than anything that is asked for."""

    def resume(self, stream: Stream, now: float, *, same: bool, few: int, few_bytes: int) -> None:
        """Begin a connection behind what is committed: what was under way on the old one counts as lost.

        A backlog that fits one batch is no backlog: it goes first and leaves no hole. What is quite new is none either.
        """
        self.held = ranges.union(self.held if same else (), stream.committed)
        self.cursor, self.owed = ranges.watermark(self.held)[0], ()
        self.live, self.late, self.late_room = [], [], min(2, self.window)
        self.wanted, self.replaying = self.wanted if same else (), None
        self.told, self.since = (), None
        if not same:
            self.marks = deque([(float("-inf"), stream.last)])
        waiting = ranges.difference(((1, stream.last),), self.held)
        if ranges.count(waiting) > few or stream.pending_bytes > few_bytes:
            begin = self._older_than(_AFTER_SILENCE_S, now, stream.last - _LIVE_BATCHES * few)
            self.cursor, self.owed = begin, ranges.difference(waiting, ((begin + 1, stream.last),))

    def cover(self, upto: int, beyond: Sequence[tuple[int, int]], now: float) -> None:
        """Take a watermark: free what it covers."""
        self.silence_s, self.heard_at = now - self.heard_at, now
        self.held = ranges.union(self.held, ((1, upto),) if upto else (), beyond)
        self.live = [sent for sent in self.live if self._open(sent)]
        kept: list[Sent] = []
        for sent in self.late:
            if self._open(sent):
                kept.append(sent)
            elif now - sent.at < _FAST_S:
                self.late_room = min(self.window, self.late_room + 1)
            elif now - sent.at > _SLOW_S:
                self.late_room = max(1, self.late_room // 2)
        self.late = kept

    def _open(self, sent: Sent) -> bool:
        return bool(ranges.difference(sent.numbers, self.held))

    @property
    def under_way(self) -> Iterator[Sent]:
        """Every batch that is not committed, live ones first."""
        yield from self.live
        yield from self.late

    @property
    def progress(self) -> int:
        """Up to here everything was sent on this connection or need not be; beyond may be a hole."""
        return self.owed[0][0] - 1 if self.owed else self.cursor

    def coming(self, newest: int) -> Pairs:
        """Numbers that ingest will get without asking: what is owed, under way or not sent yet, up to `newest`."""
        live = ((self.cursor + 1, newest),) if newest > self.cursor else ()
        return ranges.difference([*self.owed, *live, *(pair for sent in self.under_way for pair in sent.numbers)], self.held)

    def note(self, now: float, last: int) -> None:
        """Remember when numbers were given, as far as somebody asks for it."""
        marks = self.marks
        if now - marks[-1][0] >= _MARK_S and last > marks[-1][1]:
            marks.append((now, last))
        while len(marks) > 1 and marks[1][0] <= now - _AFTER_SILENCE_S:
            marks.popleft()

    def _older_than(self, seconds: float, now: float, least: int = 0) -> int:
        """The newest number that is known to be so old, or `least`."""
        return max(least, next((last for at, last in reversed(self.marks) if at <= now - seconds), self.marks[0][1]))

    def leap(self, now: float, few: int) -> bool:
        """Where live data waits for long, make it backlog and go on with what is new; false where that is not needed or wise.

        What is not more than `few` events needs no leap: it leaves with the new ones.
        """
        if self._older_than(STALE_S, now) <= self.cursor or len(self.owed) >= MOST_HOLES:
            return False
        keep_s = _AFTER_SILENCE_S if self.silence_s > STALE_S / 2 else _TOO_SLOW_S
        newest = self._older_than(keep_s, now, self.marks[-1][1] - _LIVE_BATCHES * few)
        if newest - self.cursor <= few:
            return False
        self.owed = ranges.difference(ranges.union(self.owed, ((self.cursor + 1, newest),)), self.held)
        self.cursor, self.since = newest, None
        return True


class Lanes:
    """Both classes, of one epoch of the outbox.

    Args:
        outbox: whose.
        linger_s: how long events of each class wait for company.
        window: see `Lane`.
        few: a backlog of so many events at most, and of so many bytes, is sent as live data.
        few_bytes: see `few`.
    """

    def __init__(self, outbox: Outbox, *, linger_s: dict[EventClass, float], window: int, few: int, few_bytes: int) -> None:
        self._outbox = outbox
        self._few = few
        self._few_bytes = few_bytes
        self.epoch = ""
        self.hold_s: Callable[[EventClass], float] = lambda _event_class: 0.0
        """How long events of a class are still to wait, because the gateway is about to learn the time."""
        self._unanswered_since: float | None = None
        self._lanes: dict[EventClass, Lane] = {name: Lane(name, linger_s[name], window) for name in CLASSES}

    def __getitem__(self, event_class: EventClass) -> Lane:
        return self._lanes[event_class]

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes.values())

    def note(self, now: float) -> None:
        """Events were appended."""
        for name, lane in self._lanes.items():
            lane.note(now, self._outbox.stream(name).last)

    def resume(self, now: float) -> None:
        """Begin a connection, or an epoch."""
        same = self.epoch == self._outbox.epoch
        self.epoch = self._outbox.epoch
        for name, lane in self._lanes.items():
            lane.resume(self._outbox.stream(name), now, same=same, few=self._few, few_bytes=self._few_bytes)

    def delivered(self, now: float) -> None:
        """The broker has a batch: from now on ingest owes an answer, if it did not before."""
        if self._unanswered_since is None:
            self._unanswered_since = now

    def cover(self, event_class: EventClass, upto: int, beyond: Sequence[tuple[int, int]], now: float) -> None:
        """Take a watermark of this epoch. Numbers that were never given are passed over."""
        newest = self._outbox.stream(event_class).last
        known = [(first, min(last, newest)) for first, last in beyond if first <= last and first <= newest]
        self._lanes[event_class].cover(min(upto, newest), known, now)
        owing = any(sent.acknowledged.done() for lane in self for sent in lane.under_way)
        self._unanswered_since = now if owing else None

    def silent_s(self, now: float) -> float:
        """How long ingest has said nothing although the broker has batches for it; 0: it owes no answer."""
        return 0.0 if self._unanswered_since is None else max(0.0, now - self._unanswered_since)
