"""A clock for silences: it goes only while somebody listens."""

import asyncio
from collections.abc import Callable
from typing import Final

#: Whoever listens looks several times a second (`quiet_s`, 5 s at most). A longer step is one of a gateway that stood still.
_STEP_S: Final = 1.0


class Listening:
    """Seconds, as `now()`; a step of more than `step_s` since the last look counts as that much.

    A gateway that was suspended heard nothing because it did not listen: the device was not silent, its line is not cut off,
    and what it said meanwhile lies in the kernel.

    Args:
        clock: monotonic seconds; `None`: the loop's.
        step_s: the longest time between two looks, at least the `quiet_s` of the link.
    """

    def __init__(self, clock: Callable[[], float] | None = None, *, step_s: float = _STEP_S) -> None:
        self._clock = clock or asyncio.get_running_loop().time
        self._step_s = step_s
        self._looked_s = self._now_s = self._clock()

    def __call__(self) -> float:
        """The time, and a look."""
        looked_s = self._clock()
        self._now_s += min(looked_s - self._looked_s, self._step_s)
        self._looked_s = looked_s
        return self._now_s
