"""The packets that we send, as bytes: OASIS MQTT 5.0, and 3.1.1 where `five` is false. The clauses are those of 5.0.

Pure: nothing here opens, waits or remembers.
"""

import struct
from typing import Final

from plumbline.mqtt.message import Will

#: The longest string or binary value (1.5.4, 1.5.6).
LONGEST: Final = 0xFFFF
#: The largest remaining length: four bytes of seven bits (1.5.5).
LARGEST: Final = 0xFFF_FFFF
#: 3.12
PINGREQ: Final = b"\xc0\x00"

#: With a packet identifier: PUBACK (3.4) and PUBREC (3.5) as numbers of four bytes.
PUBACK: Final = 0x4002_0000
PUBREC: Final = 0x5002_0000
_PUBCOMP: Final = 0x7002_0000


class MalformedError(Exception):
    """What cannot be a packet or a part of one; the text says why. `code` is the reason for a DISCONNECT."""

    def __init__(self, what: str, code: int = 0x81) -> None:
        super().__init__(what)
        self.code = code


def varint(value: int) -> bytes:
    """A variable byte integer (1.5.5). Raises `MalformedError` past `LARGEST`."""
    if value < 0x80:
        return bytes((value,))
    if value > LARGEST:
        raise MalformedError(f"{value} bytes, and a packet has at most {LARGEST}", 0x95)
    digits = bytearray()
    while value > 0x7F:
        digits.append(0x80 | value & 0x7F)
        value >>= 7
    digits.append(value)
    return bytes(digits)


def binary(value: bytes) -> bytes:
    """Binary data behind its length (1.5.6). Raises `MalformedError` where it is too long."""
    if len(value) > LONGEST:
        raise MalformedError(f"a value of {len(value)} bytes, and at most {LONGEST} are possible")
    return len(value).to_bytes(2) + value


def text(value: str) -> bytes:
    """A string behind its length (1.5.4). Raises `MalformedError` where it is too long, or has what no string may have."""
    if "\0" in value:
        raise MalformedError("a string with a zero in it")
    try:
        return binary(value.encode())
    except UnicodeEncodeError:
        raise MalformedError("a string with half of a surrogate pair") from None


def topic_name(topic: str) -> bytes:
    """A topic to publish to (4.7). Raises `MalformedError`."""
    if not topic or "+" in topic or "#" in topic:
        raise MalformedError("a topic to publish to is not empty and has neither + nor #")
    return text(topic)


def topic_filter(wanted: str) -> bytes:
    """What to subscribe to (4.7.1). Raises `MalformedError`."""
    levels = wanted.split("/")
    if not wanted or "#" in levels[:-1] or any(len(level) > 1 and ("+" in level or "#" in level) for level in levels):
        raise MalformedError("in a filter, + stands for a whole level and # for all that follow, at the end")
    return text(wanted)


def connect(
    *,
    five: bool,
    client_id: str,
    clean: bool,
    keepalive_s: int,
    will: Will | None,
    username: str | None,
    password: str | None,
    session_expiry_s: int,
    receive_maximum: int,
    largest: int,
) -> bytes:
    """CONNECT (3.1). Raises `MalformedError` where a part cannot be written."""
    flags = 0x02 if clean else 0
    payload = text(client_id)
    if will is not None:
        flags |= 0x04 | 0x08 | (0x20 if will.retain else 0)
        payload += (b"\0" if five else b"") + topic_name(will.topic) + binary(will.payload)
    if username is not None:
        flags |= 0x80
        payload += text(username)
        if password is not None:
            flags |= 0x40
            payload += binary(password.encode())
    head = b"\0\4MQTT" + struct.pack(">BBH", 5 if five else 4, flags, keepalive_s)
    if five:  # session expiry interval, receive maximum, maximum packet size (3.1.2.11)
        told = struct.pack(">BIBHBI", 0x11, session_expiry_s, 0x21, receive_maximum, 0x27, largest)
        head += varint(len(told)) + told
    return b"\x10" + varint(len(head) + len(payload)) + head + payload


def publish(topic: bytes, payload: bytes, *, qos: int, retain: bool, packet_id: int, five: bool) -> bytes:
    """PUBLISH (3.3) to what `topic_name` gave. Raises `MalformedError` where it is too large."""
    tail = (packet_id.to_bytes(2) if qos else b"") + (b"\0" if five else b"")
    size = varint(len(topic) + len(tail) + len(payload))
    return b"".join((bytes((0x30 | qos << 1 | retain,)), size, topic, tail, payload))


def subscribe(wanted: bytes, *, qos: int, packet_id: int, five: bool) -> bytes:
    """SUBSCRIBE (3.8) to what `topic_filter` gave."""
    body = packet_id.to_bytes(2) + (b"\0" if five else b"") + wanted + bytes((qos,))
    return b"\x82" + varint(len(body)) + body


def acknowledgements(words: list[int]) -> bytes:
    """Packets of four bytes each: `PUBACK` and `PUBREC`, each with a packet identifier."""
    return struct.pack(f">{len(words)}I", *words)


def pubcomp(packet_id: int) -> bytes:
    """PUBCOMP (3.7)."""
    return acknowledgements([_PUBCOMP | packet_id])


def disconnect(code: int, *, five: bool, forget: bool = False) -> bytes:
    """DISCONNECT (3.14); the code is told with MQTT 5, and with `forget` that the session ends now (3.14.2.2.2)."""
    if five and forget:
        told = struct.pack(">BI", 0x11, 0)  # session expiry interval
        return bytes((0xE0, 2 + len(told), code, len(told))) + told
    return bytes((0xE0, 1, code)) if five and code else b"\xe0\0"
