"""JSON in and out, with every refusal named.

Decoding never raises anything but `CodecError`, needs memory in proportion to the input and refuses early what is too
large. A batch with one bad event yields the others: the bad one comes back with its number, its bytes and the reason.

What is right is found right for many batches at once; only what is not is looked at event by event, to say which and why
(`tests/unit/plumbline/test_codec_bulk.py` holds both ways to one answer).
"""

from collections.abc import Sequence
from itertools import chain
from typing import Final, NamedTuple, TypeAlias, TypeVar

import msgspec
from msgspec import structs

from plumbline import naming
from plumbline.compression import expanded
from plumbline.delivery import Batch, BatchHeader, Presence, ReplayRequest, Watermark
from plumbline.errors import CodecError
from plumbline.event import KINDS, VERSION, Event, kind_of

#: Largest event accepted, in bytes of JSON.
MAX_EVENT_BYTES: Final = 64 * 1024
#: Largest batch accepted, in bytes of JSON, before it was compressed.
MAX_BATCH_BYTES: Final = 4 * 1024 * 1024

T = TypeVar("T")


class _Peek(msgspec.Struct):
    v: int = 1
    kind: str | None = None


class _RawBatch(BatchHeader, frozen=True, kw_only=True):
    events: list[msgspec.Raw]


class Refused(NamedTuple):
    """One event of a batch that could not be read: its number, its bytes and why."""

    seq: int
    raw: bytes
    error: CodecError


class WholeBatch(Batch, frozen=True, kw_only=True, omit_defaults=True):
    """A batch with nothing wrong in it; it is its own header."""

    @property
    def header(self) -> BatchHeader:
        """Itself."""
        return self

    @property
    def refused(self) -> Sequence[Refused]:
        """None."""
        return []


class PartBatch(msgspec.Struct):
    """A batch taken apart: the header, the events that are good, and those that are not."""

    header: BatchHeader
    events: list[Event]
    refused: list[Refused]


DecodedBatch: TypeAlias = WholeBatch | PartBatch

_encoder: Final = msgspec.json.Encoder()
_event: Final = msgspec.json.Decoder(Event)
_batch: Final = msgspec.json.Decoder(WholeBatch)
_raw_batch: Final = msgspec.json.Decoder(_RawBatch)
_peek: Final = msgspec.json.Decoder(_Peek)
_presence: Final = msgspec.json.Decoder(Presence)
_watermark: Final = msgspec.json.Decoder(Watermark)
_replay: Final = msgspec.json.Decoder(ReplayRequest)
_UNREADABLE: Final = (CodecError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError, OverflowError)

#: Where `encode_batch` ends the header, and where it joins two events; neither can stand inside a JSON string.
_HEAD_ENDS: Final = b',"events":['
_NEXT_EVENT: Final = b',{"kind":'
_MOST_EVENTS: Final = 10_000


def encode(value: Event | Presence | Watermark | ReplayRequest) -> bytes:
    """Write an event or a delivery message as JSON. Raises `CodecError` where a text holds half of a surrogate pair."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        raise CodecError("invalid", "a text with half of a surrogate pair, which is no character") from None


def encode_batch(header: BatchHeader, events: Sequence[bytes]) -> bytes:
    """Join a header and events that are JSON already into one batch, without decoding them."""
    head = _encoder.encode(header)
    return b'%b,"events":[%b]}' % (head[:-1], b",".join(events))


def decode_event(data: bytes) -> Event:
    """Read one event.

    Raises `CodecError`: `too_large`, `not_json`, `newer_version`, `unknown_kind` or `invalid` (with the JSON path).
    """
    event = decode_as(_event, data, MAX_EVENT_BYTES)
    if (wrong := naming.misnamed(event)) is not None:
        raise CodecError("invalid", wrong)
    return event


def decode_presence(data: bytes) -> Presence:
    """Read a gateway's birth or will. Raises `CodecError`."""
    return decode_as(_presence, data, MAX_EVENT_BYTES)


def decode_watermark(data: bytes) -> Watermark:
    """Read a committed watermark. Raises `CodecError`."""
    return decode_as(_watermark, data, MAX_BATCH_BYTES)


def decode_replay(data: bytes) -> ReplayRequest:
    """Read a replay request. Raises `CodecError`."""
    return decode_as(_replay, data, MAX_BATCH_BYTES)


def decode_batch(data: bytes) -> DecodedBatch:
    """Read a batch, compressed or not; events that cannot be read come back in `refused` with their number.

    Raises `CodecError` where the header itself is unreadable, the numbers do not match the events, or it is too large.
    """
    batch = decode_batches((data,))[0]
    if isinstance(batch, CodecError):
        raise batch
    return batch


def decode_batches(payloads: Sequence[bytes]) -> Sequence[DecodedBatch | CodecError]:
    """Read many batches for much less than each alone; of each what `decode_batch` gives or raises, in order."""
    batches: Sequence[WholeBatch | None]
    try:
        batches = read = [
            _batch.decode(data if len(data) <= MAX_EVENT_BYTES and data[:1] == b"{" else _large(data)) for data in payloads
        ]
    except _UNREADABLE:  # one of them at least
        batches = list(map(_tried, payloads))
    else:
        if _sound(read):
            return read
    return [_alone(data, batch) for data, batch in zip(payloads, batches, strict=True)]


def _tried(data: bytes) -> WholeBatch | None:
    try:
        return _batch.decode(_large(data))
    except _UNREADABLE:
        return None


def _large(data: bytes) -> bytes:
    """The JSON of a batch that may be compressed, or have room for an event that is too large alone. Raises `CodecError`."""
    text = expanded(data, MAX_BATCH_BYTES)
    if len(text) > MAX_BATCH_BYTES or (
        len(text) > MAX_EVENT_BYTES and max(map(len, _raw_batch.decode(text).events), default=0) > MAX_EVENT_BYTES
    ):
        raise CodecError("too_large", f"{len(text)} bytes")
    return text


def _alone(data: bytes, batch: WholeBatch | None) -> DecodedBatch | CodecError:
    if batch is not None and _sound([batch]):
        return batch
    try:
        return _one_by_one(data)
    except CodecError as error:
        return error


def _sound(batches: Sequence[Batch]) -> bool:
    """Whether nothing at all is wrong with them."""
    each = [batch.events for batch in batches]
    events: list[Event] = each[0] if len(each) == 1 else list(chain.from_iterable(each))
    kinds: set[type[Event]] = set(map(type, events))
    classes = {batch.event_class for batch in batches} | {kind.event_class for kind in kinds}
    alone = len(events) == len(batches) and all(each)
    if len(classes) > 1 or not (_each_in_place(batches, events) if alone else all(map(_in_place, batches))):
        return False
    names = {name for batch in batches for name in (batch.site, batch.gateway, batch.epoch)}
    return naming.well_named(names, events, kinds)


def _in_place(batch: Batch) -> bool:
    """Whether every event has a version that is known, and the stream and number that its batch gives it."""
    site, gateway, epoch, events = batch.site, batch.gateway, batch.epoch, batch.events
    try:
        numbers = _numbers(batch.ranges, len(events))
    except CodecError:
        return False
    for event, seq in zip(events, numbers, strict=True):  # a loop for all fields: one for each took ten times as long
        if event.seq != seq or event.site != site or event.gateway != gateway or event.epoch != epoch or event.v > VERSION:
            return False
    return batch.v <= VERSION


def _each_in_place(batches: Sequence[Batch], events: Sequence[Event]) -> bool:
    """The same of batches of one event each."""
    for batch, event in zip(batches, events, strict=True):
        seq = event.seq
        if event.site != batch.site or event.gateway != batch.gateway or event.epoch != batch.epoch:
            return False
        if batch.ranges != ((seq, seq),) or event.v > VERSION or batch.v > VERSION:
            return False
    return True


def _one_by_one(data: bytes) -> PartBatch:
    """Read a batch event by event."""
    text = expanded(data, MAX_BATCH_BYTES)
    try:
        batch = decode_as(_raw_batch, text, MAX_BATCH_BYTES)
    except CodecError as error:
        if error.reason not in {"not_json", "invalid"} or (torn := _torn(text)) is None:
            raise
        batch = torn
    if (wrong := naming.misnamed_header(batch)) is not None:
        raise CodecError("invalid", wrong)
    events: list[Event] = []
    refused: list[Refused] = []
    for seq, raw in zip(_numbers(batch.ranges, len(batch.events)), batch.events, strict=True):
        try:
            event = decode_event(bytes(raw))
            _check_place(event, seq, batch)
        except CodecError as error:
            refused.append(Refused(seq, bytes(raw), error))
        else:
            events.append(event)
    return PartBatch(batch, events, refused)


def _torn(text: bytes) -> _RawBatch | None:
    """A batch whose JSON is broken inside its events, cut where `encode_batch` joined them.

    One event that was damaged on the gateway's disk would else hold back its whole batch for ever. `None` where the pieces do
    not tell which number each of them has.
    """
    head, found, rest = text.partition(_HEAD_ENDS)
    if not found or rest.count(_NEXT_EVENT) >= _MOST_EVENTS:
        return None
    pieces = rest.removesuffix(b"]}").split(_NEXT_EVENT)
    try:
        batch = _raw_batch.decode(head + _HEAD_ENDS + b"]}")
        _numbers(batch.ranges, len(pieces))
    except _UNREADABLE:
        return None
    if batch.v > VERSION:
        return None
    return structs.replace(
        batch, events=[msgspec.Raw(_NEXT_EVENT[1:] + piece if i else piece) for i, piece in enumerate(pieces)]
    )


def _numbers(ranges: tuple[tuple[int, int], ...], count: int) -> Sequence[int]:
    """The numbers that `ranges` list, which must ascend and be `count` in all."""
    if len(ranges) == 1 and count > 0 and ranges[0][1] - ranges[0][0] == count - 1:
        return range(ranges[0][0], ranges[0][1] + 1)
    total, previous = 0, 0
    for first, last in ranges:
        if not previous < first <= last:
            raise CodecError("invalid", f"ranges must ascend, found [{first}, {last}] after {previous} - at `$.ranges`")
        total, previous = total + last - first + 1, last
    if total != count:
        raise CodecError("invalid", f"ranges list {total} numbers for {count} events - at `$.ranges`")
    return [seq for first, last in ranges for seq in range(first, last + 1)]


def _check_place(event: Event, seq: int, batch: BatchHeader) -> None:
    """Raise `CodecError` where an event does not belong in a batch under that number."""
    if event.seq != seq or event.epoch != batch.epoch or event.gateway != batch.gateway or event.site != batch.site:
        raise CodecError("invalid", f"the event says {event.site}/{event.gateway}/{event.epoch} #{event.seq}, its batch #{seq}")
    if event.event_class != batch.event_class:
        raise CodecError("invalid", f"a {kind_of(event)} is {event.event_class}, its batch {batch.event_class}")


def _newer(version: int, kind: str | None, newest: int = VERSION) -> CodecError:
    return CodecError(
        "newer_version", f"version {version} of {kind or 'the form'}, this code reads up to {newest}; upgrade, then replay"
    )


def decode_as(decoder: msgspec.json.Decoder[T], data: bytes, limit: int, *, newest: int = VERSION) -> T:
    """Read one message of at most `limit` bytes, whose version `v` may be `newest` at most. Raises `CodecError`."""
    if len(data) > limit:
        raise CodecError("too_large", f"{len(data)} bytes, at most {limit} are read")
    try:
        value = decoder.decode(data)
    except msgspec.ValidationError as error:
        raise _why(data, str(error), newest) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CodecError("not_json", str(error)) from None
    except (RecursionError, ValueError, OverflowError) as error:
        raise CodecError("invalid", str(error) or type(error).__name__) from None
    version = getattr(value, "v", 1)
    if version > newest:
        raise _newer(version, None, newest)
    return value


def _why(data: bytes, detail: str, newest: int) -> CodecError:
    """Tell a newer version or an unknown kind from a plain mistake, so that an upgrade can replay them."""
    try:
        peek = _peek.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        return CodecError("invalid", detail)
    if peek.v > newest:
        return _newer(peek.v, peek.kind, newest)
    if peek.kind is not None and peek.kind not in KINDS:
        return CodecError("unknown_kind", f"{peek.kind[:64]!r}; this code knows {', '.join(KINDS)}")
    return CodecError("invalid", detail)
