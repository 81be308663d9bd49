"""What was taken from the broker and waits, and how much of it goes on together.

Groups grow with the load by themselves: what comes while the stages ahead are busy joins the group that waits for them. A
group waits for company of its own accord only where more is certainly coming (`Gathering.expected`), so that a lone scan is
never delayed.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final

from ingest.receiving.parcel import Parcel
from plumbline.compression import are_plain, is_compressed
from plumbline.mqtt import Message

#: An event's JSON, about: the size of a compressed message says little of the work in it.
_EVENT_BYTES: Final = 400
#: Compressed messages opened at once: each may hold a hundred times what it weighs, which is only known afterwards.
_COMPRESSED: Final = 8
#: Messages opened at once, and about so many events: between portions others have their turn, and what is looked at several
#: times stays near the processor. 1,000 events at once cost 1.5 us each to open here, 5,000 cost 1.75.
_PORTION: Final = 1024
#: How far back arrivals count for what is expected.
_RECENT_S: Final = 0.1
_payload: Final[Callable[[Message], bytes]] = attrgetter("payload")
_events: Final[Callable[[Parcel], Sequence[object]]] = attrgetter("events")
_refused: Final[Callable[[Parcel], Sequence[object]]] = attrgetter("refused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """How messages that wait are committed together. What first reaches its bound ends a group."""

    messages: int = 4096
    """At most so many messages."""
    events: int = 5000
    """No further message once the group has so many events."""
    size_bytes: int = 4 * 1024 * 1024
    """No further message once the group has so many bytes; as much may wait behind it."""
    linger_s: float = 0.02
    """So long a group waits for company at most, where some is expected."""
    company: int = 4
    """So many messages must be expected in that time."""


@dataclass(slots=True)
class Opened:
    """A group as far as it has been gathered and opened."""

    messages: list[Message] = field(default_factory=list[Message])
    parcels: list[Parcel] = field(default_factory=list[Parcel])
    events: int = 0
    size: int = 0
    weight: int = 0
    """Bytes of its messages as they came."""
    arrived: float = math.inf
    """When the oldest of its messages was taken from the broker (the loop's clock)."""
    seconds: float = 0.0
    """Time spent on opening."""

    def add(self, messages: Sequence[Message], parcels: Sequence[Parcel]) -> None:
        """Let opened messages join."""
        events = sum(map(len, map(_events, parcels))) + sum(map(len, map(_refused, parcels)))
        self.messages += messages
        self.parcels += parcels
        self.events += events
        heavy = weight(messages)
        self.weight += heavy
        self.size += max(heavy, events * _EVENT_BYTES)


@dataclass(slots=True)
class _Arrived:
    """Messages that came together."""

    messages: Sequence[Message]
    at: float
    size: int
    """Bytes of those that did not go on yet."""
    gone: int = 0
    """How many of them went on already."""


class Gathering:
    """The messages that wait to be opened, in the order of their arrival.

    Args:
        grouping: bounds for what waits, and for each group.
        stir: called whenever something was added.
    """

    def __init__(self, grouping: Grouping, stir: Callable[[], object]) -> None:
        self._grouping = grouping
        self._stir = stir
        self._waiting: deque[_Arrived] = deque()
        self._count, self._size = 0, 0
        self._room = asyncio.Event()
        self._room.set()
        self._recent, self._last = 0.0, 0.0

    def __len__(self) -> int:
        """How many messages wait."""
        return self._count

    async def put(self, messages: Sequence[Message], now: float, *, size: int) -> None:
        """Add messages of so many bytes in all; returns once there is room for more."""
        self._waiting.append(_Arrived(messages, now, size))
        self._count += len(messages)
        self._size += size
        self._recent = self._recent * math.exp((self._last - now) / _RECENT_S) + len(messages)
        self._last = now
        self._stir()
        if self._size >= self._grouping.size_bytes or self._count >= self._grouping.messages:
            self._room.clear()
            await self._room.wait()

    def expected(self, now: float) -> float:
        """How many messages will probably come during the longest linger."""
        return self._recent * math.exp((self._last - now) / _RECENT_S) * self._grouping.linger_s / _RECENT_S

    def full(self, group: Opened) -> bool:
        """Whether nothing more may join a group."""
        limit = self._grouping
        return len(group.messages) >= limit.messages or group.events >= limit.events or group.size >= limit.size_bytes

    def portion(self, group: Opened) -> list[Message]:
        """Take out what may join a group next; empty where nothing waits or the group is full."""
        taken: list[Message] = []
        if self.full(group):
            return taken
        events = min(self._grouping.events - group.events, _PORTION)
        most = min(self._grouping.messages - len(group.messages), events)
        most_size = min(self._grouping.size_bytes - group.size, events * _EVENT_BYTES)
        size, compressed = 0, 0
        while self._waiting and len(taken) < most and size < most_size and compressed < _COMPRESSED:
            first = self._waiting[0]
            left = len(first.messages) - first.gone
            some = first.messages[first.gone : first.gone + most - len(taken)]
            heavy = first.size if len(some) == left else weight(some)
            if size + heavy > most_size or not are_plain(map(_payload, some)):
                count = heavy = 0
                for message in some:
                    count += 1
                    heavy += len(message.payload)
                    compressed += is_compressed(message.payload)
                    if size + heavy >= most_size or compressed >= _COMPRESSED:
                        break
                some = some[:count]
            taken += some
            size += heavy
            first.size -= heavy
            group.arrived = min(group.arrived, first.at)
            first.gone += len(some)
            if first.gone == len(first.messages):
                self._waiting.popleft()
        self._count -= len(taken)
        self._size -= size
        if not self._room.is_set() and not self._waiting:
            self._room.set()
        return taken


def weight(messages: Sequence[Message]) -> int:
    """The bytes of messages as they came."""
    return sum(map(len, map(_payload, messages)))
