"""A group of parcels sorted by stream, and its entry into the accounts: at once where that is possible, else one by one.

A stream's part of a group is *plain* where its batches declare nothing but numbers, none of their events was refused, and no
number comes twice: then one look at all numbers settles them all (`Account.enter_all`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from operator import add, attrgetter, eq, lt
from typing import Final

import structlog

from ingest.ledger.account import LEAP, LEAP_PER_S, MAX_BEYOND, Account, pick, settle
from ingest.ledger.days import SiteDays
from ingest.receiving.parcel import Letter, Parcel
from plumbline import ranges
from plumbline.delivery import BatchHeader, StreamKey
from plumbline.event import Event
from plumbline.ranges import Pairs

_log: Final = structlog.get_logger()
_place: Final = attrgetter("site", "gateway", "epoch", "event_class")
_ranges: Final = attrgetter("ranges")
_thinned: Final = attrgetter("thinned")
_lost: Final = attrgetter("lost")
_refused: Final = attrgetter("refused")
_events: Final = attrgetter("events")
_seq: Final = attrgetter("seq")


@dataclass(slots=True)
class Stream:
    """What a group brings of one stream."""

    key: StreamKey
    parcels: Sequence[Parcel]
    headers: Sequence[BatchHeader]
    numbers: Pairs = ()
    """All numbers, where it is plain; empty: it is not."""
    events: Sequence[Event] = ()
    """All events in ascending order, where it is plain."""
    in_order: bool = False
    """Whether that is their order in the parcels, too."""

    @property
    def highest(self) -> int:
        """The highest number that is spoken of."""
        if self.numbers:
            return self.numbers[-1][1]
        pairs = chain.from_iterable(chain(header.ranges, header.thinned, header.lost) for header in self.headers)
        return max((last for _, last in pairs), default=0)

    def look(self) -> None:
        """See whether it is plain."""
        headers, parcels = self.headers, self.parcels
        if any(map(_thinned, headers)) or any(map(_lost, headers)) or any(map(_refused, parcels)):
            return
        pairs: Pairs = headers[0].ranges if len(headers) == 1 else tuple(chain.from_iterable(map(_ranges, headers)))
        if not pairs:
            return
        lows, highs = zip(*pairs, strict=True)
        total = sum(highs) - sum(lows) + len(pairs)
        if all(map(eq, map(add, highs, repeat(1)), lows[1:])):
            numbers: Pairs = ((lows[0], highs[-1]),)
        else:
            numbers = ranges.union(pairs)
            if ranges.count(numbers) != total:
                return
        events = parcels[0].events if len(parcels) == 1 else list(chain.from_iterable(map(_events, parcels)))
        if len(events) != total:  # an event vanished on the way: counted with care
            return
        self.in_order = all(map(lt, highs, lows[1:]))
        self.numbers, self.events = numbers, events if self.in_order else sorted(events, key=_seq)


def sort(parcels: Sequence[Parcel]) -> dict[StreamKey, Stream]:
    """The streams of a group, in the order of their first parcels."""
    headers = [parcel.header for parcel in parcels if parcel.header is not None]
    mine = parcels if len(headers) == len(parcels) else [parcel for parcel in parcels if parcel.header is not None]
    places = list(map(_place, headers))
    if not places:
        return {}
    if len(set(places)) == 1:
        streams = [Stream(headers[0].stream, mine, headers)]
    else:
        found: dict[tuple[str, ...], tuple[list[Parcel], list[BatchHeader]]] = {}
        for place, header, parcel in zip(places, headers, mine, strict=True):
            known = found.get(place)
            if known is None:
                known = found[place] = ([], [])
            known[0].append(parcel)
            known[1].append(header)
        streams = [Stream(some[0].stream, theirs, some) for theirs, some in found.values()]
    for stream in streams:
        stream.look()
    return {stream.key: stream for stream in streams}


def unsettled(stream: Stream, settled: Pairs) -> Sequence[Event]:
    """The events of a stream that are not settled, each number once: whose points are to be written."""
    if stream.numbers and (not settled or stream.numbers[0][0] > settled[-1][1]):
        return stream.events
    events: list[Event] = []
    for header, parcel in zip(stream.headers, stream.parcels, strict=True):
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
        fresh = account.enter_all(stream.headers[0], stream.numbers, now) if stream.numbers else None
        if fresh is not None:
            taken, repeated = (stream.events, ()) if fresh else ((), stream.events)
            self.newest[stream.key] = account.book(taken, repeated, now, calendar)
            if not fresh:
                self._fresh |= {id(parcel): [] for parcel in stream.parcels}
            return
        newest = 0
        for header, parcel in zip(stream.headers, stream.parcels, strict=True):
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
            only = next(iter(streams.values())) if len(streams) == 1 else None
            return only.events if only is not None and only.in_order else list(chain.from_iterable(map(_events, parcels)))
        return list(chain.from_iterable(self._fresh.get(id(parcel), parcel.events) for parcel in parcels))


def _leap(parcel: Parcel, header: BatchHeader, account: Account, far: int) -> Letter:
    detail = (
        f"{parcel.topic}: #{far} of epoch {header.epoch} lies {far - account.highest} beyond the highest number known"
        f" (#{account.highest}; at most {LEAP} and {LEAP_PER_S} a second are believed): its header is damaged or forged;"
        " the numbers stay open, so if the gateway really counted so far, replay this letter"
    )
    return Letter(parcel.topic, "leap", detail, parcel.payload)
