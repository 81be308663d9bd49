"""What speaks the protocol behind a `Connection`, and what it is told."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from plumbline.address import Address
from plumbline.mqtt.inbox import Inbox
from plumbline.mqtt.message import Message, Will
from plumbline.mqtt.tls import Tls

Version = Literal["5", "3.1.1"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to connect; see `Connection`."""

    address: Address
    client_id: str
    version: Version
    will: Will | None
    session_expiry_s: int
    inbound: int
    keepalive_s: int
    connect_timeout_s: float
    tls: Tls | None
    """`None` where the address's scheme is without."""


class Link(Protocol):
    """One connection, from `open` to `close`; used from one event loop. Errors are `MqttError` with the broker's address.

    What arrives goes to `inbox`. When more than the room for it is unacknowledged, nothing is read from the socket.
    """

    inbox: Inbox
    lost: str | None
    """Why the connection ended."""

    async def open(self) -> bool:
        """Connect; return whether the broker still had our session."""
        ...

    async def close(self, *, forget: bool = False) -> None:
        """Say goodbye and close; with `forget` the session ends too (MQTT 5). Everybody who waits gets `MqttError`."""
        ...

    async def abort(self) -> None:
        """Close without a word: the broker says our will."""
        ...

    def publish_soon(self, topic: str, payload: bytes, qos: Literal[0, 1], retain: bool, /) -> asyncio.Future[None]:
        """Publish; the future is done when the broker acknowledged."""
        ...

    async def subscribe(self, topic_filter: str, qos: Literal[0, 1], /) -> None:
        """Subscribe and wait for the broker's consent."""
        ...

    def ping(self) -> asyncio.Future[None]:
        """Ask for a sign of life; the future is done when it came."""
        ...

    def acknowledge(self, messages: Sequence[Message], /) -> None:
        """See `message.Receiver`."""
        ...
