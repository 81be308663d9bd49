"""The face of MQTT: one connection to a broker, whoever speaks the protocol behind it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Literal, Self

from plumbline.address import Address
from plumbline.errors import MqttError
from plumbline.mqtt.link import Link, Options, Version
from plumbline.mqtt.message import Message, Will
from plumbline.mqtt.native import NativeLink
from plumbline.mqtt.tls import Tls


def speaker(address: Address) -> Callable[[Options], Link]:
    """Who speaks the protocol to this address: we do, and paho over WebSockets."""
    if address.scheme in {"mqtt", "mqtts"}:
        return NativeLink
    from plumbline.mqtt.through_paho import PahoLink  # noqa: PLC0415 - paho is loaded only where it is used

    return PahoLink


class Connection:
    """One connection to a broker, from `async with` to its end; it does not reconnect by itself (see `keep_connected`).

    Args:
        address: the broker.
        client_id: stable and unique where the session should outlive the connection.
        version: `5`, or `3.1.1` for brokers that speak nothing newer.
        will: said by the broker when the connection is lost.
        session_expiry_s: how long the broker keeps subscriptions and QoS 1 messages for us; 0 starts clean each time.
        inbound: how many messages may be unacknowledged at once.
        keepalive_s: the longest silence before a ping.
        connect_timeout_s: how long the broker may take to answer.
        tls: for `mqtts://` and `wss://`.
        through: who speaks the protocol; `None`: whoever suits the address.
    """

    def __init__(
        self,
        *,
        address: Address,
        client_id: str,
        version: Version = "5",
        will: Will | None = None,
        session_expiry_s: int = 0,
        inbound: int = 128,
        keepalive_s: int = 20,
        connect_timeout_s: float = 10.0,
        tls: Tls | None = None,
        through: Callable[[Options], Link] | None = None,
    ) -> None:
        self._options = Options(
            address=address,
            client_id=client_id,
            version=version,
            will=will,
            session_expiry_s=session_expiry_s,
            inbound=inbound,
            keepalive_s=keepalive_s,
            connect_timeout_s=connect_timeout_s,
            tls=(tls or Tls()) if address.scheme in {"mqtts", "wss"} else None,
        )
        self._link = (through or speaker(address))(self._options)
        self._session_present = False
        self._forget = False

    @property
    def address(self) -> Address:
        """The broker."""
        return self._options.address

    @property
    def inbound(self) -> int:
        """How many messages may be unacknowledged at once."""
        return self._options.inbound

    @property
    def session_present(self) -> bool:
        """Whether the broker still had our session, with its subscriptions and what it kept for us."""
        return self._session_present

    async def __aenter__(self) -> Self:
        """Connect. Raises `MqttError` where the broker cannot be reached or refuses."""
        self._session_present = await self._link.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say goodbye (a clean disconnect: the will is not sent) and close the socket."""
        await self._link.close(forget=self._forget)

    def forget(self) -> None:
        """At the end, have the broker keep nothing for us: neither subscriptions nor messages (MQTT 5; else it does nothing)."""
        self._forget = True

    async def abort(self) -> None:
        """Close the socket without goodbye, as a crash would: the broker says our will."""
        await self._link.abort()

    async def publish(self, topic: str, payload: bytes, *, qos: Literal[0, 1] = 1, retain: bool = False) -> None:
        """Publish and wait until the broker acknowledged (QoS 1). Raises `MqttError` where the connection ends first."""
        await self._link.publish_soon(topic, payload, qos, retain)

    def publish_soon(self, topic: str, payload: bytes, *, qos: Literal[0, 1] = 1, retain: bool = False) -> asyncio.Future[None]:
        """Publish; the future is done when the broker acknowledged, or fails: `MqttRefusedError` (MQTT 5), else `MqttError`."""
        return self._link.publish_soon(topic, payload, qos, retain)

    async def subscribe(self, topic_filter: str, *, qos: Literal[0, 1] = 1) -> None:
        """Subscribe and wait for the broker's consent. Raises `MqttRefusedError` where it refuses."""
        if self._link.lost is not None:
            raise MqttError(self._link.lost)
        await self._link.subscribe(topic_filter, qos)

    def ping(self) -> asyncio.Future[None]:
        """Ask the broker for a sign of life; the future is done when it came: we were connected when we asked.

        What the broker had to say before is here then (`waiting`): silence alone may also mean that somebody stood still. Fails
        with `MqttError` where the connection ends first.
        """
        return self._link.ping()

    @property
    def waiting(self) -> int:
        """How many messages arrived and were not taken yet."""
        return len(self._link.inbox.waiting)

    def messages(self) -> AsyncIterator[Message]:
        """The messages in the order of their arrival, until the connection ends: then raises `MqttError`."""
        return self._link.inbox.messages()

    async def take(self, most: int) -> list[Message]:
        """All messages that wait, at least one and at most `most`, in the order of their arrival.

        Raises `MqttError` when the connection ended and nothing is left.
        """
        return await self._link.inbox.take(most)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Take these messages over, in one write. Those of an earlier connection are passed over: the broker brings them again."""
        self._link.acknowledge(messages)
