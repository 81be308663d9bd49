"""Every reading of element strings whose separators are lost, the most plausible first, by a bounded search.

Positions in the data are the nodes of a graph, element strings that hold by themselves its edges. The cheapest way from
every node to the end is known beforehand, so the search (A*) meets whole readings in the order of their costs and enters
no dead end. What element strings ask of each other is checked on the way.
"""

import functools
import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from edge_agent.gs1 import plausibility, rules
from edge_agent.gs1.charsets import CHARACTERS
from edge_agent.gs1.elements import MAX_ELEMENTS, Elements, check_value, identifier_at
from edge_agent.gs1.error import Gs1Error
from edge_agent.gs1.table import Identifier, identifiers

#: Longer data without a single separator is no label. (The longest GS1-128 symbol holds 48 characters.)
MAX_LENGTH: Final = 512
#: Element strings that one search may try; what takes more has too many readings for anyone.
MAX_WORK: Final = 10_000

Reading = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search met."""

    readings: tuple[Reading, ...]
    """The most plausible first."""
    complete: bool
    """There is no other reading; `False`: the search ended at its bounds."""


@dataclass(frozen=True, slots=True)
class _Edge:
    end: int
    identifier: Identifier
    value: str
    cost: float


@dataclass(frozen=True, slots=True)
class _Way:
    """Element strings so far, the last one first."""

    ai: str
    value: str
    before: "_Way | None"
    count: int

    def __iter__(self) -> Iterator["_Way"]:
        way: _Way | None = self
        while way is not None:
            yield way
            way = way.before


@dataclass(frozen=True, slots=True, order=True)
class _Step:
    """A place in the search, the cheapest first."""

    whole: float
    """What it costs together with the cheapest rest."""
    tie: int
    """Earlier is first among equals: the order of readings is always the same."""
    cost: float = field(compare=False)
    at: int = field(compare=False)
    """Position in the data; behind its end: a reading that is complete and priced."""
    way: _Way | None = field(compare=False)


def readings(data: str, *, at_most: int) -> Found:
    """The first `at_most` readings of `data`, which holds no separator.

    Raises `Gs1Error` where `data` is too long to be searched.
    """
    if len(data) > MAX_LENGTH:
        raise Gs1Error(f"there are {len(data)} characters without a separator: too many readings; {MAX_LENGTH} are searched")
    edges, remaining = _graph(data)
    found: list[Reading] = []
    order = itertools.count()
    queue = [_Step(remaining[0], next(order), 0.0, 0, None)] if 0 in remaining else []
    work = 0
    while queue and len(found) < at_most:
        step = heapq.heappop(queue)
        if step.at > len(data):
            found.append(_elements(step.way))
        elif step.at == len(data):
            missing = _missing(list(_elements(step.way)))
            if missing is not None:
                cost = step.cost + plausibility.cost_of_missing(missing)
                heapq.heappush(queue, _Step(cost, next(order), cost, step.at + 1, step.way))
        else:
            work += len(edges[step.at])
            if work > MAX_WORK:
                return Found(tuple(found), complete=False)
            for edge, cost in _allowed(edges[step.at], step):
                way = _Way(edge.identifier.ai, edge.value, step.way, step.way.count + 1 if step.way else 1)
                heapq.heappush(queue, _Step(cost + remaining[edge.end], next(order), cost, edge.end, way))
    return Found(tuple(found), complete=not queue)


def _elements(way: _Way | None) -> Reading:
    return tuple((each.ai, each.value) for each in way or ())[::-1]


def _allowed(edges: list[_Edge], step: _Step) -> Iterator[tuple[_Edge, float]]:
    """The edges that break no rule behind the step's way, with the cost up to their ends."""
    for edge in edges:
        extra = _extra(edge, step.way)
        if extra is not None:
            yield edge, step.cost + edge.cost + extra


def _graph(data: str) -> tuple[dict[int, list[_Edge]], dict[int, float]]:
    """For every position that is reached from the start: the edges that lead on to the end, and the cost of the cheapest."""
    reached: dict[int, list[_Edge]] = {}
    waiting = [0]
    while waiting:
        at = waiting.pop()
        if at in reached or at == len(data):
            continue
        reached[at] = list(_edges(data, at))
        waiting += [edge.end for edge in reached[at]]
    remaining = {len(data): 0.0}
    for at in sorted(reached, reverse=True):
        reached[at] = [edge for edge in reached[at] if edge.end in remaining]
        if reached[at]:
            remaining[at] = min(edge.cost + remaining[edge.end] for edge in reached[at])
    return reached, remaining


def _edges(data: str, at: int) -> Iterator[_Edge]:
    try:
        identifier = identifier_at(data, at)
    except Gs1Error:
        return
    start = at + len(identifier.ai)
    plain = CHARACTERS[identifier.components[0].type][1] if _is_plain(identifier) else None
    for end in range(start + identifier.shortest, min(start + identifier.longest, len(data)) + 1):
        value = data[start:end]
        if plain is None:
            try:
                check_value(identifier, identifier.ai, value)
            except Gs1Error:
                continue
        elif value[-1] not in plain:
            return
        yield _Edge(end, identifier, value, plausibility.cost(identifier, value))


def _is_plain(identifier: Identifier) -> bool:
    """Whether a value is any text of its characters, of one character at least: the next one decides if it may be longer."""
    only = identifier.components[0]
    return len(identifier.components) == 1 and not only.linters and only.type in "NXY" and identifier.shortest == 1


def _extra(edge: _Edge, way: _Way | None) -> float | None:
    """What the edge costs more behind `way`; `None`: it breaks a rule there."""
    if way is None:
        return 0.0
    ai = edge.identifier.ai
    if way.count >= MAX_ELEMENTS:
        return None
    excluded = _excluded(ai)
    repeated = False
    for each in way:
        if each.ai in excluded or (each.ai == ai and each.value != edge.value):
            return None
        repeated = repeated or each.ai == ai
    return plausibility.cost_behind(edge.identifier, way.count, repeated=repeated)


@functools.cache
def _excluded(ai: str) -> frozenset[str]:
    """The AIs that may not stand on a label with `ai`, whichever of the two says so."""
    return frozenset(other for other in identifiers() if other != ai and rules.exclude_each_other(ai, other))


def _missing(elements: Elements) -> int | None:
    """How many AIs lack those that they require; `None`: the whole breaks a rule."""
    try:
        rules.check(elements, requisites=False)
    except Gs1Error:
        return None
    return sum(1 for _ in rules.unmet(elements))
