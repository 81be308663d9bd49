"""The largest values of metrics by minute and device: what is no larger than what is settled needs no second look.

A station that reports each second says something new about its minute four or five times. Without a memory of the values a
small group cost 4 µs an event here, nearly all for weighing what could not count.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

Rise = dict[tuple[str, int], dict[str, float]]
"""By metric and minute, then by device: values above what was settled."""
#: Values remembered; beyond, all are forgotten and each device is weighed once more.
MOST: Final = 20_000


class Levels:
    """The values that are known to be settled."""

    def __init__(self) -> None:
        self._settled: Rise = {}
        self._count = 0

    def rising(
        self, metrics: Iterable[str], minutes: Sequence[int], devices: Sequence[str], values: Sequence[Mapping[str, float]]
    ) -> Rise:
        """The largest values of metrics, where they are above 0 and above what is settled.

        One plain loop: what looks cleverer (lists for each device, sorting) was measured to take twice as long.
        """
        found: Rise = {}
        for metric in metrics:
            best: dict[int, dict[str, float]] = {}
            raised: dict[str, float] = {}
            highest = raised
            known, now = highest.get, -1
            for minute, device, some in zip(minutes, devices, values, strict=True):
                if minute != now:
                    now, place = minute, (metric, minute)
                    if minute not in best:
                        best[minute] = dict(self._settled.get(place, ()))
                        found[place] = {}
                    highest, raised = best[minute], found[place]
                    known = highest.get
                value = some.get(metric, 0.0)
                if value > known(device, 0.0):
                    highest[device] = raised[device] = value
        return {place: raised for place, raised in found.items() if raised}

    def settle(self, rise: Rise) -> None:
        """What rose is committed."""
        fresh = sum(map(len, rise.values()))
        if self._count + fresh > MOST:
            self._settled.clear()
            self._count = 0
        self._count += fresh
        for place, raised in rise.items():
            self._settled.setdefault(place, {}).update(raised)
