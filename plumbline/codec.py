"""JSON in and out, with every refusal named.

Decoding never raises anything but `CodecError`, needs memory in proportion to the input and refuses early what is too
large. A batch with one bad event yields the others: the bad one comes back with its number, its bytes and the reason.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeVar

import msgspec

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


class DecodedBatch(NamedTuple):
    """A batch taken apart: the header, the events that are good, and those that are not."""

    header: BatchHeader
    events: list[Event]
    refused: list[Refused]


_encoder: Final = msgspec.json.Encoder()
_event: Final = msgspec.json.Decoder(Event)
_batch: Final = msgspec.json.Decoder(Batch)
_raw_batch: Final = msgspec.json.Decoder(_RawBatch)
_peek: Final = msgspec.json.Decoder(_Peek)
_presence: Final = msgspec.json.Decoder(Presence)
_watermark: Final = msgspec.json.Decoder(Watermark)
_replay: Final = msgspec.json.Decoder(ReplayRequest)


def encode(value: Event | Presence | Watermark | ReplayRequest) -> bytes:
    """Write an event or a delivery message as JSON."""
    return _encoder.encode(value)


def encode_batch(header: BatchHeader, events: Sequence[bytes]) -> bytes:
    """Join a header and events that are JSON already into one batch, without decoding them."""
    head = _encoder.encode(header)
    return b'%b,"events":[%b]}' % (head[:-1], b",".join(events))


def decode_event(data: bytes) -> Event:
    """Read one event.

    Raises `CodecError`: `too_large`, `not_json`, `newer_version`, `unknown_kind` or `invalid` (with the JSON path).
    """
    return decode_as(_event, data, MAX_EVENT_BYTES)


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
    data = expanded(data, MAX_BATCH_BYTES)
    try:
        batch = decode_as(_batch, data, MAX_BATCH_BYTES)
    except CodecError as error:
        if error.reason in ("too_large", "not_json", "newer_version"):
            raise
        return _salvage(data)
    numbers = _numbers(batch.ranges, len(batch.events))
    events: list[Event] = []
    refused: list[Refused] = []
    for seq, event in zip(numbers, batch.events, strict=True):
        error = _misplaced(event, seq, batch)
        if error is None:
            events.append(event)
        else:
            refused.append(Refused(seq, encode(event), error))
    return DecodedBatch(batch, events, refused)


def _salvage(data: bytes) -> DecodedBatch:
    batch = decode_as(_raw_batch, data, MAX_BATCH_BYTES)
    events: list[Event] = []
    refused: list[Refused] = []
    for seq, raw in zip(_numbers(batch.ranges, len(batch.events)), batch.events, strict=True):
        try:
            event = decode_event(bytes(raw))
        except CodecError as error:
            refused.append(Refused(seq, bytes(raw), error))
            continue
        error = _misplaced(event, seq, batch)
        if error is None:
            events.append(event)
        else:
            refused.append(Refused(seq, bytes(raw), error))
    return DecodedBatch(batch, events, refused)


def _numbers(ranges: tuple[tuple[int, int], ...], count: int) -> list[int]:
    """The numbers that `ranges` list, which must ascend and be `count` in all."""
    total, previous = 0, 0
    for first, last in ranges:
        if not previous < first <= last:
            raise CodecError("invalid", f"ranges must ascend, found [{first}, {last}] after {previous} - at `$.ranges`")
        total, previous = total + last - first + 1, last
    if total != count:
        raise CodecError("invalid", f"ranges list {total} numbers for {count} events - at `$.ranges`")
    return [seq for first, last in ranges for seq in range(first, last + 1)]


def _misplaced(event: Event, seq: int, batch: BatchHeader) -> CodecError | None:
    if event.v > VERSION:
        return _newer(event.v, kind_of(event))
    if event.seq != seq or event.epoch != batch.epoch or event.gateway != batch.gateway or event.site != batch.site:
        return CodecError(
            "invalid", f"the event says {event.site}/{event.gateway}/{event.epoch} #{event.seq}, its batch #{seq}"
        )
    if event.event_class != batch.event_class:
        return CodecError("invalid", f"a {kind_of(event)} is {event.event_class}, its batch {batch.event_class}")
    return None


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
