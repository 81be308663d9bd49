"""Waiting for a store or a broker that is away, and being told to stop meanwhile."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

import asyncpg
import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from plumbline.backoff import CAP_S, FIRST_S, delay_s
from plumbline.series import SeriesUnavailableError

_log: Final = structlog.get_logger()
T = TypeVar("T")

#: What says that the SQL database is away or busy. While it starts, asyncpg's own errors come through unwrapped.
DATABASE_AWAY: Final = (DBAPIError, PoolTimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


def not_there_yet(error: BaseException) -> bool:
    """Whether a database only has to be waited for: nothing answers, or it starts, ends or has no connection to spare.

    A wrong password or name is not of these: waiting mends neither.
    """
    found = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    state = str(getattr(found, "sqlstate", None) or "")  # PostgreSQL, appendix A
    return isinstance(found, OSError) or state[:2] in {"08", "53", "57"}


class Stop:
    """The wish that everything ends, in order."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """Wish it."""
        self._event.set()

    def is_set(self) -> bool:
        """Whether it was wished."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Return once it is wished."""
        await self._event.wait()

    async def pause(self, seconds: float) -> bool:
        """Wait some time, or less if told to stop; returns whether to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait between tries."""

    first_s: float = FIRST_S
    cap_s: float = CAP_S
    chance: Callable[[], float] = random.random
    waiting: dict[object, tuple[str, str]] = field(default_factory=dict[object, tuple[str, str]], compare=False, repr=False)
    """What is waited for now: of each task the store (`series` or `database`) and why."""

    async def insist(
        self, act: Callable[[], Awaitable[T]], *, task: str, stop: Stop, failed: Callable[[str], None]
    ) -> T | None:
        """Do `act`, again and again while the series store or the database is away; `None` where told to stop first.

        `task` names it in the log; `failed` is told `series` or `database` for each try that failed.
        """
        attempt, began, away = 0, time.monotonic(), ""
        this = object()
        try:
            while True:
                try:
                    done = await act()
                except SeriesUnavailableError as error:
                    away, why, asked_s, say = "series", str(error), error.wait_s, _log.error if error.ours else _log.warning
                except DATABASE_AWAY as error:
                    away, why, asked_s, say = "database", str(error), 0.0, _log.warning
                else:
                    if attempt:
                        _log.info(
                            "store answers again",
                            task=task,
                            store=away,
                            tries=attempt,
                            after_s=round(time.monotonic() - began, 1),
                        )
                    return done
                attempt += 1
                wait_s = max(asked_s, delay_s(attempt, self.chance, first_s=self.first_s, cap_s=self.cap_s))
                failed(away)
                self.waiting[this] = away, why
                say("store away, will try again", task=task, store=away, error=why[:500], wait_s=round(wait_s, 3))
                if await stop.pause(wait_s):
                    return None
        finally:
            self.waiting.pop(this, None)
