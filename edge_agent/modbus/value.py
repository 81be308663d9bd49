"""From the contents of registers to a value."""

import math
import struct
from collections.abc import Sequence
from typing import Final

from edge_agent.modbus.point import Contents, Point
from plumbline.errors import PlumblineError

#: The four orders that fit any size: whether the registers come lowest first, whether each has its low byte first.
_GENERAL: Final = {"ABCD": (False, False), "BADC": (False, True), "CDAB": (True, False), "DCBA": (True, True)}
_FLOATS: Final = {"float16": ">e", "float32": ">f", "float64": ">d"}
#: SunSpec allows scale factors of -10 to 10 (Device Information Model Specification 1.1, section 6.5.1, "sunssf").
_EXPONENTS: Final = range(-10, 11)


class RegisterError(PlumblineError):
    """Registers hold what cannot be a value of the declared type; the text says which and what to check."""


def value_of(point: Point, contents: Contents) -> float | str | None:
    """The value at `point`: an `int`, `float` or `str`; `None` where it was not read or the device says 'not available'.

    Integers are exact. Scaled by another register it is a `float`. Raises `RegisterError`.
    """
    words = point.words(contents)
    value = None if words is None else _plain(point, words)
    if value is None or point.scale is None:
        return value
    factor = value_of(point.scale, contents)
    if factor is None:
        return None
    if isinstance(value, str) or isinstance(factor, str):
        raise RegisterError(f"{point.place}: a string cannot be scaled; check its type")
    if point.scale_how == "factor":
        return value * factor
    if factor not in _EXPONENTS:
        raise RegisterError(f"{point.scale.place}: {factor:g} is no exponent of 10 (-10 to 10); check the register map")
    # A division by 10 to the power n is exact to the last digit where a multiplication by 0.1 is not.
    return value * 10.0**factor if factor >= 0 else value / 10.0**-factor


def _plain(point: Point, words: Sequence[int]) -> float | str | None:
    if point.table in {"coil", "discrete"}:
        return sum(bool(bit) << i for i, bit in enumerate(words))
    raw = ordered(b"".join(word.to_bytes(2, "big") for word in words), point.order, text=point.type == "string")
    if point.type == "string":
        return _text(raw)
    if int.from_bytes(raw, "big") in point.absent:
        return None
    if point.type in _FLOATS:
        return _float(point, raw)
    value = _digits(point, raw) if point.type == "bcd" else _integer(point.type, raw)
    return None if value in point.absent else _masked(value, point.bits)


def ordered(wire: bytes, order: str, *, text: bool = False) -> bytes:
    """Bytes from the order in which they came to the highest first; of a text only the two of each register change places."""
    if len(order) == 2:
        order = {"AB": "ABCD", "BA": "BADC"}[order]
    general = _GENERAL.get(order)
    if general is None:
        if text:
            raise RegisterError(f"order {order} is none for a string; write ABCD or BADC")
        return bytes(wire[order.index(letter)] for letter in "ABCDEFGH"[: len(wire)])
    registers_swapped, bytes_swapped = general
    pairs = [wire[i : i + 2] for i in range(0, len(wire), 2)]
    if bytes_swapped:
        pairs = [pair[::-1] for pair in pairs]
    if registers_swapped and not text:
        pairs.reverse()
    return b"".join(pairs)


def _masked(value: int, bits: tuple[int, int] | None) -> int:
    if bits is None:
        return value
    low, high = bits
    return value >> low & (1 << high - low + 1) - 1


def _float(point: Point, raw: bytes) -> float | None:
    number: float = struct.unpack(_FLOATS[point.type], raw)[0]
    if math.isnan(number):
        return None
    if math.isinf(number):
        raise RegisterError(f"{point.place}: holds infinity; check its type and order, and the sensor")
    return number


def _integer(kind: str, raw: bytes) -> int:
    signed = kind.startswith("int") or kind == "fixed"
    if kind.endswith("h"):
        raw = raw[:1]
    elif kind.endswith("l"):
        raw = raw[1:]
    return int.from_bytes(raw, "big", signed=signed)


def _digits(point: Point, raw: bytes) -> int:
    digits = raw.hex()
    if not digits.isdecimal():
        raise RegisterError(f"{point.place}: 0x{digits} holds no decimal digits; check that the register is BCD, and its order")
    return int(digits)


def _text(raw: bytes) -> str | None:
    """The text up to its first NUL; `None` where there is none (SunSpec: all NUL is 'not implemented')."""
    text = raw.partition(b"\0")[0].decode("utf-8", "replace").strip(" \xff�")
    return "".join(sign for sign in text if sign.isprintable()) or None
