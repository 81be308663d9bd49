"""The MQTT reader: subscribe, read each message, emit what it says, and only then take it from the broker."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from edge_agent.reader import Capture, Emit
from edge_agent.readers.mqtt.trial import look
from plumbline.address import Address
from plumbline.dialects import Said, Trouble
from plumbline.dialects.document import shown
from plumbline.dialects.memory import Memory
from plumbline.errors import MqttError, first_of
from plumbline.event import State
from plumbline.listening import Entry, States, learn
from plumbline.mqtt import Connection, Message, Version, keep_connected

#: Messages that may be in the agent at once: with large ones this bounds its memory.
_INBOUND: Final = 32


class MqttReader:
    """Reads the devices of one broker (see `edge_agent.reader.Reader`)."""

    def __init__(
        self,
        *,
        name: str,
        address: Address,
        version: Version,
        client_id: str,
        session_expiry_s: int,
        max_bytes: int,
        entries: Sequence[Entry],
        report: Callable[[str, str], None],
    ) -> None:
        self._name = name
        self._address = address
        self._version: Version = version
        self._client_id = client_id
        self._session_expiry_s = session_expiry_s
        self._max_bytes = max_bytes
        self._entries = entries
        self._report = report
        self._learnt = False
        self._owners: Memory[str, Entry] = Memory()
        self._shared: Memory[str, bool] = Memory()
        self._states = States()

    async def run(self, emit: Emit) -> None:
        """Read until cancelled; a broker that is away is reported and tried again."""

        async def session(connection: Connection) -> None:
            if not self._learnt:  # what waits for us in the session comes before what is retained
                await learn(self._address, self._version, self._entries, self._max_bytes)
                self._learnt = True
            for entry in self._entries:
                for one in entry.dialect.filters:
                    await connection.subscribe(one, qos=1)
            room = asyncio.Semaphore(_INBOUND)

            async def take(message: Message) -> None:
                await self._take(message, emit)
                message.ack()
                room.release()

            # Many messages share one wait for the disk; they are numbered in the order in which they came.
            async with asyncio.TaskGroup() as messages:
                async for message in connection.messages():
                    await room.acquire()
                    messages.create_task(take(message), name=f"{self._name}-message")

        try:
            await keep_connected(self._connection, session, on_failure=self._failed)
        except BaseExceptionGroup as group:
            raise first_of(group) from group

    async def check(self, patience_s: float) -> str:
        """Say which devices spoke, retained messages included; nothing that waits for us is touched."""
        return await look(
            name=self._name,
            address=self._address,
            version=self._version,
            entries=self._entries,
            max_bytes=self._max_bytes,
            patience_s=patience_s,
        )

    def _connection(self) -> Connection:
        return Connection(
            address=self._address,
            client_id=self._client_id,
            version=self._version,
            session_expiry_s=self._session_expiry_s,
            inbound=_INBOUND,
        )

    def _failed(self, error: MqttError, wait_s: float) -> None:
        self._report(self._name, f"{error}; next try in {wait_s:.1f} s")

    async def _take(self, message: Message, emit: Emit) -> None:
        entry = next((one for one in self._entries if one.takes(message.topic)), None)
        if entry is None:  # the broker remembers a filter from an older configuration
            self._report(self._name, f"{shown(message.topic)} is not declared any more; passed over")
            return
        size = len(message.payload)
        if size > self._max_bytes:
            what = f"a message of {size} bytes, more than the {self._max_bytes} that are read; see 'max_bytes'"
            self._report(self._name, f"{shown(message.topic)}: {what}")
            return
        heard = await entry.hear(message.topic, message.payload)
        try:
            for said in heard:
                if isinstance(said, Trouble):
                    self._report(said.device or self._name, f"{shown(message.topic)}: {said.what}")
                elif not message.retain or entry.accept_retained:
                    self._compare(said.device, entry, message.topic)
                    await self._keep(said, emit)
        except BaseException:  # the broker brings it again
            if any(isinstance(said, Said) for said in heard):
                entry.unkept(message.topic, message.payload)
            raise

    def _compare(self, device: str, entry: Entry, topic: str) -> None:
        """Report a name that two entries give: what two devices say would become one device's. Declared entries may share."""
        owner = self._owners.get(device)
        if owner is None or (owner.name == entry.name == "declared"):
            self._owners.put(device, entry)
        elif owner is not entry and self._shared.first(device, True):
            what = f"has the name of a device in another entry ({owner.name}); give one of them another name under 'names'"
            self._report(device, f"{shown(topic)}: {what}")

    async def _keep(self, said: Said, emit: Emit) -> None:
        """Emit an event; of states only the changes."""
        turned = self._states.turn(said)
        if turned is None:
            return
        try:
            await emit(Capture(turned.device, turned.event, turned.at_ns, "ntp", turned.metrics))
        except BaseException:  # what could not be kept is a change still, when the broker brings it again
            if said.event.func is State:
                self._states.forget(said.device)
            raise
