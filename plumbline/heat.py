"""Heat in the series store: one measurement for each length of interval, and how a window is put together from them.

All have the tags `site`, `cell` and `source` and the fields `lat`, `lon` (the cell's middle) and `weight`; a point's time is the
beginning of its interval, and intervals are aligned to 1970. Ingest writes each of them whole, and again when it has changed.
"""

from typing import Final, NamedTuple

MINUTE_NS: Final = 60_000_000_000

#: Measurement → minutes of its intervals, the longest first.
LEVELS: Final = {"heat_1h": 60, "heat_15m": 15, "heat": 1}


class Part(NamedTuple):
    """A part of a window: the points of one measurement from a time on (ns), up to but without another."""

    measurement: str
    start: int
    end: int


def split(start: int, end: int) -> list[Part]:
    """The fewest parts that hold exactly the minutes that begin in a window (half-open, ns): at most five."""
    open_ends = [(-(-start // MINUTE_NS), -(-end // MINUTE_NS))]
    found: list[Part] = []
    for measurement, every in LEVELS.items():
        left: list[tuple[int, int]] = []
        for first, last in open_ends:
            begin, stop = -(-first // every) * every, last // every * every
            if begin < stop:
                found.append(Part(measurement, begin * MINUTE_NS, stop * MINUTE_NS))
                left += [(first, begin), (stop, last)]
            else:
                left.append((first, last))
        open_ends = [(first, last) for first, last in left if first < last]
    return found
