"""From what a history is put together: as much as can be from the coarsest rollups that are complete, the rest from finer ones.

A rollup can answer where the intervals asked for are made of whole spans of it. The window's edges that are no whole span,
and what is newer than the rollups are complete, come from the next finer ones and at last from the raw points.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from plumbline.rollup import HOUR, MINUTE_NS, SPANS, Span
from plumbline.series import Bucket

#: Windows below this are answered from raw points: that is fast, and true to the last moment.
WORTH_NS: Final = HOUR.ns


class Piece(NamedTuple):
    """A part of a window and what answers it; without a `span`, the raw points."""

    span: Span | None
    start: int
    end: int


def worth(start: int, end: int, every_ns: int) -> bool:
    """Whether rollups could answer anything of this."""
    return every_ns % MINUTE_NS == 0 and end - start >= WORTH_NS


def pieces(start: int, end: int, every_ns: int, until: int) -> list[Piece]:
    """The window in parts, in order, where the rollups are complete before `until`."""
    return list(_cut(start, end, until, [span for span in SPANS if every_ns % span.ns == 0]))


def _cut(start: int, end: int, until: int, spans: Sequence[Span]) -> Iterable[Piece]:
    if start >= end:
        return
    if not spans:
        yield Piece(None, start, end)
        return
    span, rest = spans[-1], spans[:-1]
    first, last = span.ceil(start), span.floor(min(end, until))
    if first >= last:
        yield from _cut(start, end, until, rest)
        return
    yield from _cut(start, first, until, rest)
    yield Piece(span, first, last)
    yield from _cut(last, end, until, rest)


def merged(answers: Sequence[Sequence[Bucket]]) -> list[Bucket]:
    """The answers of all pieces as one, sorted; an interval that was cut through is whole again."""
    found: dict[tuple[str, int], Bucket] = {}
    for bucket in (bucket for answer in answers for bucket in answer):
        before = found.get((bucket.device, bucket.start))
        found[bucket.device, bucket.start] = bucket if before is None else _joined(before, bucket)
    return [found[key] for key in sorted(found)]


def _joined(one: Bucket, other: Bucket) -> Bucket:
    samples = one.samples + other.samples
    mean = (one.mean * one.samples + other.mean * other.samples) / samples
    return Bucket(one.device, one.start, mean, min(one.minimum, other.minimum), max(one.maximum, other.maximum), samples)
