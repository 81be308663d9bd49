"""What the ledger says, per stream and per site-local day: the proof that nothing is lost and nothing counted twice."""

from collections.abc import Sequence
from typing import Final, cast

from msgspec import Struct
from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest.ledger import parse
from ingest.tables import ledger_day, ledger_stream
from plumbline import ranges
from plumbline.ranges import Pairs

_KEY: Final = ("site", "gateway", "epoch", "event_class")


class DayReport(Struct, frozen=True, kw_only=True):
    """One site-local day of a stream."""

    day: str
    received: int
    duplicate: int
    late: int
    dead: int
    thinned: int
    missing: int
    """Numbers that lie between those of this day, or between the day before and this one, and never came."""


class StreamReport(Struct, frozen=True, kw_only=True, rename={"event_class": "class"}):
    """One stream. `received + dead + thinned + missing == highest`."""

    site: str
    gateway: str
    epoch: str
    event_class: str
    watermark: int
    highest: int
    received: int
    duplicate: int
    late: int
    dead: int
    thinned: int
    missing: int
    missing_ranges: Pairs
    """The first hundred holes below the highest number."""
    first_seen: int
    last_seen: int
    days: tuple[DayReport, ...]


def missing_by_day(missing: Pairs, last_seqs: Sequence[int]) -> list[int]:
    """How many of the missing numbers belong to each day, given the days' largest numbers in the order of the days.

    A hole belongs to the first day whose largest number lies above it: that day's gateway had counted past it.
    """
    counts: list[int] = []
    below = 0
    for last in last_seqs:
        counts.append(ranges.count(_between(missing, below + 1, last)))
        below = max(below, last)
    return counts


def _between(pairs: Pairs, low: int, high: int) -> Pairs:
    return tuple((max(first, low), min(last, high)) for first, last in pairs if first <= high and last >= low and low <= high)


async def report(engine: AsyncEngine, *, site: str | None = None, gateway: str | None = None) -> list[StreamReport]:
    """Read the ledger, sorted by site, gateway, epoch and class."""
    wanted = [(name, value) for name, value in (("site", site), ("gateway", gateway)) if value is not None]
    streams = select(ledger_stream).order_by(*(ledger_stream.c[name] for name in _KEY))
    days = select(ledger_day).order_by(*(ledger_day.c[name] for name in (*_KEY, "day")))
    for name, value in wanted:
        streams, days = streams.where(ledger_stream.c[name] == value), days.where(ledger_day.c[name] == value)
    async with engine.connect() as connection:
        await connection.execution_options(read_only=True)
        stream_rows = (await connection.execute(streams)).mappings().all()
        day_rows = (await connection.execute(days)).mappings().all()
    by_stream: dict[tuple[str, ...], list[RowMapping]] = {}
    for row in day_rows:
        by_stream.setdefault(_key(row), []).append(row)
    return [_stream(row, by_stream.get(_key(row), [])) for row in stream_rows]


def _key(row: RowMapping) -> tuple[str, ...]:
    return tuple(cast("str", row[name]) for name in _KEY)


def _stream(row: RowMapping, days: Sequence[RowMapping]) -> StreamReport:
    settled = parse(row["upto"], row["beyond"])
    missing = ranges.holes(settled)
    counts = ("received", "duplicate", "late", "dead", "thinned")
    by_day = missing_by_day(missing, [day["last_seq"] for day in days])
    return StreamReport(
        **{name: row[name] for name in (*_KEY, *counts, "first_seen", "last_seen")},
        watermark=row["upto"],
        highest=settled[-1][1] if settled else 0,
        missing=ranges.count(missing),
        missing_ranges=missing[:100],
        days=tuple(
            DayReport(day=day["day"], missing=lost, **{name: day[name] for name in counts})
            for day, lost in zip(days, by_day, strict=True)
        ),
    )
