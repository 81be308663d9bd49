"""The payload of Sparkplug B, decoded from the protocol buffers' wire format.

Sparkplug 3.0.0, chapter 6.4 (payload), with the field numbers of its `sparkplug_b.proto`; wire format as in 'Encoding' of
the protocol buffers' documentation. Our own hundred lines, since the library would take 10 MB of a gateway's memory.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from plumbline.dialects.document import FieldError

_MOST_METRICS: Final = 10_000
_LONGEST_NAME: Final = 512
#: Wire types.
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
#: Datatype → bits of a signed integer.
_SIGNED: Final = {1: 8, 2: 16, 3: 32, 4: 64}
_UNSIGNED: Final = {5: 8, 6: 16, 7: 32, 8: 64}
BOOLEAN: Final = 11
DATETIME: Final = 13
_FLOAT, _DOUBLE = 9, 10
_TEXTS: Final = frozenset({12, 14, 15})
#: Datatypes that hold no single value, by name.
COMPOUND: Final = {
    16: "a DataSet", 17: "bytes", 18: "a file", 19: "a template", 20: "a PropertySet", 21: "a list of PropertySets",
    **dict.fromkeys(range(22, 35), "an array"),
}  # fmt: skip
_UNITS: Final = frozenset({"engunit", "engineering units", "engineeringunits", "unit", "units"})

Scalar = int | float | bool | str | None


@dataclass(slots=True)
class SparkplugMetric:
    """One metric of a payload. What the message does not say is `None`."""

    name: str | None = None
    alias: int | None = None
    timestamp_ms: int | None = None
    datatype: int | None = None
    is_null: bool = False
    unit: str | None = None
    quality: int | None = None
    """192 is good, 0 bad, 500 stale."""
    value: Scalar = None
    """As it was sent; `typed` gives it its sign."""
    compound: str | None = None
    """What it is where it holds no single value."""


@dataclass(slots=True)
class Payload:
    """One message."""

    timestamp_ms: int | None = None
    seq: int | None = None
    metrics: list[SparkplugMetric] = field(default_factory=list[SparkplugMetric])


def payload(data: bytes) -> Payload:
    """Decode a message. Raises `FieldError` where it is not one."""
    made = Payload()
    for number, wire, value in _fields(data):
        if number == 1 and wire == _VARINT:
            made.timestamp_ms = _whole(value)
        elif number == 3 and wire == _VARINT:
            made.seq = _whole(value)
        elif number == 2 and isinstance(value, bytes):
            if len(made.metrics) >= _MOST_METRICS:
                raise FieldError(f"holds more than {_MOST_METRICS} metrics")
            made.metrics.append(_metric(value))
    return made


def fits(value: Scalar, datatype: int | None) -> bool:
    """Whether a value is of the sort that its datatype says; a number that was given anew by a birth we missed often is not."""
    if value is None or datatype is None:
        return True
    if datatype in _SIGNED or datatype in _UNSIGNED or datatype == DATETIME:
        return isinstance(value, int) and not isinstance(value, bool)
    if datatype in {_FLOAT, _DOUBLE}:
        return isinstance(value, float)
    if datatype == BOOLEAN:
        return isinstance(value, int)
    return datatype not in _TEXTS or isinstance(value, str)


def typed(value: Scalar, datatype: int | None) -> Scalar:
    """The value as its datatype says: integers are sent unsigned, and truth values sometimes as numbers."""
    if not isinstance(value, int) or isinstance(value, bool) or datatype is None:
        return value
    if datatype == BOOLEAN:
        return value != 0
    if bits := _SIGNED.get(datatype):
        value &= (1 << bits) - 1
        return value - (1 << bits) if value >> (bits - 1) else value
    if bits := _UNSIGNED.get(datatype):
        return value & ((1 << bits) - 1)
    return value


def _metric(data: bytes) -> SparkplugMetric:
    made = SparkplugMetric()
    for number, wire, value in _fields(data):
        if wire == _VARINT and not isinstance(value, bytes):
            _number_of(made, number, value)
        elif wire == _FIXED32 and number == 12:
            made.value, made.compound = struct.unpack("<f", struct.pack("<I", value))[0], None
        elif wire == _FIXED64 and number == 13:
            made.value, made.compound = struct.unpack("<d", struct.pack("<Q", value))[0], None
        elif isinstance(value, bytes):
            _bytes_of(made, number, value)
    return made


def _number_of(made: SparkplugMetric, number: int, value: int) -> None:
    match number:
        case 2:
            made.alias = value
        case 3:
            made.timestamp_ms = value
        case 4:
            made.datatype = value & 0xFFFF_FFFF
        case 7:
            made.is_null = value != 0
        case 10:
            made.value, made.compound = value & 0xFFFF_FFFF, None
        case 11:
            made.value, made.compound = value, None
        case 14:
            made.value, made.compound = value != 0, None
        case _:
            pass


def _bytes_of(made: SparkplugMetric, number: int, value: bytes) -> None:
    match number:
        case 1:
            made.name = _text(value)
        case 9:
            _properties(made, value)
        case 15:
            made.value, made.compound = value[:1024].decode(errors="replace"), None
        case 16 | 17 | 18 | 19:
            made.value, made.compound = None, ("bytes", "a DataSet", "a template", "an extension")[number - 16]
        case _:
            pass


def _properties(made: SparkplugMetric, data: bytes) -> None:
    """Unit and quality, of the properties that a metric has: names and values stand in two lists of one order."""
    keys: list[bytes] = []
    values: list[bytes] = []
    for number, _, value in _fields(data):
        if isinstance(value, bytes) and number in {1, 2} and len(keys) + len(values) < 512:
            (keys if number == 1 else values).append(value)
    for key, encoded in zip(keys, values, strict=False):
        word = key[:64].decode(errors="replace").strip().lower()
        if word in _UNITS:
            text = next((value for number, _, value in _fields(encoded) if number == 8 and isinstance(value, bytes)), b"")
            made.unit = text[:32].decode(errors="replace") or made.unit
        elif word == "quality":
            made.quality = next(
                (_whole(value) for number, wire, value in _fields(encoded) if number in {3, 4} and wire == 0), None
            )


def _text(value: bytes) -> str:
    if len(value) > _LONGEST_NAME:
        raise FieldError(f"a metric's name has {len(value)} bytes, at most {_LONGEST_NAME} are read")
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise FieldError("a metric's name is not UTF-8") from None


def _whole(value: int | bytes) -> int:
    assert isinstance(value, int)
    return value


def _fields(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """Field number, wire type and value of each field. Raises `FieldError` for what is no message."""
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if number == 0 or number >= 1 << 29:
            raise FieldError("is not a payload of Sparkplug B: a field has an impossible number")
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield number, wire, value
            continue
        if wire == _BYTES:
            size, at = _varint(data, at)
        elif wire in {_FIXED32, _FIXED64}:
            size = 4 if wire == _FIXED32 else 8
        else:
            raise FieldError(f"is not a payload of Sparkplug B: wire type {wire}")
        if size > end - at:
            raise FieldError("is not a payload of Sparkplug B: it ends too soon")
        raw = data[at : at + size]
        at += size
        yield number, wire, raw if wire == _BYTES else int.from_bytes(raw, "little")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise FieldError("is not a payload of Sparkplug B: it ends too soon")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise FieldError("is not a payload of Sparkplug B: a number has more than ten bytes")
