"""The messages that arrived and that nobody took yet."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from plumbline.errors import MqttError
from plumbline.mqtt.message import Message


class Inbox:
    """First in, first out. Who fills it bounds it (see `Link`)."""

    def __init__(self) -> None:
        self.waiting: deque[Message] = deque()
        self._news = asyncio.Event()
        self._ended: str | None = None

    def told(self) -> None:
        """Something was added to `waiting`."""
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
        if len(waiting) > most:
            return [waiting.popleft() for _ in range(most)]
        taken = list(waiting)
        waiting.clear()
        return taken

    async def messages(self) -> AsyncIterator[Message]:
        """One by one. Raises `MqttError` at the end."""
        while True:
            while not self.waiting:
                await self._more()
            yield self.waiting.popleft()

    async def _more(self) -> None:
        if self._ended is not None:
            raise MqttError(self._ended)
        self._news.clear()
        await self._news.wait()
