"""Bytes from a broker → messages and packets (OASIS MQTT 5.0 and 3.1.1), cut anywhere, right or wrong.

Messages are nearly all that a busy connection brings, so they are made here, without a packet in between, in one loop over
all that the socket gave.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from plumbline.mqtt import properties
from plumbline.mqtt.message import Message, Receiver
from plumbline.mqtt.properties import Properties
from plumbline.mqtt.wire import MalformedError

#: Topics of a site repeat: so many are remembered with their text, if they are short.
_TOPICS: Final = 4096
_SHORT_TOPIC: Final = 256


@dataclass(frozen=True, slots=True)
class ConnAck:
    """Answer to CONNECT (3.2)."""

    session_present: bool
    code: int
    told: Properties = field(default_factory=Properties)


@dataclass(frozen=True, slots=True)
class PubAck:
    """Answer to a PUBLISH (3.4)."""

    packet_id: int
    code: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PubRel:
    """The broker's end of a QoS 2 message (3.6)."""

    packet_id: int


@dataclass(frozen=True, slots=True)
class SubAck:
    """Answer to SUBSCRIBE (3.9)."""

    packet_id: int
    codes: bytes
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PingResp:
    """Answer to PINGREQ (3.13)."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """The broker's goodbye (3.14)."""

    code: int
    reason: str = ""


Packet = ConnAck | PubAck | PubRel | SubAck | PingResp | Disconnect

#: Table 2-1.
_NAMES: Final = (
    *("of type 0", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP"),
    *("SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH"),
)
#: What a broker may send us who publish with QoS 1 at most and never unsubscribe, besides messages.
_EXPECTED: Final = frozenset({2, 4, 6, 9, 13, 14})
#: What is no message is short; its properties are looked at one by one.
_LARGEST_OTHER: Final = 256 * 1024


class Decoder:
    """Reads one connection.

    Args:
        five: whether it speaks MQTT 5.
        largest: bytes of the largest packet that is taken.
        receiver: where messages are acknowledged.
    """

    def __init__(self, *, five: bool, largest: int, receiver: Receiver | None = None) -> None:
        self._five = five
        self._largest = largest
        self._receiver = receiver
        self._rest = bytearray()
        self._need = 0
        self._topics: dict[bytes, str] = {}

    def feed(self, data: bytes, messages: deque[Message]) -> list[Packet]:
        """Add the messages in `data` to `messages`, and return the other packets.

        Raises `MalformedError` at the first thing that is wrong; the messages before it are added. Then the decoder is of
        no more use.
        """
        if self._rest:
            if len(self._rest) + len(data) < self._need:
                self._rest += data
                return []
            data = b"".join((self._rest, data))
            self._rest.clear()
            self._need = 0
        packets: list[Packet] = []
        try:
            done = self._read(data, messages, packets)
        except IndexError:
            raise MalformedError("a PUBLISH that is cut") from None
        if done < len(data):
            self._rest += data[done:]
        return packets

    def _read(  # noqa: C901 - one loop: a call would cost more than its work
        self, data: bytes, messages: deque[Message], packets: list[Packet]
    ) -> int:
        """All whole packets; return where they end."""
        five, receiver, topics, largest = self._five, self._receiver, self._topics, self._largest
        add, make, tail = messages.append, Message, 3 if five else 2
        at, end = 0, len(data)
        while end - at >= 2:
            head = data[at]
            size = data[at + 1]
            body = at + 2
            if size > 0x7F:
                if body < end and (high := data[body]) <= 0x7F:  # two bytes, as most messages have
                    size, body = size & 0x7F | high << 7, body + 1
                else:
                    size, body = properties.length(data, at + 1, end)
                    if size < 0:
                        break
                if head & 0xF0 != 0x30 and size > _LARGEST_OTHER:
                    raise _too_large(head, size, _LARGEST_OTHER)
            stop = body + size
            if stop - at > largest:
                raise _too_large(head, stop - at, largest)
            if stop > end:
                if head & 0xF0 != 0x30:
                    self._begins(head)  # another protocol's first words are not waited for to their supposed end
                self._need = stop - at
                break
            at = stop
            if head & 0xF0 != 0x30:
                packets.append(self._packet(head, data[body:stop]))
                continue
            rest = body + 2 + (data[body] << 8 | data[body + 1])
            name = data[body:rest]
            topic = topics.get(name)
            begin = rest + tail
            if (
                head == 0x32
                and topic is not None
                and begin <= stop
                and not (five and data[rest + 2])
                and (packet_id := data[rest] << 8 | data[rest + 1])
            ):  # nearly all are so: QoS 1, said once, not retained, without properties, to a topic that was there before
                add(make(topic, data[begin:stop], 1, False, receiver, packet_id))
            else:
                add(self._message(head, name, data, rest, stop))
        return at

    def _message(self, head: int, name: bytes, data: bytes, rest: int, stop: int) -> Message:
        """A message of any kind, whose rest begins behind its topic (3.3)."""
        qos = head >> 1 & 3
        packet_id = 0
        if qos:
            packet_id = data[rest] << 8 | data[rest + 1]
            rest += 2
        if self._five:
            if data[rest]:  # properties (3.3.2.3) say nothing that we use, and we allow no topic alias
                told, rest = properties.length(data, rest, len(data))
                rest += told
            else:
                rest += 1
        if rest > stop:
            raise MalformedError("a PUBLISH that is cut")
        if qos and (qos == 3 or not packet_id):
            raise MalformedError("a PUBLISH with QoS 3" if qos == 3 else "a PUBLISH with packet identifier 0")
        topic = self._topics.get(name) or self._topic(name)
        return Message(topic, data[rest:stop], qos, head & 1 == 1, self._receiver, packet_id, head & 8 == 8)

    def _topic(self, name: bytes) -> str:
        topic = properties.string(name[2:])
        if not topic or "+" in topic or "#" in topic:
            raise MalformedError("a PUBLISH to a topic that is empty or a filter", 0x90)
        if len(name) <= _SHORT_TOPIC:
            if len(self._topics) >= _TOPICS:
                self._topics.clear()
            self._topics[name] = topic
        return topic

    def _begins(self, head: int) -> None:
        """Check the first byte of what is no PUBLISH (2.1.3)."""
        kind = head >> 4
        if kind == 0 or head & 0x0F != (2 if kind in {6, 8, 10} else 0):
            raise MalformedError(f"a packet that begins with 0x{head:02X}")
        if kind not in _EXPECTED or (kind == 14 and not self._five):
            raise MalformedError(f"a packet {_NAMES[kind]}, which nothing asked for", 0x82)

    def _packet(self, head: int, body: bytes) -> Packet:
        self._begins(head)
        kind = head >> 4
        if kind == 2:
            return self._connack(body)
        if kind == 9:
            return self._suback(body)
        if kind == 13:
            return PingResp()
        if kind == 14:
            told = properties.read(body, 1, len(body))[0] if len(body) > 1 else Properties()
            return Disconnect(body[0] if body else 0, told.reason)
        packet_id, code, told = self._answer(body, _NAMES[kind])
        return PubAck(packet_id, code, told.reason) if kind == 4 else PubRel(packet_id)

    def _connack(self, body: bytes) -> ConnAck:
        if len(body) < 2 or body[0] > 1 or (len(body) > 2 and not self._five):
            raise MalformedError("a CONNACK that is none")
        # A broker that does not speak MQTT 5 refuses in its own words, without properties
        told = properties.read(body, 2, len(body))[0] if len(body) > 2 else Properties()
        return ConnAck(body[0] == 1, body[1], told)

    def _answer(self, body: bytes, what: str) -> tuple[int, int, Properties]:
        if len(body) < 2 or (len(body) > 2 and not self._five):
            raise MalformedError(f"a {what} that is none")
        told = properties.read(body, 3, len(body))[0] if len(body) > 3 else Properties()
        return int.from_bytes(body[:2]), body[2] if len(body) > 2 else 0, told

    def _suback(self, body: bytes) -> SubAck:
        told, at = properties.read(body, 2, len(body)) if self._five else (Properties(), 2)
        if len(body) <= at:
            raise MalformedError("a SUBACK that is cut")
        return SubAck(int.from_bytes(body[:2]), body[at:], told.reason)


def _too_large(head: int, size: int, most: int) -> MalformedError:
    return MalformedError(f"a {_NAMES[head >> 4]} of {size} bytes, and at most {most} are taken", 0x95)
