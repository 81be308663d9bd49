"""A group of parcels sorted by stream, and its entry into the accounts: at once where that is possible, else one by one.

A stream's part of a group is *plain* where its batches declare nothing but numbers, none of their events was refused, and no
number comes twice: then one look at all numbers settles them all (`Account.enter_all`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter
from typing import Final

import structlog

from ingest.account import LEAP, LEAP_PER_S, MAX_BEYOND, Account, pick, settle
from ingest.days import SiteDays
from ingest.parcel import Letter, Parcel
from plumbline import ranges
from plumbline.delivery import BatchHeader, StreamKey
from plumbline.event import Event
from plumbline.ranges import Pairs

_log: Final = structlog.get_logger()
_seq: Final = attrgetter("seq")
_events: Final = attrgetter("events")


@dataclass(slots=True)
class Stream:
    """What a group brings of one stream."""

    key: StreamKey
    parcels: list[tuple[BatchHeader, Parcel]] = field(default_factory=list[tuple[BatchHeader, Parcel]])
    numbers: Pairs = ()
    """All numbers, where it is plain; empty: it is not."""
    events: Sequence[Event] = ()
    """All events in ascending order, where it is plain."""

    def look(self) -> None:
        """See whether it is plain."""
        parcels = self.parcels
        first = parcels[0][0].ranges
        if not first:
            return
        begin = at = first[0][0]
        total, ascending = 0, True
        pairs: list[tuple[int, int]] = []
        for header, parcel in parcels:
            if header.thinned or header.lost or parcel.refused:
                return
            for low, high in header.ranges:
                if low != at:
                    ascending = False
                at = high + 1
                total += at - low
            pairs += header.ranges
        events = parcels[0][1].events if len(parcels) == 1 else list(chain.from_iterable(p.events for _, p in parcels))
        if ascending:
            numbers: Pairs = ((begin, at - 1),)
        else:
            numbers = ranges.union(pairs)
            if ranges.count(numbers) != total:
                return
            events = sorted(events, key=_seq)
        if len(events) == total:  # else an event vanished on the way: counted with care
            self.numbers, self.events = numbers, events


def sort(parcels: Iterable[Parcel]) -> dict[StreamKey, Stream]:
    """The streams of a group, in the order of their first parcels."""
    found: dict[tuple[str, str, str, str], Stream] = {}
    for parcel in parcels:
        header = parcel.header
        if header is None:
            continue
        place = (header.site, header.gateway, header.epoch, header.event_class)
        stream = found.get(place)
        if stream is None:
            stream = found[place] = Stream(header.stream)
        stream.parcels.append((header, parcel))
    for stream in found.values():
        stream.look()
    return {stream.key: stream for stream in found.values()}


def unsettled(stream: Stream, settled: Pairs) -> Sequence[Event]:
    """The events of a stream that are not settled, each number once: whose points are to be written."""
    if stream.numbers and (not settled or stream.numbers[0][0] > settled[-1][1]):
        return stream.events
    events: list[Event] = []
    for header, parcel in stream.parcels:
        settled, fresh, _, _ = settle(settled, header.ranges, header.thinned, header.lost)
        events += chosen(parcel.events, fresh, ranges.count(header.ranges))
    return events


def chosen(events: list[Event], fresh: Pairs, total: int) -> list[Event]:
    """The events whose number is fresh; all of them where every number of the batch is (the common case costs nothing)."""
    if ranges.count(fresh) == total:
        return events
    return pick([(event.seq, event) for event in events], fresh, total) if fresh else []


@dataclass(slots=True)
class Entry:
    """What became of a group in the accounts."""

    buried: list[tuple[Letter, str]] = field(default_factory=list[tuple[Letter, str]])
    """Fresh refused events, each with the day that counts it."""
    letters: list[Letter] = field(default_factory=list[Letter])
    """Batches that were not entered."""
    newest: dict[StreamKey, int] = field(default_factory=dict[StreamKey, int])
    """Of each stream the newest time taken in (ns); 0: nothing was."""
    _fresh: dict[int, list[Event]] = field(default_factory=dict[int, list[Event]])
    """By the parcel's identity; of a parcel that is not here every event is fresh."""

    def enter(self, stream: Stream, account: Account, calendar: SiteDays, now: int, *, trusted: bool = False) -> None:
        """Enter what a group brings of a stream. `trusted`: somebody vouches for its numbers, however far they leap."""
        fresh = account.enter_all(stream.parcels[0][0], stream.numbers, now) if stream.numbers else None
        if fresh is not None:
            taken, repeated = (stream.events, ()) if fresh else ((), stream.events)
            self.newest[stream.key] = account.book(taken, repeated, now, calendar)
            if not fresh:
                self._fresh |= {id(parcel): [] for _, parcel in stream.parcels}
            return
        newest = 0
        for header, parcel in stream.parcels:
            taken = self._one(header, parcel, account, calendar, now, trusted=trusted)
            self._fresh[id(parcel)] = taken
            newest = max(newest, max((event.at for event in taken), default=0))
        self.newest[stream.key] = newest

    def _one(
        self, header: BatchHeader, parcel: Parcel, account: Account, calendar: SiteDays, now: int, *, trusted: bool
    ) -> list[Event]:
        """Enter one parcel: its fresh events."""
        far = max((pair[1] for pair in chain(header.ranges, header.thinned, header.lost)), default=0)
        if far > account.reach(now) and not trusted:
            account.last_seen = now
            self.letters.append(_leap(parcel, header, account, far))
            return []
        numbers = account.enter(header, now, calendar)
        if numbers is None:
            _log.warning("batch left to the gateway: too many holes", topic=parcel.topic, limit=MAX_BEYOND)
            return []
        total = ranges.count(header.ranges)
        taken = chosen(parcel.events, numbers, total)
        repeated: list[Event] = []
        if len(taken) < len(parcel.events):
            known = {event.seq for event in taken}
            repeated = [event for event in parcel.events if event.seq not in known]
        account.book(taken, repeated, now, calendar)
        if parcel.refused:
            buried = pick([(letter.seq or 0, letter) for letter in parcel.refused], numbers, total)
            day = calendar.day(now)
            account.bury([letter.seq or 0 for letter in buried], len(parcel.refused) - len(buried), day)
            self.buried += [(letter, day) for letter in buried]
        return taken

    def fresh(self, parcels: Iterable[Parcel], streams: Mapping[StreamKey, Stream]) -> Sequence[Event]:
        """The events that were taken in, in the order of the parcels."""
        if not self._fresh:
            if len(streams) == 1 and len(only := next(iter(streams.values())).parcels) == 1:
                return only[0][1].events
            return list(chain.from_iterable(map(_events, parcels)))
        return list(chain.from_iterable(self._fresh.get(id(parcel), parcel.events) for parcel in parcels))


def _leap(parcel: Parcel, header: BatchHeader, account: Account, far: int) -> Letter:
    detail = (
        f"{parcel.topic}: #{far} of epoch {header.epoch} lies {far - account.highest} beyond the highest number known"
        f" (#{account.highest}; at most {LEAP} and {LEAP_PER_S} a second are believed): its header is damaged or forged;"
        " the numbers stay open, so if the gateway really counted so far, replay this letter"
    )
    return Letter(parcel.topic, "leap", detail, parcel.payload)
