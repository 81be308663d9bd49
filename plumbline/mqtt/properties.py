"""The properties of MQTT 5 packets (OASIS MQTT 5.0, 2.2.2) that arrive."""

from dataclasses import dataclass, field
from typing import Final

from plumbline.mqtt.wire import MalformedError

SERVER_KEEP_ALIVE: Final = 0x13
REASON_STRING: Final = 0x1F
RECEIVE_MAXIMUM: Final = 0x21
MAXIMUM_QOS: Final = 0x24
RETAIN_AVAILABLE: Final = 0x25
MAXIMUM_PACKET_SIZE: Final = 0x27

_SUBSCRIPTION_IDENTIFIER: Final = 0x0B
_USER_PROPERTY: Final = 0x26

#: How many bytes a number has (table 2-4).
_NUMBERS: Final = (
    dict.fromkeys((0x01, 0x17, 0x19, MAXIMUM_QOS, RETAIN_AVAILABLE, 0x28, 0x29, 0x2A), 1)
    | dict.fromkeys((SERVER_KEEP_ALIVE, RECEIVE_MAXIMUM, 0x22, 0x23), 2)
    | dict.fromkeys((0x02, 0x11, 0x18, MAXIMUM_PACKET_SIZE), 4)
)
_STRINGS: Final = frozenset({0x03, 0x08, 0x12, 0x15, 0x1A, 0x1C, REASON_STRING})
_BINARIES: Final = frozenset({0x09, 0x16})


@dataclass(slots=True)
class Properties:
    """What was told; of strings and numbers the values, of the rest that it is well formed."""

    numbers: dict[int, int] = field(default_factory=dict[int, int])
    strings: dict[int, str] = field(default_factory=dict[int, str])

    @property
    def reason(self) -> str:
        """What the broker adds to a reason code (printable, short)."""
        said = self.strings.get(REASON_STRING, "")
        return "".join(sign if sign.isprintable() else "?" for sign in said[:200])


def length(data: bytes, at: int, end: int) -> tuple[int, int]:
    """A variable byte integer (1.5.5) and where it ends; -1 and `end` where it is cut. Raises `MalformedError`."""
    value = 0
    for shift in (0, 7, 14, 21):
        if at >= end:
            return -1, end
        digit = data[at]
        at += 1
        value |= (digit & 0x7F) << shift
        if digit < 0x80:
            return value, at
    raise MalformedError("a length of more than four bytes")


def read(data: bytes, at: int, end: int) -> tuple[Properties, int]:
    """The properties that begin at `at` of a packet that ends at `end`, and where they end. Raises `MalformedError`."""
    size, at = length(data, at, end)
    stop = at + size
    if size < 0 or stop > end:
        raise MalformedError("properties that are cut")
    found = Properties()
    seen: set[int] = set()
    while at < stop:
        name = data[at]
        at += 1
        if name in seen and name not in {_USER_PROPERTY, _SUBSCRIPTION_IDENTIFIER}:
            raise MalformedError(f"property 0x{name:02X} twice", 0x82)
        seen.add(name)
        if name in _NUMBERS:
            begin, at = at, at + _NUMBERS[name]
            found.numbers[name] = int.from_bytes(data[begin : min(at, stop)])
        elif name in _STRINGS:
            value, at = _bytes(data, at, stop)
            found.strings[name] = string(value)
        elif name in _BINARIES:
            _, at = _bytes(data, at, stop)
        elif name == _USER_PROPERTY:
            _, at = _bytes(data, at, stop)
            _, at = _bytes(data, at, stop)
        elif name == _SUBSCRIPTION_IDENTIFIER:
            _, at = length(data, at, stop)
        else:
            raise MalformedError(f"property 0x{name:02X}, which MQTT 5 does not know")
        if at > stop:
            raise MalformedError(f"property 0x{name:02X} that is cut")
    return found, stop


def string(value: bytes) -> str:
    """A string (1.5.4). Raises `MalformedError` where it is not UTF-8, or has a zero."""
    try:
        found = value.decode()
    except UnicodeDecodeError:
        raise MalformedError("a string that is not UTF-8") from None
    if "\0" in found:
        raise MalformedError("a string with a zero in it")
    return found


def _bytes(data: bytes, at: int, stop: int) -> tuple[bytes, int]:
    begin = at + 2
    end = begin + int.from_bytes(data[at : min(begin, stop)])
    if end > stop:
        raise MalformedError("a value that is cut")
    return data[begin:end], end
