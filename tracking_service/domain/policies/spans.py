"""Spans of time, each with what proves it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

from tracking_service.domain.facts import Facts

T = TypeVar("T")
U = TypeVar("U")


class Span(NamedTuple, Generic[T]):
    """From `start` up to, not including, `end` (UTC, ns)."""

    start: int
    end: int
    proof: T
    open: bool = False
    """It ends because nothing newer is known, not because something else was told."""


def cover(spans: Iterable[Span[T]]) -> Sequence[Span[T]]:
    """Spans in the order of their starts without overlaps: each has only what none before it has."""
    found: list[Span[T]] = []
    reached = None
    for span in spans:
        start = span.start if reached is None else max(span.start, reached)
        if start < span.end:
            found.append(span if start == span.start else span._replace(start=start))
            reached = span.end
    return found


def overlaps(first: Sequence[Span[T]], second: Sequence[Span[U]]) -> Iterator[Span[tuple[T, U]]]:
    """When both are so; each side in order and without overlaps of its own."""
    here = there = 0
    while here < len(first) and there < len(second):
        one, other = first[here], second[there]
        start, end = max(one.start, other.start), min(one.end, other.end)
        if start < end:
            ends = [span.open for span in (one, other) if span.end == end]
            yield Span(start, end, (one.proof, other.proof), all(ends))
        if one.end <= other.end:
            here += 1
        else:
            there += 1


def since(spans: Iterable[Span[T]], start: int) -> Iterator[Span[T]]:
    """What of spans lies at a time or later."""
    return (span if span.start >= start else span._replace(start=start) for span in spans if span.end > start)


def known_until(facts: Facts, site: str, gateway: str, at: int) -> int:
    """How far something that a gateway told at a time is known to go on: as far as it has told, and never into the future."""
    told = facts.known_until.get(f"{site}/{gateway}" if gateway else "")
    return max(at, min(facts.now, facts.known_until.get("", at) if told is None else told))
