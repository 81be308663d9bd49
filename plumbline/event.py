"""The event: one frozen tagged union for everything that a site tells the office.

An event is a header (who, where, when, how sure of the time, its place in the ledger) and the fields of its kind.
Its JSON form is the only form: on the gateway's disk, in MQTT batches, in the inbox, in dead letters.
`docs/event.schema.json` and `docs/event.md` are generated from this module.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta, Struct

from plumbline.ids import NAME_PATTERN, UUID_PATTERN

#: The version this code writes. Readers accept 1..VERSION and refuse what is newer as `newer_version`.
VERSION: Final = 1

EventClass = Literal["business", "telemetry"]
#: Every class, in the order in which a gateway sends them when both wait.
CLASSES: Final[tuple[EventClass, ...]] = ("business", "telemetry")

_NAME: Final = "Letters, digits, '.', '_', '-'; at most 64."
#: A name that is checked while it is decoded: for settings, profiles and what is said seldom.
Name = Annotated[str, Meta(pattern=NAME_PATTERN, description=_NAME)]
#: A name that `plumbline.naming` checks behind the decoder, many at once: a regular expression for each name and id took
#: four fifths of the time of reading an event. Only for what `plumbline.codec` decodes.
EventName = Annotated[str, Meta(extra_json_schema={"pattern": NAME_PATTERN}, description=_NAME)]
Nanoseconds = Annotated[int, Meta(ge=0, le=2**63 - 1, description="UTC, nanoseconds since 1970-01-01.")]
Sequence64 = Annotated[int, Meta(ge=1, le=2**63 - 1)]
ShortText = Annotated[str, Meta(max_length=256)]
Text = Annotated[str, Meta(max_length=8192)]
Latitude = Annotated[float, Meta(ge=-90, le=90, description="WGS 84, degrees, north positive.")]
Longitude = Annotated[float, Meta(ge=-180, le=180, description="WGS 84, degrees, east positive.")]
ElementStrings = Annotated[tuple[tuple[ShortText, ShortText], ...], Meta(max_length=128)]


class ClockReading(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """How the time of an event came about, so that it can be corrected when the gateway's clock is set later."""

    quality: Literal["ntp", "gps", "free"]
    """`ntp`/`gps`: disciplined by that source when stamped; `free`: nobody vouches for it."""
    boot: ShortText
    """The gateway's boot id: monotonic times compare only within one boot."""
    mono: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    """Nanoseconds of the gateway's monotonic clock at capture."""
    original: Nanoseconds | None = None
    """The first `at`, where a later synchronisation corrected it."""
    unset: bool = False
    """The gateway's clock was evidently not set: `at` is only a time that had certainly passed."""


class Header(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What every event carries."""

    # gc=False, for the kinds too: an event holds nothing that could hold the event, so the collector need not follow it

    event_class: ClassVar[EventClass] = "telemetry"

    id: Annotated[str, Meta(extra_json_schema={"pattern": UUID_PATTERN})]
    """UUIDv7 given at capture: the same scan sent ten times is one scan."""
    site: EventName
    gateway: EventName
    device: EventName
    at: Nanoseconds
    """When it happened (UTC, ns): as the device told it, else by the gateway's clock, then strictly increasing per device."""
    clock: ClockReading
    epoch: EventName
    """The outbox file that numbered this event."""
    seq: Sequence64
    """Its number among the events of its class in that epoch: from 1, without holes."""
    v: Annotated[int, Meta(ge=1, description="Version of this form; absent means 1.")] = 1


class Scan(Header, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="scan"):
    """A barcode or QR code was read. Business: never evicted."""

    event_class: ClassVar[EventClass] = "business"

    raw: Annotated[bytes, Meta(max_length=8192)]
    """The symbol's content byte for byte (base64 in JSON)."""
    text: Text
    """The content as text, for people and for own labels."""
    symbology: ShortText | None = None
    """AIM symbology identifier (ISO/IEC 15424), for example `]C1`, where the device gives one."""
    format: ShortText | None = None
    """The symbology's name, for example `Code128`, `QRCode`."""
    gs1: ElementStrings | None = None
    """GS1 element strings in order, (application identifier, value); `None`: not GS1, or ambiguous."""
    repaired: bool = False
    """The scanner lost the FNC1 separators and `gs1` is the only reading of the bytes that breaks no rule."""
    candidates: Annotated[tuple[ElementStrings, ...], Meta(max_length=16)] | None = None
    """The scanner lost the FNC1 separators and several readings break no rule: these. A person decides; `gs1` is `None`."""
    photo: ShortText | None = None
    """SHA-256 of the picture it was read from."""
    person: ShortText | None = None
    """Who scanned, where known."""
    typed: bool = False
    """A person typed the code, because the label could not be read."""
    verdict: ShortText | None = None
    """What the gateway told the person who scanned: `expected`, `already_received`, `over` (more than ordered),
    `certificate_missing`, `wrong_batch`, `wrong_site`, `unknown`, `ask` (a person decides), `person`, `equipment`, `zone`, or `kept`
    where it did not know what is expected. By what it knew then: the office may come to another result."""


class Fix(Header, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="fix"):
    """A satellite receiver or a phone knows where it is. A receiver without a fix makes no event."""

    lat: Latitude
    lon: Longitude
    mode: Literal[2, 3] = 3
    """2: 2D, 3: 3D (NMEA 0183 GSA)."""
    alt_m: float | None = None
    """Metres above mean sea level."""
    speed_mps: float | None = None
    course_deg: float | None = None
    """Course over ground, degrees from true north."""
    accuracy_m: float | None = None
    """Radius that holds the true position with about 68 %."""
    hdop: float | None = None
    sats_used: int | None = None


class CheckIn(Header, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="check_in"):
    """A person arrived at or left a place. Business."""

    event_class: ClassVar[EventClass] = "business"

    person: ShortText
    place: ShortText
    """A zone, a gate or a post."""
    method: Literal["badge", "qr", "gps", "manual"]
    direction: Literal["in", "out"]
    role: ShortText | None = None


class Reading(Header, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="reading"):
    """Sensor values. The device profile says what each metric means and in which unit."""

    measurement: EventName
    """The device type and so the series: `environment`, `equipment`, `concrete` …"""
    values: Annotated[dict[EventName, float], Meta(min_length=1, max_length=64)]
    """Metric → value in the profile's unit. NaN and infinities do not exist here."""


class State(Header, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="state"):
    """A piece of equipment changed its state. Business."""

    event_class: ClassVar[EventClass] = "business"

    state: Literal["off", "idle", "working", "fault"]
    previous: Literal["off", "idle", "working", "fault"] | None = None
    code: ShortText | None = None
    """The machine's own fault code."""


class Inspection(Header, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="inspection"):
    """A quality check was carried out, for example at a hold point. Business."""

    event_class: ClassVar[EventClass] = "business"

    check: ShortText
    """Which point of the inspection and test plan."""
    result: Literal["passed", "failed", "conditional"]
    order: ShortText | None = None
    person: ShortText | None = None
    photo: ShortText | None = None
    """SHA-256 of the picture that proves it."""
    note: Text | None = None


class Health(Header, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="health"):
    """How the gateway itself is: disk, queue, temperature, each reader."""

    values: Annotated[dict[EventName, float], Meta(max_length=64)]
    """Metric (unit in its name, `disk_free_bytes`) → value."""
    readers: Annotated[dict[EventName, ShortText], Meta(max_length=256)] = {}
    """Reader → `ok`, `ok; meter-3: …` where a device of it is in trouble, or what is wrong and what to check."""
    texts: Annotated[dict[EventName, ShortText], Meta(max_length=32)] = {}
    """What is told in words: `agent` (version), `clock`, `broker`, `config`."""


Event = Scan | Fix | CheckIn | Reading | State | Inspection | Health
#: Kind → type, in the order of the documentation.
KINDS: Final[Mapping[str, type[Event]]] = {
    "scan": Scan,
    "fix": Fix,
    "check_in": CheckIn,
    "reading": Reading,
    "state": State,
    "inspection": Inspection,
    "health": Health,
}


def kind_of(event: Event) -> str:
    """The event's kind as written in its JSON form."""
    return str(event.__struct_config__.tag)
