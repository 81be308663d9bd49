"""What goes over a connection: a message that arrived, and the will."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec


class Receiver(Protocol):
    """Whoever took a message from the broker and can acknowledge it."""

    def acknowledge(self, messages: Sequence["Message"], /) -> None:
        """Tell the broker that it may forget them; those of another receiver, and those told already, are passed over."""


class Message(msgspec.Struct, eq=False):
    """A message that arrived. It stays the broker's until `ack` is called (QoS 1)."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    receiver: Receiver | None = None
    """Where it is acknowledged; `None` once it is."""
    packet_id: int = 0
    """The broker's number for it on this connection; 0 with QoS 0."""
    dup: bool = False
    """The broker sent it before, under the same number, and was not told that we have it (MQTT 5.0, 3.3.1.1)."""

    def ack(self) -> None:
        """Take the message over: the broker may forget it. Once per message; every message needs it, QoS 0 too."""
        if self.receiver is not None:
            self.receiver.acknowledge((self,))


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us when we vanish (QoS 1)."""

    topic: str
    payload: bytes
    retain: bool = True
