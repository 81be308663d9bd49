"""Payloads whose fields are declared in the device profile (`plumbline.profile.lorawan`)."""

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

from plumbline.dialects.document import Json
from plumbline.dialects.lorawan.codec.contract import CodecError, Decoded
from plumbline.dialects.lorawan.message import Message
from plumbline.profile.lorawan import WIDTHS, Condition, Field, Frame, Group

_Order = Literal["big", "little", "words"]
_FLOATS: Final = {"f16": ">e", "f32": ">f", "f64": ">d"}


class DeclaredFields:
    """Decodes by declared frames (see `Codec`)."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        self._frames = frames

    def decode(self, message: Message) -> Decoded:
        """The fields of every frame that fits, by name."""
        payload = message.payload or b""
        fitting = [frame for frame in self._frames if _fits(frame, message.f_port, payload)]
        if not fitting:
            raise CodecError(f"no declared frame fits {payload.hex()} ({len(payload)} bytes) on port {message.f_port}")
        found: dict[str, Json] = {}
        warnings: list[str] = []
        for frame in fitting:
            found.update(_read(frame.fields, payload, frame.order))
            for group, raw in _groups(frame, payload, warnings):
                found.update(_read(group.fields, raw, frame.order))
        return Decoded((found,), tuple(warnings))


def _fits(frame: Frame, port: int | None, payload: bytes) -> bool:
    return (
        (not frame.ports or port in frame.ports)
        and (not frame.bytes or len(payload) in frame.bytes)
        and all(_holds(condition, payload) for condition in frame.when)
        and all(_begin(field, payload) is not None for field in frame.fields.values())
        and len(payload) >= frame.start + (2 if frame.layout == "flagged" else 0)
    )


def _holds(condition: Condition, payload: bytes) -> bool:
    at = condition.at if condition.at >= 0 else len(payload) + condition.at
    return 0 <= at < len(payload) and payload[at] & condition.mask in condition.equals


def _begin(field: Field, payload: bytes) -> int | None:
    at = field.at if field.at >= 0 else len(payload) + field.at
    return at if 0 <= at <= len(payload) - WIDTHS[field.type] else None


def _groups(frame: Frame, payload: bytes, warnings: list[str]) -> Iterator[tuple[Group, bytes]]:
    if frame.layout == "tagged":
        yield from _tagged(frame, payload, warnings)
    elif frame.layout == "flagged":
        yield from _flagged(frame, payload, warnings)


def _tagged(frame: Frame, payload: bytes, warnings: list[str]) -> Iterator[tuple[Group, bytes]]:
    width = len(frame.groups[0].tag or "") // 2
    at = frame.start
    while at < len(payload):
        tag = payload[at : at + width].hex()
        group = next((one for one in frame.groups if _is(one.tag or "", tag)), None)
        if group is None:
            warnings.append(f"no group is declared for {tag} at byte {at} of {payload.hex()}; the rest of it is passed over")
            return
        end = len(payload) if group.bytes < 0 else at + width + group.bytes
        if end > len(payload):
            warnings.append(f"{payload.hex()} ends within the group {tag} at byte {at}")
            return
        yield group, payload[at + width : end]
        at = end


def _is(pattern: str, tag: str) -> bool:
    return len(pattern) == len(tag) and all(a in {"?", b} for a, b in zip(pattern.lower(), tag, strict=True))


def _flagged(frame: Frame, payload: bytes, warnings: list[str]) -> Iterator[tuple[Group, bytes]]:
    flags = int.from_bytes(payload[frame.start : frame.start + 2], "big")
    at = frame.start + 2
    for bit in range(flags.bit_length()):
        if not flags >> bit & 1:
            continue
        if bit >= len(frame.groups):
            warnings.append(
                f"no group is declared for bit {bit} of the flags in {payload.hex()}; the rest of it is passed over"
            )
            return
        end = len(payload) if frame.groups[bit].bytes < 0 else at + frame.groups[bit].bytes
        if end > len(payload):
            warnings.append(f"{payload.hex()} ends within the group of bit {bit}")
            return
        yield frame.groups[bit], payload[at:end]
        at = end


def _read(fields: Mapping[str, Field], payload: bytes, order: _Order) -> Iterator[tuple[str, Json]]:
    for name, field in fields.items():
        at = _begin(field, payload)
        if at is None:
            continue
        value = _value(field, payload[at : at + WIDTHS[field.type]], field.order or order)
        if value is not None:
            yield name, value


def _value(field: Field, raw: bytes, order: _Order) -> float | None:
    if order == "little":
        raw = raw[::-1]
    elif order == "words":
        raw = b"".join(raw[i : i + 2] for i in range(len(raw) - len(raw) % 2 - 2, -1, -2)) or raw
    number: float
    if field.type in _FLOATS:
        number = struct.unpack(_FLOATS[field.type], raw)[0]
        if not math.isfinite(number):
            return None
    elif field.type.startswith("bcd"):
        if not raw.hex().isdecimal():
            return None
        number = int(raw.hex())
    else:
        number = int.from_bytes(raw, "big", signed=field.type[0] == "i")
        if field.bits is not None:
            number = number >> field.bits[0] & (1 << field.bits[1]) - 1
    if number in field.unknown:
        return None
    number -= field.zero
    if field.polynomial is not None:
        return _finite(math.fsum(c * number**i for i, c in enumerate(field.polynomial)))
    return _finite(_scaled(number, field.scale) + field.add) if field.add else _finite(_scaled(number, field.scale))


def _scaled(number: float, scale: float) -> float:
    """`number · scale`, as people write it: 281 tenths are 28.1, not 28.1000…04."""
    if scale == 1:
        return number
    if 0 < abs(scale) < 1:
        whole = round(1 / scale)
        if abs(scale * whole - 1) < 1e-12:
            return number / whole
    return number * scale


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
