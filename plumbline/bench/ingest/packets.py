"""Messages as MQTT 3.1.1 PUBLISH packets in a file, so that whoever sends them has nothing left to do but send."""

import mmap
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from plumbline.bench.ingest.load import Message
from plumbline.mqtt import wire

#: Packet identifiers, from 1 on (MQTT 3.1.1, 2.3.1).
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
                topic, packet_id = wire.topic_name(message.topic), number % _IDS + 1
                out.write(wire.publish(topic, message.payload, qos=1, retain=False, packet_id=packet_id, five=False))
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


def _index(path: Path) -> Path:
    return path.with_suffix(".ends")
