"""What server and gateway tell each other besides events: the latest message of each topic counts (manifest, configuration).

    uplink ── deliver ──► Channel ──► handlers that listened          post ──► Channel ──► uplink, retained

What is posted while nobody is connected goes out at the next connection, and again at each one after it: a broker that
lost its memory has it again.
"""

import time
from collections.abc import Callable

import structlog

from plumbline.errors import PlumblineError

_log = structlog.get_logger(__name__)

Handler = Callable[[bytes], None]


class Channel:
    """Topics that are listened to and topics that are posted to, by name. Used from the event loop."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        self._posted: dict[str, bytes] = {}
        self._publish: Callable[[str, bytes], None] | None = None
        self.connections = 0
        """How often a server was found since the start."""
        self.broker: str | None = None
        """Which one it is now (without its password); `None`: none."""
        self.changed_s = time.monotonic()
        """When that last changed, by the monotonic clock."""

    @property
    def topics(self) -> tuple[str, ...]:
        """What the uplink subscribes to."""
        return tuple(self._handlers)

    def listen(self, topic: str, handler: Handler) -> None:
        """Have `handler` called with each message of `topic`, before the uplink runs; what it raises of ours is logged."""
        self._handlers[topic] = handler

    def post(self, topic: str, payload: bytes) -> None:
        """Say what holds from now on; retained by the broker."""
        self._posted[topic] = payload
        if self._publish is not None:
            self._publish(topic, payload)

    # The uplink's side.

    def connected(self, publish: Callable[[str, bytes], None], broker: str = "unknown") -> None:
        """Messages can be published now, through `broker`: everything that was posted goes out."""
        self._publish = publish
        self.connections += 1
        self.broker, self.changed_s = broker, time.monotonic()
        for topic, payload in self._posted.items():
            publish(topic, payload)

    def disconnected(self) -> None:
        """Nobody hears us."""
        self._publish = None
        self.broker, self.changed_s = None, time.monotonic()

    def deliver(self, topic: str, payload: bytes) -> bool:
        """Hand a message over; `False` where nobody listens to its topic."""
        handler = self._handlers.get(topic)
        if handler is None:
            return False
        try:
            handler(payload)
        except PlumblineError as error:
            _log.warning("channel.refused", topic=topic, error=str(error))
        return True
