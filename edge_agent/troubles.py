"""What is wrong with single devices of a reader that goes on: one dead slave on a bus, one sensor with a dead battery.

A reader reports a trouble once; nobody tells when it is over. It is taken for over when the device was heard again and
nothing was reported of it for a while.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

#: Devices remembered; one that invents names makes the oldest forgotten.
_REMEMBERED: Final = 64
#: How long a report stands although the device is heard.
STANDS_S: Final = 600.0
_SHOWN: Final = 3
_LONGEST: Final = 100


@dataclass(frozen=True, slots=True)
class Trouble:
    """What was reported of one device."""

    what: str
    since: float
    """When it was first reported: UTC, seconds since 1970."""
    last_s: float
    """When it was last reported, by the monotonic clock."""
    times: int = 1
    heard: bool = False
    """Whether the device was heard after the last report."""


class Troubles:
    """The devices of one reader that something was reported of."""

    def __init__(self, *, mono_s: Callable[[], float] = time.monotonic, wall_s: Callable[[], float] = time.time) -> None:
        self._mono_s = mono_s
        self._wall_s = wall_s
        self._of: OrderedDict[str, Trouble] = OrderedDict()

    def report(self, device: str, what: str) -> None:
        """Note a report."""
        before, now_s = self._of.get(device), self._mono_s()
        if before is None or _over(before, now_s):
            self._of[device] = Trouble(what, self._wall_s(), now_s)
        else:
            self._of[device] = replace(before, what=what, last_s=now_s, times=before.times + 1, heard=False)
        self._of.move_to_end(device)
        if len(self._of) > _REMEMBERED:
            self._of.popitem(last=False)

    def heard(self, device: str) -> None:
        """Note that the device gave something."""
        trouble = self._of.get(device)
        if trouble is not None and not trouble.heard:
            self._of[device] = replace(trouble, heard=True)

    def now(self) -> Mapping[str, Trouble]:
        """The devices in trouble, the longest first."""
        now_s = self._mono_s()
        for device in [device for device, trouble in self._of.items() if _over(trouble, now_s)]:
            del self._of[device]
        return dict(sorted(self._of.items(), key=lambda pair: pair[1].since))


def _over(trouble: Trouble, now_s: float) -> bool:
    return trouble.heard and now_s - trouble.last_s > STANDS_S


def told(troubles: Mapping[str, Trouble]) -> Iterator[str]:
    """A clause for each device, few enough for one line: `meter-3: no answer (since 14:02 UTC)`."""
    for device, trouble in list(troubles.items())[:_SHOWN]:
        what = trouble.what if len(trouble.what) <= _LONGEST else trouble.what[: _LONGEST - 1] + "…"
        again = f", {trouble.times} times" if trouble.times > 1 else ""
        yield f"{device}: {what} (since {time.strftime('%H:%M', time.gmtime(trouble.since))} UTC{again})"
    if len(troubles) > _SHOWN:
        yield f"and {len(troubles) - _SHOWN} more devices"
