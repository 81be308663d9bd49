"""What both outboxes do alike: what left cannot be called back, so how it ended is noted, whatever happens meanwhile."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from plumbline.backoff import delay_s
from plumbline.patience import Patience
from plumbline.text import visible

_log = structlog.get_logger()

#: So long something that is under way may still take when the service ends.
GRACE_S: Final = 3.0
#: What is kept of why something did not go well.
_SAID: Final = 2_000


async def side_by_side(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do all of them, each to its end, whatever becomes of the others; raises the first one's error as it is.

    A `TaskGroup` would end the others half sent, and hide in a group that the database is away.
    """
    for ended in await asyncio.gather(*works, return_exceptions=True):
        if ended is not None:
            raise ended


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Do it; when the service ends meanwhile, it has a moment more: else it would have left without a note, and come again."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(TimeoutError):
            async with Patience(GRACE_S):
                await asyncio.wait([task])
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(ended, Exception):
            _log.error("tracking.leaving.failed_at_the_end", error=str(ended))
        raise


async def noted(part: str, write: Callable[[], Awaitable[None]], chance: Callable[[], float]) -> None:
    """Write down how something ended; a database that is away is waited for."""
    failures = 0
    while True:
        try:
            return await write()
        except (SQLAlchemyError, OSError) as error:
            failures += 1
            pause = delay_s(failures, chance)
            _log.warning(f"tracking.{part}.not_noted_yet", error=str(error), retry_in_s=round(pause, 1))
            await asyncio.sleep(pause)


def said(why: str) -> str:
    """What another system said, as a database takes it: nobody else decides what can be noted."""
    return visible(why.encode("utf-8", "replace").decode(), _SAID)
