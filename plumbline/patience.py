"""A time limit for an answer, which only time counts against in which this process ran.

A gateway that swaps, or is suspended, stands still for seconds or for hours. `asyncio.timeout` finds its time over afterwards
and cancels although the answer is there, in the same turn of the loop or in the kernel. Nobody was silent then.
"""

import asyncio
from types import TracebackType
from typing import Final, Self

#: The time is counted in so many steps: a process that stood still loses one of them at most.
_STEPS: Final = 8
#: A step that took so much longer is a standstill, a shorter delay is the usual one of a busy loop.
_STANDSTILL_S: Final = 0.05
#: How often the waiting begins anew after a standstill: it ends on a machine that does nothing else, too.
_ANEW: Final = 3
#: Turns of the loop in which what has come is taken: the selector's, the protocol's, the reader's, and one for who asked it.
_TURNS: Final = 4


class Patience:
    """Like `asyncio.timeout(seconds)`: cancels what is inside and raises `TimeoutError` when the time is over.

    What has come by then is taken first. Where the process stood still for longer than an eighth of the time, the waiting
    begins anew, at most three times: what was asked may not even have left.

    Args:
        seconds: how long; `None`: for ever.
    """

    def __init__(self, seconds: float | None) -> None:
        self._step_s = None if seconds is None else max(0.0, seconds / _STEPS)
        self._left = _STEPS
        self._anew = _ANEW
        self._due_s = 0.0
        self._next: asyncio.Handle | None = None
        self._limit = asyncio.timeout(None)

    def expired(self) -> bool:
        """Whether the time was over: an error of the system may be a `TimeoutError`, too."""
        return self._limit.expired()

    async def __aenter__(self) -> Self:
        """From here on the time counts."""
        await self._limit.__aenter__()
        self._loop = asyncio.get_running_loop()
        if self._step_s is not None:
            self._begin_step(self._step_s)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """It counts no more."""
        if self._next is not None:
            self._next.cancel()
        return await self._limit.__aexit__(kind, error, trace)

    def _begin_step(self, seconds: float) -> None:
        self._due_s = self._loop.time() + seconds
        self._next = self._loop.call_at(self._due_s, self._end_step, seconds)

    def _end_step(self, seconds: float) -> None:
        if self._anew and self._loop.time() - self._due_s > max(seconds, _STANDSTILL_S):
            self._anew, self._left = self._anew - 1, _STEPS
        else:
            self._left -= 1
        if self._left:
            self._begin_step(seconds)
        else:
            self._take(_TURNS)

    def _take(self, turns: int) -> None:
        """Let the loop bring what has come, then cancel."""
        if turns:
            self._next = self._loop.call_soon(self._take, turns - 1)
        else:
            self._limit.reschedule(self._loop.time())
