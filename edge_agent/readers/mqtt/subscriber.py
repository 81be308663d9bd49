"""The MQTT reader: subscribe, read each message, emit what it says, and only then take it from the broker."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from edge_agent.reader import Capture, Emit
from plumbline.address import Address
from plumbline.dialects.declaration import Declaration
from plumbline.dialects.document import FieldError, decode, shown
from plumbline.dialects.mapping import events
from plumbline.dialects.topic_filter import matches
from plumbline.errors import MqttError, first_of
from plumbline.event import Event, State
from plumbline.ids import is_name
from plumbline.mqtt import Connection, Message, Version, keep_connected

#: Messages that may be in the agent at once: with large ones this bounds its memory.
_INBOUND: Final = 32
#: Devices whose last state is remembered; a client that invents names makes the oldest forgotten.
_REMEMBERED: Final = 4096


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
        declarations: Sequence[Declaration],
        report: Callable[[str, str], None],
    ) -> None:
        self._name = name
        self._address = address
        self._version: Version = version
        self._client_id = client_id
        self._session_expiry_s = session_expiry_s
        self._max_bytes = max_bytes
        self._declarations = declarations
        self._report = report
        self._states: OrderedDict[str, tuple[str, str | None]] = OrderedDict()

    async def run(self, emit: Emit) -> None:
        """Read until cancelled; a broker that is away is reported and tried again."""

        async def session(connection: Connection) -> None:
            for declaration in self._declarations:
                await connection.subscribe(declaration.topic, qos=1)
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
        declaration = next((one for one in self._declarations if matches(one.topic, message.topic)), None)
        if declaration is None:  # the broker remembers a filter from an older configuration
            self._report(self._name, f"{shown(message.topic)} is not declared any more; passed over")
            return
        if message.retain and not declaration.accept_retained:
            return
        device = declaration.device_of(message.topic)
        if not is_name(device):
            self._report(self._name, f"{shown(message.topic)}: level {declaration.device_level} does not name a device")
            return
        try:
            document = decode(message.payload, self._max_bytes)
        except FieldError as error:
            self._report(device, f"{shown(message.topic)}: {error}")
            return
        nothing = True
        for found in events(declaration, document):
            nothing = False
            if isinstance(found, FieldError):
                self._report(device, f"{shown(message.topic)}: {found}")
            else:
                await self._keep(device, found, emit)
        if nothing:
            self._report(device, f"{shown(message.topic)}: holds none of the declared values")

    async def _keep(self, device: str, found: partial[Event], emit: Emit) -> None:
        """Emit an event; of states only the changes."""
        if found.func is not State:
            await emit(Capture(device, found))
            return
        state, code = found.keywords["state"], found.keywords["code"]
        before = self._states.get(device)
        if before == (state, code):
            return
        self._states[device] = (state, code)
        self._states.move_to_end(device)
        try:
            await emit(Capture(device, partial(found, previous=before[0] if before else None)))
        except BaseException:  # what could not be kept is a change still, when the broker brings it again
            self._states.pop(device, None)
            raise
        if len(self._states) > _REMEMBERED:
            self._states.popitem(last=False)
