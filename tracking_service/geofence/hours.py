"""How long a machine worked in each zone: where it was and what it said it did, as far as both are known."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tracking_service.domain.machine import STATES, Said, Spent


class Stood(NamedTuple):
    """A machine was in a zone; `until` is when that was last known (UTC, ns)."""

    zone: str
    since: int
    until: int


def spent(
    said: Sequence[Said],
    stood: Iterable[Stood],
    silent: Sequence[tuple[int, int]],
    *,
    start: int,
    end: int,
    known_until: int,
) -> Mapping[str, Mapping[Spent, int]]:
    """By zone, how long (ns) a machine did what between `start` and `end`; together that is how long it was there.

    Args:
        said: what it told, in the order of its times: all of the window, and the last before it.
        stood: when it was where; zones may overlap.
        silent: when its tracker told nothing: where it was then, and what it did there, is unknown.
        start: UTC, ns.
        end: UTC, ns.
        known_until: how far its gateway has told: what it did later is unknown, not what it did last.
    """
    found: dict[str, dict[Spent, int]] = {}
    for one in stood:
        since, until = max(one.since, start), min(one.until, end)
        if since >= until:
            continue
        here = found.setdefault(one.zone, dict.fromkeys(STATES, 0))
        known = 0
        for first, last in _without(since, min(until, known_until), silent):
            for state, begin, finish in _states(said, last):
                length = min(finish, last) - max(begin, first)
                if length > 0:
                    here[state] += length
                    known += length
        here["unknown"] += until - since - known
    return found


def _states(said: Sequence[Said], end: int) -> Iterable[tuple[Spent, int, int]]:
    for place, one in enumerate(said):
        if one.at >= end:
            return
        yield one.state, one.at, said[place + 1].at if place + 1 < len(said) else end


def _without(since: int, until: int, silent: Sequence[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    start = since
    for begin, end in silent:
        if end > start and begin < until:
            if begin > start:
                yield start, begin
            start = max(start, end)
    if start < until:
        yield start, until
