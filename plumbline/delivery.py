"""What gateways and ingest say to each other besides events: batches, watermarks, presence, replay requests.

A *stream* is (site, gateway, epoch, class): its events are numbered from 1 without holes. Ingest commits events in any
order and publishes for each stream how far it has everything (the watermark) and what it holds beyond.
"""

from typing import Annotated

from msgspec import Meta, Struct, field

from plumbline.event import Event, EventClass, EventName, Name, Nanoseconds, Sequence64, ShortText

Range = tuple[Sequence64, Sequence64]
"""First and last sequence number, both included."""
Ranges = Annotated[tuple[Range, ...], Meta(max_length=10_000)]


class StreamKey(Struct, frozen=True, order=True):
    """Which numbered sequence of events is meant."""

    site: str
    gateway: str
    epoch: str
    event_class: EventClass


class BatchHeader(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Whose events a batch holds, and which numbers: known even where one event in it cannot be read."""

    site: EventName
    gateway: EventName
    epoch: EventName
    event_class: EventClass = field(name="class")
    ranges: Ranges
    """The numbers of the events in order, as ranges: the i-th event has the i-th number."""
    thinned: Ranges = ()
    """Numbers that the gateway dropped by policy since it last said so (telemetry only)."""
    lost: Ranges = ()
    """Numbers that ingest asked for again and that the gateway will never have again."""
    v: Annotated[int, Meta(ge=1)] = 1

    @property
    def stream(self) -> StreamKey:
        """The stream that this batch belongs to."""
        return StreamKey(self.site, self.gateway, self.epoch, self.event_class)


class Batch(BatchHeader, frozen=True, kw_only=True, omit_defaults=True):
    """Events of one stream, sent as one MQTT message."""

    events: Annotated[list[Event], Meta(max_length=10_000)]


class Watermark(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Ingest's answer (retained): everything up to `upto` is committed, and so are `beyond`."""

    site: Name
    gateway: Name
    epoch: Name
    event_class: EventClass = field(name="class")
    upto: Annotated[int, Meta(ge=0)]
    beyond: Ranges = ()
    """Committed ranges above the watermark: no need to send them again."""
    v: Annotated[int, Meta(ge=1)] = 1

    @property
    def stream(self) -> StreamKey:
        """The stream that this watermark speaks of."""
        return StreamKey(self.site, self.gateway, self.epoch, self.event_class)


class Presence(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A gateway's birth (retained, `online` true) or its will and goodbye (`online` false)."""

    site: Name
    gateway: Name
    online: bool
    at: Nanoseconds
    """When said; in a will, when the connection it belongs to was made."""
    epoch: Name | None = None
    agent: ShortText | None = None
    """Version of the agent."""
    backlog: int | None = None
    """Events waiting in the outbox when this was said."""
    v: Annotated[int, Meta(ge=1)] = 1


class Canary(Struct, frozen=True, kw_only=True):
    """What a gateway says to itself, to see that what is published comes back."""

    token: Annotated[str, Meta(max_length=64)]
    """Drawn anew for each."""


class ReplayRequest(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Ingest asks a gateway to send these numbers again (a gap in the ledger, or a server that was wiped)."""

    epoch: Name
    event_class: EventClass = field(name="class")
    ranges: Ranges
    v: Annotated[int, Meta(ge=1)] = 1
