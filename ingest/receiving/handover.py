"""From one stage to the next, one thing at a time."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Handover(Generic[T]):
    """Lets one task give what another takes: nothing waits in between, so each stage holds one thing at most.

    Args:
        on_wanted: called when the taker begins to wait.
    """

    def __init__(self, on_wanted: Callable[[], object] = lambda: None) -> None:
        self._on_wanted = on_wanted
        self._given: asyncio.Future[T | None] | None = None
        self._wanted = asyncio.Event()
        self._closed = False

    @property
    def wanted(self) -> bool:
        """Whether somebody waits to take, or nobody ever will again: giving returns at once."""
        return self._wanted.is_set()

    async def give(self, thing: T | None) -> bool:
        """Hand something over, `None` being the end; returns once it is taken. False: nobody takes anything any more."""
        await self._wanted.wait()
        if self._closed or self._given is None:
            return False
        self._wanted.clear()
        self._given.set_result(thing)
        return True

    async def take(self) -> T | None:
        """Wait for the next thing; `None`: it was the last."""
        self._given = asyncio.get_running_loop().create_future()
        self._wanted.set()
        self._on_wanted()
        return await self._given

    def close(self) -> None:
        """Take nothing any more: whoever gives is told."""
        self._closed = True
        self._wanted.set()
        self._on_wanted()
