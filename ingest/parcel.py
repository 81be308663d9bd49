"""One MQTT message on its way through the pipeline: opened, checked, and what is wrong with it written on letters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ingest.points import OWN_MEASUREMENTS
from ingest.strangers import stranger
from plumbline import codec, topics
from plumbline.delivery import BatchHeader, StreamKey
from plumbline.errors import CodecError
from plumbline.event import Event, EventClass, Reading
from plumbline.site import SiteFile

#: Of a message that cannot be read, so many bytes are kept.
KEPT_BYTES: Final = 256 * 1024

#: A time so far ahead is a broken clock's. Taken, it would stay the newest state of its device until that day comes.
AHEAD_NS: Final = 86_400 * 10**9


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


@dataclass(slots=True)
class Parcel:
    """A message taken apart. Without a `header` there is nothing in it but `letters`."""

    topic: str
    payload: bytes
    received_at: int
    """ns, ingest's clock."""
    ack: Callable[[], None]
    header: BatchHeader | None = None
    events: list[Event] = field(default_factory=list[Event])
    refused: list[Letter] = field(default_factory=list[Letter])
    """Events whose number is known: the ledger counts them as dead."""
    letters: list[Letter] = field(default_factory=list[Letter])
    """What is wrong beside that."""


def open_parcel(
    topic: str, payload: bytes, *, sites: Mapping[str, SiteFile], received_at: int, ack: Callable[[], None]
) -> Parcel:
    """Decode and validate a message. Never fails: whatever is wrong becomes a letter."""
    parcel = Parcel(topic, payload, received_at, ack)
    place = topics.parse(topic)
    event_class = topics.class_of(place.leaf, "events") if place else None
    try:
        batch = codec.decode_batch(payload)
    except CodecError as error:
        parcel.letters.append(Letter(topic, error.reason, f"{topic}: {error.detail}", payload))
        return parcel
    header = batch.header
    if place is None or (header.site, header.gateway, header.event_class) != (place.site, place.gateway, event_class):
        detail = f"{topic}: the batch says {header.site}/{header.gateway} {header.event_class}; check who publishes there"
        parcel.letters.append(Letter(topic, "misplaced", detail, payload))
        return parcel
    parcel.header = header
    stream = header.stream
    parcel.refused = [
        Letter(topic, error.reason, f"{topic} #{seq}: {error.detail}", raw, stream, seq) for seq, raw, error in batch.refused
    ]
    site = sites.get(header.site)
    for event in batch.events:
        reason = wrong_with(event, site, received_at)
        if reason is None:
            parcel.events.append(event)
        else:
            word, detail = reason
            letter = Letter(topic, word, f"{topic} #{event.seq}: {detail}", codec.encode(event), stream, event.seq)
            parcel.refused.append(letter)
    return parcel


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
    if type(event) is Reading and event.measurement in OWN_MEASUREMENTS:
        return "reserved_name", f"a reading may not be called '{event.measurement}'; rename it in the device profile"
    if event.clock.unset and event.event_class == "telemetry":
        return "clock_unset", f"the clock of '{event.gateway}' was not set; it is taken in by itself once its time is known"
    if event.at > now + AHEAD_NS:
        days = (event.at - now) // AHEAD_NS
        return "clock_ahead", f"its time is {days} days ahead of ours; set the clock of '{event.gateway}', or ours, and replay"
    return None


def class_in(topic: str) -> EventClass | None:
    """The event class that a topic says, if it is one of ours."""
    place = topics.parse(topic)
    return topics.class_of(place.leaf, "events") if place else None
