"""The forward pass of the network over many draws at once: an array for each date, in place of a network for each draw."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tracking_service.planning.network import Link, Net, Task

Days = NDArray[np.float64]
"""Working days, one for each draw."""
#: What no draw has.
_NONE: Final[Mapping[str, Days]] = {}


def finishes(net: Net, durations: Mapping[str, Days], *, now: float, comes: Mapping[str, Days] = _NONE) -> Days:
    """When everything is finished, in each draw.

    Args:
        net: the tasks.
        durations: of each task that is not finished; what between summaries is no task of anybody's takes no time.
        now: working days; what has not started starts no earlier.
        comes: by task, when the last of what completes it comes: it ends no earlier.
    """
    nothing = np.zeros(next(len(days) for days in durations.values()))
    early: dict[str, tuple[Days, Days]] = {}
    for key in net.order:
        task = net.leaves[key]
        if task.finished is not None:
            early[key] = (nothing + min(task.started or task.finished, task.finished), nothing + task.finished)
        else:
            start, end = _dates(task, net.before[key], early, durations.get(key, nothing), now)
            early[key] = (start, np.maximum(end, comes[key]) if key in comes else end)
    return np.max([end for key, (_, end) in early.items() if key not in net.moments], axis=0)


def _dates(
    task: Task, before: Sequence[Link], early: Mapping[str, tuple[Days, Days]], duration: Days, now: float
) -> tuple[Days, Days]:
    if task.started is not None:
        end = max(task.started, now) + duration
        for link in before:
            if link.kind[1] == "F":
                end = np.maximum(end, early[link.task][link.kind == "FF"] + link.lag)
        return np.full_like(duration, task.started), end
    start = np.full_like(duration, max(task.not_before or 0.0, now))
    for link in before:
        first = early[link.task][link.kind[0] == "F"] + link.lag
        start = np.maximum(start, first if link.kind[1] == "S" else first - duration)
    return start, start + duration
