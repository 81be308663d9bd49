"""Arithmetic on sets of sequence numbers, kept as ascending, disjoint, inclusive ranges.

The ledger uses it for what was received, the outbox for what is still owed.
"""

from bisect import bisect_right
from collections.abc import Iterable
from typing import TypeAlias

Pairs: TypeAlias = tuple[tuple[int, int], ...]


def of(numbers: Iterable[int]) -> Pairs:
    """The ranges that hold exactly `numbers` (any order, repeats allowed)."""
    return union((n, n) for n in numbers)


def union(*sets: Iterable[tuple[int, int]]) -> Pairs:
    """Everything in any of the sets; neighbours are joined."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(pair for pairs in sets for pair in pairs):
        if merged and first <= merged[-1][1] + 1:
            if last > merged[-1][1]:
                merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return tuple(merged)


def difference(whole: Iterable[tuple[int, int]], taken: Iterable[tuple[int, int]]) -> Pairs:
    """What is in `whole` and not in `taken`."""
    rest: list[tuple[int, int]] = []
    holes = union(taken)
    at = 0
    for first, last in union(whole):
        start = first
        while at < len(holes) and holes[at][1] < start:
            at += 1
        i = at
        while i < len(holes) and holes[i][0] <= last:
            if start < holes[i][0]:
                rest.append((start, holes[i][0] - 1))
            start = holes[i][1] + 1
            i += 1
        if start <= last:
            rest.append((start, last))
    return tuple(rest)


def added(whole: Pairs, numbers: Iterable[tuple[int, int]]) -> tuple[Pairs, Pairs]:
    """Put numbers into a set: (everything afterwards, what was not there before). Looks only at what lies near them."""
    new = union(pair for pair in numbers if pair[0] <= pair[1])
    if not new:
        return whole, ()
    start = bisect_right(whole, new[0][0] - 1, key=_last)
    if start and whole[start - 1][1] >= new[0][0] - 1:
        start -= 1
    end = bisect_right(whole, new[-1][1] + 1, key=_first)
    near = whole[start:end]
    fresh = difference(new, near) if near else new
    return (whole[:start] + union(near, fresh) + whole[end:], fresh) if fresh else (whole, ())


def _first(pair: tuple[int, int]) -> int:
    return pair[0]


def _last(pair: tuple[int, int]) -> int:
    return pair[1]


def holes(pairs: Pairs) -> Pairs:
    """Numbers from 1 to the highest that are in none of the ranges."""
    return difference(((1, pairs[-1][1]),), pairs) if pairs else ()


def count(pairs: Iterable[tuple[int, int]]) -> int:
    """How many numbers the ranges hold."""
    return sum(last - first + 1 for first, last in pairs)


def contains(pairs: Pairs, number: int) -> bool:
    """Whether `number` lies in one of the ranges."""
    return any(first <= number <= last for first, last in pairs)


def watermark(pairs: Pairs) -> tuple[int, Pairs]:
    """Split into (how far everything from 1 is there, the ranges beyond that)."""
    if pairs and pairs[0][0] <= 1:
        return pairs[0][1], pairs[1:]
    return 0, pairs
