"""One sender, many screens: a slow one never holds up the rest, and memory is bounded for each."""

import asyncio
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, NamedTuple

#: So many messages wait for a screen before it is told to start over.
QUEUE: Final = 256


class Message(NamedTuple):
    """A named event of the stream; `data` is JSON."""

    name: str
    data: str


class Overflowed(NamedTuple):
    """The screen was too slow: what waited for it is gone, it needs a fresh snapshot."""


class Client:
    """What waits for one screen."""

    def __init__(self, site: str, limit: int) -> None:
        self.site = site
        self._limit = limit
        self._waiting: deque[Message] = deque()
        self._overflowed = False
        self._closed = False
        self._something = asyncio.Event()

    def put(self, message: Message) -> None:
        """Queue a message, or give up on this screen's queue."""
        if self._overflowed:
            return
        if len(self._waiting) >= self._limit:
            self._waiting.clear()
            self._overflowed = True
        else:
            self._waiting.append(message)
        self._something.set()

    def close(self) -> None:
        """The server ends: `next` answers `None` from now on."""
        self._closed = True
        self._something.set()

    async def next(self, patience_s: float) -> Message | Overflowed | None:
        """The next message; `None` when the server ends. Raises `TimeoutError` when nothing comes for so long."""
        async with asyncio.timeout(patience_s):
            await self._something.wait()
        if self._closed:
            return None
        if self._overflowed:
            self._overflowed = False
            self._something.clear()
            return Overflowed()
        message = self._waiting.popleft()
        if not self._waiting:
            self._something.clear()
        return message


class Broadcaster:
    """The screens that are connected, and what is sent to them. For the event loop's thread alone.

    Args:
        limit: messages that may wait for one screen.
        most: screens that may be connected at once.
    """

    def __init__(self, *, limit: int = QUEUE, most: int = 500) -> None:
        self._limit = limit
        self._most = most
        self._clients: set[Client] = set()
        self._closed = False

    @property
    def full(self) -> bool:
        """No screen more is served."""
        return self._closed or len(self._clients) >= self._most

    @property
    def sites(self) -> set[str]:
        """The sites that somebody is looking at."""
        return {client.site for client in self._clients}

    @contextmanager
    def connected(self, site: str) -> Generator[Client]:
        """Connect a screen that looks at `site`."""
        client = Client(site, self._limit)
        self._clients.add(client)
        try:
            yield client
        finally:
            self._clients.discard(client)

    def send(self, site: str, message: Message) -> None:
        """Send to every screen that looks at `site`."""
        for client in self._clients:
            if client.site == site:
                client.put(message)

    def close(self) -> None:
        """End every stream, so that the server can stop."""
        self._closed = True
        for client in self._clients:
            client.close()
