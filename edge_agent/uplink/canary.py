"""A proof of the subscription, not only of the connection.

A broker can answer pings and acknowledge batches while what it should bring us no longer comes: a session whose routes were
lost, a cluster that fell apart, access rules that changed. So a small message goes to a topic of our own again and again,
and must come back. While it is away in the connection nothing is timed: a dead link is the keep-alive's matter.
"""

import asyncio
import secrets
from typing import Final

import msgspec

from plumbline import topics
from plumbline.delivery import Canary
from plumbline.errors import CodecError, MqttError
from plumbline.mqtt import Connection
from plumbline.patience import Patience

_TOKEN_BYTES: Final = 8


class CanaryLostError(MqttError):
    """A canary was acknowledged by the broker and did not come back."""


class CanaryWatch:
    """Sends canaries on one connection and waits for each.

    Args:
        connection: which.
        site: whose topic.
        gateway: whose topic.
        every_s: how often.
        patience_s: how long one may take, once the broker has it.
    """

    def __init__(self, connection: Connection, *, site: str, gateway: str, every_s: float, patience_s: float) -> None:
        self._connection = connection
        self.topic = topics.canary(site, gateway)
        self._every_s = every_s
        self._patience_s = patience_s
        self._token = ""
        self._back = asyncio.Event()

    async def subscribe(self) -> None:
        """Ask for our own canaries. Raises `MqttRefusedError` where the access rules forbid it."""
        await self._connection.subscribe(self.topic)

    def heard(self, payload: bytes) -> None:
        """A canary arrived; one of an earlier connection is passed over. Raises `CodecError`."""
        try:
            canary = msgspec.json.decode(payload, type=Canary)
        except msgspec.MsgspecError as error:
            raise CodecError("invalid", f"a canary that is not ours: {error}") from None
        if canary.token == self._token:
            self._back.set()

    async def prove(self) -> None:
        """Send one and wait for it. Raises `CanaryLostError`, `MqttRefusedError`, or `MqttError` of a lost connection."""
        self._token = secrets.token_hex(_TOKEN_BYTES)
        self._back.clear()
        await self._connection.publish(self.topic, msgspec.json.encode(Canary(token=self._token)))
        try:
            async with Patience(self._patience_s):
                await self._back.wait()
        except TimeoutError:
            raise CanaryLostError(
                f"{self._connection.address}: a canary did not come back in {self._patience_s:g} s, so watermarks would not"
                f" either; check that the broker lets this user write and read {self.topic}"
            ) from None

    async def listen(self) -> None:
        """Take canaries from the connection, where nobody else takes messages from it."""
        async for message in self._connection.messages():
            message.ack()
            if message.topic == self.topic:
                self.heard(message.payload)

    async def pause(self) -> None:
        """Until the next one is due."""
        await asyncio.sleep(self._every_s)
