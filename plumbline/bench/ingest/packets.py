"""Messages as MQTT 3.1.1 PUBLISH packets in a file, so that whoever sends them has nothing left to do but send."""

import mmap
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from plumbline.bench.ingest.load import Message

#: PUBLISH, QoS 1 (MQTT 3.1.1, 3.3.1).
_PUBLISH: Final = 0x32
_IDS: Final = 65_535


@dataclass(frozen=True, slots=True)
class Packets:
    """A file of packets, one behind the other, and where each ends."""

    path: Path
    ends: "array[int]"

    @property
    def count(self) -> int:
        """How many packets."""
        return len(self.ends)

    @classmethod
    def write(cls, path: Path, messages: Iterable[Message]) -> Self:
        """Write the file, and where its packets end beside it."""
        ends: array[int] = array("Q")
        with path.open("wb") as out:
            for number, message in enumerate(messages):
                out.write(packet(message.topic, message.payload, number % _IDS + 1))
                ends.append(out.tell())
        _index(path).write_bytes(ends.tobytes())
        return cls(path, ends)

    @classmethod
    def read(cls, path: Path) -> Self:
        """What `write` wrote."""
        ends: array[int] = array("Q")
        ends.frombytes(_index(path).read_bytes())
        return cls(path, ends)

    def content(self) -> mmap.mmap:
        """The file's content, read as it is needed."""
        with self.path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def told(self) -> mmap.mmap:
        """Eight bytes, little endian, shared between processes: how many messages may be sent. Zero where it is new."""
        path = self.path.with_suffix(".told")
        if not path.exists():
            path.write_bytes(bytes(8))
        with path.open("r+b") as file:
            return mmap.mmap(file.fileno(), 8)


def packet(topic: str, payload: bytes, packet_id: int) -> bytes:
    """A PUBLISH packet (MQTT 3.1.1, 3.3), QoS 1."""
    name = topic.encode()
    rest = len(name).to_bytes(2, "big") + name + packet_id.to_bytes(2, "big") + payload
    return bytes([_PUBLISH]) + remaining_length(len(rest)) + rest


def connect(client_id: str) -> bytes:
    """A CONNECT packet (MQTT 3.1.1, 3.1): clean session, no keep-alive."""
    name = client_id.encode()
    rest = b"\x00\x04MQTT\x04\x02\x00\x00" + len(name).to_bytes(2, "big") + name
    return b"\x10" + remaining_length(len(rest)) + rest


def remaining_length(size: int) -> bytes:
    """Seven bits a byte, the least first, the eighth says that more follow (MQTT 3.1.1, 2.2.3)."""
    told = bytearray()
    while True:
        size, low = divmod(size, 128)
        told.append(low | (0x80 if size else 0))
        if not size:
            return bytes(told)


def _index(path: Path) -> Path:
    return path.with_suffix(".ends")
