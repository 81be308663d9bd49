"""One MQTT message on its way through the pipeline: opened, checked, and what is wrong with it written on letters.

What is right is found right for many messages at once; only what is not is looked at event by event, to say which and why.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain, repeat
from operator import attrgetter
from typing import Any, Final, NamedTuple

from msgspec import Struct

from ingest.projection.points import is_own
from ingest.receiving.strangers import stranger, strangers
from plumbline import codec, topics
from plumbline.codec import DecodedBatch, WholeBatch
from plumbline.delivery import BatchHeader, StreamKey
from plumbline.errors import CodecError
from plumbline.event import Event, EventClass, Health, Reading
from plumbline.ids import is_name
from plumbline.mqtt import Message
from plumbline.site import SiteFile

#: Of a message that cannot be read, so many bytes are kept.
KEPT_BYTES: Final = 256 * 1024

#: A time so far ahead is a broken clock's. Taken, it would stay the newest state of its device until that day comes.
AHEAD_NS: Final = 86_400 * 10**9

#: Topics whose gateway and class are remembered; they are named by whoever publishes, and the longest are not remembered.
_MOST_PLACES: Final = 10_000
_LONGEST_REMEMBERED: Final = 200

_Place = tuple[str, str, EventClass | None]
_places: Final[dict[str, _Place]] = {}
_place: Final = attrgetter("site", "gateway", "event_class")
_events: Final = attrgetter("events")
_site: Final = attrgetter("site")


class Letter(NamedTuple):
    """A dead letter to be: one event with its number, or a whole message whose numbers are not known."""

    topic: str
    reason: str
    """A short stable word: `codec.CodecError.reason`, or `misplaced`, `unknown_site`, `unknown_device`, `reserved_name`, `clock_ahead`,
    `clock_unset`, `point_refused`, `database_refused`; of direct devices `undecodable`, `partly_undecodable`."""
    detail: str
    payload: bytes
    stream: StreamKey | None = None
    seq: int | None = None
    received_at: int | None = None
    """ns, where that counts to the nanosecond; else the time of the commit."""
    place: tuple[str, str] | None = None
    """Site and gateway, where they are known without a stream."""

    @property
    def whose(self) -> tuple[str | None, str | None]:
        """Site and gateway: of the event, or of whoever publishes on that topic; `None` where the topic is not one of ours."""
        if self.stream is not None:
            return self.stream.site, self.stream.gateway
        if self.place is not None:
            return self.place
        told = topics.parse(self.topic)
        return (told.site, told.gateway) if told and is_name(told.site) and is_name(told.gateway) else (None, None)


class Parcel(Struct):
    """A message taken apart. Without a `header` there is nothing in it but `letters`."""

    topic: str
    payload: bytes
    received_at: int
    """ns, ingest's clock."""
    ack: Callable[[], None]
    header: BatchHeader | None = None
    events: list[Event] = []
    refused: list[Letter] = []
    """Events whose number is known: the ledger counts them as dead."""
    letters: list[Letter] = []
    """What is wrong beside that."""


def open_parcel(
    topic: str, payload: bytes, *, sites: Mapping[str, SiteFile], received_at: int, ack: Callable[[], None]
) -> Parcel:
    """Decode and validate a message. Never fails: whatever is wrong becomes a letter."""
    return _judged(Parcel(topic, payload, received_at, ack), codec.decode_batches([payload])[0], sites)


def open_group(messages: Sequence[Message], *, sites: Mapping[str, SiteFile], received_at: int) -> list[Parcel]:
    """Decode and validate messages that came together: of each, in order, what `open_parcel` makes of it, for much less."""
    payloads, topics = [message.payload for message in messages], [message.topic for message in messages]
    acks = [message.ack for message in messages]
    batches = codec.decode_batches(payloads)
    if _good(topics, batches, sites, received_at):
        return list(map(Parcel, topics, payloads, repeat(received_at), acks, batches, map(_events, batches)))
    return [
        _judged(Parcel(topic, payload, received_at, ack), batch, sites)
        for topic, payload, ack, batch in zip(topics, payloads, acks, batches, strict=True)
    ]


def _good(topics: Sequence[str], batches: Sequence[DecodedBatch | CodecError], sites: Mapping[str, SiteFile], now: int) -> bool:
    """Whether nothing at all is wrong with any of the batches."""
    if {*map(type, batches)} != {WholeBatch}:
        return False
    headers: Sequence[Any] = batches
    places = list(map(_places.get, topics))
    if None in places:
        places = list(map(_place_of, topics))
    if places != list(map(_place, headers)):
        return False
    return _acceptable(headers, list(chain.from_iterable(map(_events, batches))), sites, now)


def _judged(parcel: Parcel, batch: DecodedBatch | CodecError, sites: Mapping[str, SiteFile]) -> Parcel:
    """The parcel with what its message holds, and with letters about what is wrong."""
    topic = parcel.topic
    if isinstance(batch, CodecError):
        parcel.letters.append(Letter(topic, batch.reason, f"{topic}: {batch.detail}", parcel.payload))
        return parcel
    header = batch.header
    if (header.site, header.gateway, header.event_class) != _place_of(topic):
        detail = f"{topic}: the batch says {header.site}/{header.gateway} {header.event_class}; check who publishes there"
        parcel.letters.append(Letter(topic, "misplaced", detail, parcel.payload))
        return parcel
    parcel.header = header
    stream = header.stream
    parcel.refused = [
        Letter(topic, error.reason, f"{topic} #{seq}: {error.detail}", raw, stream, seq) for seq, raw, error in batch.refused
    ]
    if _acceptable([header], batch.events, sites, parcel.received_at):
        parcel.events = batch.events
        return parcel
    site = sites.get(header.site)
    for event in batch.events:
        reason = wrong_with(event, site, parcel.received_at)
        if reason is None:
            parcel.events.append(event)
        else:
            word, detail = reason
            letter = Letter(topic, word, f"{topic} #{event.seq}: {detail}", codec.encode(event), stream, event.seq)
            parcel.refused.append(letter)
    return parcel


def _acceptable(headers: Sequence[BatchHeader], events: Sequence[Event], sites: Mapping[str, SiteFile], now: int) -> bool:
    """Whether `wrong_with` certainly has nothing against any of the events."""
    if not events:
        return True
    for name in set(map(_site, headers)):
        site = sites.get(name)
        if site is None:
            return False
        if not site.takes_unknown_devices() and strangers(
            site, (event.device for event in events if event.site == name and type(event) is not Health)
        ):
            return False
    latest = now + AHEAD_NS
    for event in events:
        if event.at > latest or event.clock.unset:
            return False
    kinds: set[type[Event]] = set(map(type, events))
    if Reading not in kinds:
        return True
    readings: Sequence[Any] = events if len(kinds) == 1 else [event for event in events if type(event) is Reading]
    return not any(map(is_own, {reading.measurement for reading in readings}))


def wrong_with(event: Event, site: SiteFile | None, now: int, *, known: bool = False) -> tuple[str, str] | None:
    """What stands against taking an event that could be read: (reason, detail), or `None`. `now` is ingest's clock, ns.

    `known`: somebody else decides about devices that the site file does not name.
    """
    if site is None:
        return (
            "unknown_site",
            f"there is no site file for '{event.site}'; add it to the sites folder: what waits is then taken in",
        )
    if not known and (wrong := stranger(event, site)) is not None:
        return wrong
    if type(event) is Reading and is_own(event.measurement):
        return "reserved_name", f"a reading may not be called '{event.measurement}'; rename it in the device profile"
    if event.clock.unset and event.event_class == "telemetry":
        return "clock_unset", f"the clock of '{event.gateway}' was not set; it is taken in by itself once its time is known"
    if event.at > now + AHEAD_NS:
        days = (event.at - now) // AHEAD_NS
        return "clock_ahead", f"its time is {days} days ahead of ours; set the clock of '{event.gateway}', or ours, and replay"
    return None


def class_in(topic: str) -> EventClass | None:
    """The event class that a topic says, if it is one of ours."""
    place = _place_of(topic)
    return place[2] if place else None


def _place_of(topic: str) -> _Place | None:
    """The site, gateway and class that a topic says; `None` where it is not one of ours."""
    known = _places.get(topic)
    if known is not None:
        return known
    parts = topics.parse(topic)
    if parts is None:
        return None
    place = (parts.site, parts.gateway, topics.class_of(parts.leaf, "events"))
    if len(topic) <= _LONGEST_REMEMBERED:
        if len(_places) >= _MOST_PLACES:
            _places.clear()
        _places[topic] = place
    return place
