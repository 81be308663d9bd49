"""One answer for many screens that ask at once."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """Shares work that many want at the same time, by a key; for one event loop.

    Who asks gets an answer whose making began after the question, so that it misses nothing the asker already relies on.
    While one answer is being made, all who ask meanwhile wait for the next one, which is made once.

    Args:
        make: makes the answer for a key. What it raises goes to all who wait for that answer.
    """

    def __init__(self, make: Callable[[str], Awaitable[T]]) -> None:
        self._make = make
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._next: dict[str, asyncio.Task[T]] = {}

    async def ask(self, key: str) -> T:
        """The answer for `key`."""
        task = self._next.get(key)
        if task is None:
            task = self._next[key] = asyncio.create_task(self._answer(key), name=f"shared-{key}")
        return await asyncio.shield(task)  # one asker that leaves takes the answer from nobody

    async def _answer(self, key: str) -> T:
        async with self._turns[key]:
            del self._next[key]  # from here on a question needs a later answer
            return await self._make(key)
