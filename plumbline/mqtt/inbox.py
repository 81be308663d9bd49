"""The messages that arrived and that nobody took yet."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final

from plumbline.errors import MqttError
from plumbline.mqtt.message import Message

#: With so many bytes waiting nothing more is read, however many messages may be unacknowledged.
FULL_BYTES: Final = 2 * 1024 * 1024


class Inbox:
    """First in, first out. Who fills it bounds it (see `Link`).

    Args:
        on_empty: called when everything was taken after it had been full.
    """

    def __init__(self, on_empty: Callable[[], object] = lambda: None) -> None:
        self.waiting: deque[Message] = deque()
        self._on_empty = on_empty
        self._news = asyncio.Event()
        self._ended: str | None = None
        self._bytes = 0

    @property
    def full(self) -> bool:
        """Whether so much came since it was last empty that nothing more should be read."""
        return self._bytes >= FULL_BYTES

    def told(self, size: int) -> None:
        """Something was added to `waiting`, about so many bytes."""
        self._bytes += size
        self._news.set()

    def end(self, why: str) -> None:
        """Nothing more comes: once it is empty, whoever takes gets `MqttError` with this text."""
        self._ended = why
        self._news.set()

    async def take(self, most: int) -> list[Message]:
        """All that wait, at least one, at most `most`, in order. Raises `MqttError` at the end."""
        waiting = self.waiting
        while not waiting:
            await self._more()
        if len(waiting) > most:  # the rest keeps it as full as it was
            return [waiting.popleft() for _ in range(most)]
        taken = list(waiting)
        waiting.clear()
        self._emptied()
        return taken

    async def messages(self) -> AsyncIterator[Message]:
        """One by one. Raises `MqttError` at the end."""
        while True:
            while not self.waiting:
                await self._more()
            message = self.waiting.popleft()
            if not self.waiting:
                self._emptied()
            yield message

    def _emptied(self) -> None:
        full, self._bytes = self.full, 0
        if full:
            self._on_empty()

    async def _more(self) -> None:
        if self._ended is not None:
            raise MqttError(self._ended)
        self._news.clear()
        await self._news.wait()
