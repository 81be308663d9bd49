"""What we publish, until the broker acknowledged it: numbers, the broker's window, its limits."""

import asyncio
from collections import deque
from collections.abc import Callable, Container, Mapping
from typing import Final, Literal

from plumbline.address import Address
from plumbline.errors import MqttError, MqttRefusedError
from plumbline.mqtt import properties, reasons, wire
from plumbline.mqtt.wire import MalformedError

#: So many may be unacknowledged, where the broker does not want fewer; who publishes bounds its own window.
_WINDOW: Final = 1000


class Outgoing:
    """The publishing half of a link.

    Args:
        address: for errors.
        five: whether MQTT 5 is spoken.
        loop: where futures belong.
        say: puts a packet on the connection.
        taken: packet identifiers that are in use for something else.
    """

    def __init__(
        self,
        *,
        address: Address,
        five: bool,
        loop: asyncio.AbstractEventLoop,
        say: Callable[[bytes], None],
        taken: Container[int],
    ) -> None:
        self._address = address
        self._five = five
        self._loop = loop
        self._say = say
        self._taken = taken
        self._lost: str | None = None
        self._last_id = 0
        self._window = _WINDOW
        self._largest = wire.LARGEST
        self._quality = 1
        self._retains = True
        self._choked = False
        self._unanswered: dict[int, asyncio.Future[None]] = {}
        self._queue: deque[tuple[bytes, bytes, int, bool, asyncio.Future[None]]] = deque()

    def limit(self, numbers: Mapping[int, int]) -> None:
        """Mind what the broker told in its CONNACK (3.2.2.3)."""
        self._window = max(1, min(_WINDOW, numbers.get(properties.RECEIVE_MAXIMUM, _WINDOW)))
        self._largest = min(wire.LARGEST, numbers.get(properties.MAXIMUM_PACKET_SIZE, wire.LARGEST))
        self._quality = numbers.get(properties.MAXIMUM_QOS, 1)
        self._retains = numbers.get(properties.RETAIN_AVAILABLE, 1) == 1

    def free_id(self) -> int:
        """A packet identifier that is not in use (2.2.1)."""
        while True:
            self._last_id = self._last_id % 0xFFFF + 1
            if self._last_id not in self._unanswered and self._last_id not in self._taken:
                return self._last_id

    def publish(self, topic: str, payload: bytes, *, qos: Literal[0, 1], retain: bool) -> asyncio.Future[None]:
        """See `Link.publish_soon`. With QoS 0 it is done once it is on its way to the socket and the socket takes it."""
        done: asyncio.Future[None] = self._loop.create_future()
        if self._lost is not None:
            _fail(done, MqttError(self._lost))
            return done
        try:
            name = wire.topic_name(topic)
            self._check(len(name) + len(payload), qos, retain)
        except MalformedError as error:
            _fail(done, MqttRefusedError(f"{self._address}: could not publish to {topic[:200]!r}: {error}"))
            return done
        if self._queue or (self._choked if qos == 0 else len(self._unanswered) >= self._window):
            self._queue.append((name, payload, qos, retain, done))
        else:
            self._send(name, payload, qos, retain, done)
        return done

    def _check(self, size: int, qos: int, retain: bool) -> None:
        size += 9  # the longest head, packet identifier and properties
        if size > self._largest:
            raise MalformedError(
                f"{size} bytes, and the broker takes {self._largest}; send smaller messages, or raise its limit"
            )
        if qos > self._quality:
            raise MalformedError("the broker takes QoS 0 only; allow QoS 1 there")
        if retain and not self._retains:
            raise MalformedError("the broker retains nothing; allow it there")

    def _send(self, name: bytes, payload: bytes, qos: int, retain: bool, done: asyncio.Future[None]) -> None:
        packet_id = self.free_id() if qos else 0
        packet = wire.publish(name, payload, qos=qos, retain=retain, packet_id=packet_id, five=self._five)
        if qos:
            self._unanswered[packet_id] = done
        else:
            done.set_result(None)
        self._say(packet)

    def _next(self) -> None:
        while self._queue:
            name, payload, qos, retain, done = self._queue[0]
            if not done.done() and (self._choked if qos == 0 else len(self._unanswered) >= self._window):
                return
            self._queue.popleft()
            if not done.done():  # whoever published did not give up
                self._send(name, payload, qos, retain, done)

    def answered(self, packet_id: int, code: int, said: str) -> None:
        """A PUBACK came (3.4); one for nothing is passed over."""
        done = self._unanswered.pop(packet_id, None)
        if done is None:
            return
        if not done.done():
            if reasons.failed(code):
                why = f"{reasons.word(code, said)}; check the broker's access rules for this user"
                _fail(done, MqttRefusedError(f"{self._address}: the broker refused a message: {why}"))
            else:
                done.set_result(None)
        self._next()

    def choke(self) -> None:
        """The socket takes no more: QoS 0 waits."""
        self._choked = True

    def flow(self) -> None:
        """The socket takes more."""
        self._choked = False
        self._next()

    def end(self, why: str) -> None:
        """Nothing is acknowledged any more."""
        self._lost = why
        for done in (*self._unanswered.values(), *(waiting[-1] for waiting in self._queue)):
            if not done.done():
                _fail(done, MqttError(why))
        self._unanswered.clear()
        self._queue.clear()


def _fail(done: asyncio.Future[None], error: MqttError) -> None:
    done.set_exception(error)
    done.exception()  # whoever waits sees it; who does not wait need not
