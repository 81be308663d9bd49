"""How numbers are cut into blocks of which every second one is dropped. Pure arithmetic."""

from typing import Final

from plumbline.ranges import Pairs

#: Numbers that go or stay together: a few seconds of a busy gateway.
BLOCK: Final = 64
#: So many blocks at most, since the dropped ones are told to ingest as ranges.
_MOST: Final = 4096


def blocks(owed: Pairs) -> list[tuple[int, int]]:
    """Cut `owed` (ascending ranges) into blocks of consecutive numbers, oldest first, without the newest: it is alive.

    Twice in a row gives other blocks only where something was dropped in between: what is left of a thinned stretch is
    thinned further by the next round.
    """
    total = sum(last - first + 1 for first, last in owed)
    size = BLOCK
    while total > size * _MOST:
        size *= 2
    cut = [(at, min(at + size - 1, last)) for first, last in owed for at in range(first, last + 1, size)]
    return cut[:-1]
