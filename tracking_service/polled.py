"""Work that is done when somebody says there is some, and looked for every few seconds all the same."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from plumbline.backoff import delay_s

_log = structlog.get_logger()


class Polled:
    """Runs `work` again and again.

    Args:
        name: of the part, for the log.
        work: does all there is to do now.
        poll_s: how long something waits at most when nobody says `wake`.
        chance: draws the jitter of the back-off, in [0, 1).
    """

    def __init__(self, name: str, work: Callable[[], Awaitable[None]], *, poll_s: float, chance: Callable[[], float]) -> None:
        self._name = name
        self._work = work
        self._poll_s = poll_s
        self._chance = chance
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Say that there is work. Call from the event loop's thread."""
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled. A database that is away is waited for."""
        failures = 0
        while True:
            self._woken.clear()
            try:
                await self._work()
                failures, pause = 0, self._poll_s
            except (SQLAlchemyError, OSError) as error:
                failures += 1
                pause = delay_s(failures, self._chance)
                _log.warning(f"tracking.{self._name}.database_unavailable", error=str(error), retry_in_s=round(pause, 1))
            await woken(self._woken, pause)


async def woken(event: asyncio.Event, pause_s: float) -> bool:
    """Wait for a call, at most so long; whether it came.

    Python 3.11's `asyncio.wait_for` forgets that it was cancelled where the call comes in the same turn of the loop: a service
    that was told to end then waited for ever.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(pause_s):
            await event.wait()
    return event.is_set()
