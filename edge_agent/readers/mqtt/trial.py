"""What is said on a broker, heard with a session of our own that leaves no trace there."""

import contextlib
import secrets
from collections.abc import Sequence
from typing import Final

from edge_agent.reader import ReaderError
from plumbline.address import Address
from plumbline.dialects import Trouble
from plumbline.dialects.document import shown
from plumbline.errors import MqttError
from plumbline.listening import Entry
from plumbline.mqtt import Connection, Version
from plumbline.patience import Patience

#: Devices that are named in the sentence, for each entry; and how many are told apart.
_NAMED: Final = 8
_TOLD_APART: Final = 1000


class Heard:
    """What one entry's devices said."""

    def __init__(self, entry: Entry, max_bytes: int) -> None:
        self._entry = entry
        self._max_bytes = max_bytes
        self._devices: set[str] = set()
        self._messages = 0
        self._troubles = 0
        self._first = ""

    async def take(self, topic: str, payload: bytes) -> bool:
        """Read one message, where it is this entry's."""
        if not self._entry.takes(topic):
            return False
        self._messages += 1
        if len(payload) > self._max_bytes:
            self._troubles += 1
            self._first = self._first or f"{shown(topic)}: larger than max_bytes"
            return True
        for said in await self._entry.hear(topic, payload):
            if isinstance(said, Trouble):
                self._troubles += 1
                self._first = self._first or f"{shown(topic)}: {said.what}"
            elif len(self._devices) < _TOLD_APART:
                self._devices.add(said.device)
        return True

    def __str__(self) -> str:
        """Who spoke, for a site engineer."""
        if not self._messages:
            return f"{self._entry.name}: nobody on {', '.join(self._entry.dialect.filters)}"
        names = sorted(self._devices)
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        who = ", ".join(names[:_NAMED]) + more if names else "no device with values"
        trouble = f"; not understood: {self._troubles}, first {self._first}" if self._troubles else ""
        return f"{self._entry.name}: {who} ({self._messages} messages{trouble})"


async def look(
    *, name: str, address: Address, version: Version, entries: Sequence[Entry], max_bytes: int, patience_s: float
) -> str:
    """Listen for `patience_s` with a session of our own, so that nothing queued is taken. Raises `ReaderError`."""
    heard = [Heard(entry, max_bytes) for entry in entries]
    connect_s = min(10.0, patience_s)
    try:
        async with Connection(
            address=address, client_id=f"check-{secrets.token_hex(4)}", version=version, connect_timeout_s=connect_s
        ) as connection:
            for entry in entries:
                for one in entry.dialect.filters:
                    await connection.subscribe(one, qos=0)
            with contextlib.suppress(TimeoutError):  # the time to listen is over
                async with Patience(patience_s):
                    async for message in connection.messages():
                        message.ack()
                        for one in heard:
                            if await one.take(message.topic, message.payload):
                                break  # the first whose it is
    except MqttError as error:
        what, _, check = str(error).partition("; check ")
        raise ReaderError(name, what, check or "that the broker runs, and its log") from None
    return f"connected to {address}; in {patience_s:g} s {'; '.join(map(str, heard))}"
