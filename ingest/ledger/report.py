"""What the ledger says, per stream and per site-local day: the proof that nothing is lost and nothing counted twice."""

import time
from collections.abc import Collection, Sequence
from typing import Final, Literal, cast

import structlog
from msgspec import Struct, structs
from sqlalchemy import Executable, RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ingest.ledger.books import parse
from ingest.ledger.direct_proof import DirectProof, promise, proofs
from ingest.ledger.direct_proof import places as places_of_direct
from ingest.ledger.verdict import Standing, moment, verdict
from ingest.tables import COUNTS, gap_request, ledger_day, ledger_lost, ledger_stream
from plumbline import ranges
from plumbline.inbox import gateway as gateway_table
from plumbline.ranges import Pairs

_log: Final = structlog.get_logger()
_KEY: Final = ("site", "gateway", "epoch", "event_class")
#: Ranges that are shown of one stream.
_SHOWN: Final = 100
_Key = tuple[str, ...]


class DayReport(Struct, frozen=True, kw_only=True):
    """One site-local day of a stream."""

    day: str
    received: int
    duplicate: int
    late: int
    dead: int
    thinned: int
    lost: int
    missing: int | None
    """Numbers that lie between those of this day, or between the day before and this one, and never came; of direct devices
    `None`: nobody can know."""
    asked: int
    """How many of these the gateway was asked for, the last time it was."""


class Asked(Struct, frozen=True, kw_only=True):
    """How a gateway was asked for what is missing."""

    times: int = 0
    last_at: int | None = None
    """ns, UTC."""
    numbers: int = 0
    """Of what is missing now, how much was asked for the last time."""


class StreamReport(Struct, frozen=True, kw_only=True, rename={"event_class": "class"}):
    """One stream. `received + dead + thinned + lost + missing == highest`, or `off_by` says how far it is from that."""

    site: str
    gateway: str
    epoch: str
    event_class: str
    delivery: Literal["numbered", "direct"]
    """`numbered` by a gateway, which proves them; `direct`: by us when they came, so at most what MQTT gave us."""
    verdict: str
    watermark: int
    highest: int
    received: int
    duplicate: int
    late: int
    dead: int
    thinned: int
    lost: int
    missing: int | None
    """`None`: nobody can know (direct devices)."""
    missing_ranges: Pairs
    """The first hundred holes below the highest number."""
    lost_ranges: Pairs
    """The first hundred ranges that the gateway said it will never have again."""
    asked: Asked
    closed: bool
    """The gateway has begun a new outbox since."""
    off_by: int
    direct: DirectProof | None
    """Devices that publish straight to the broker: what MQTT promised of them. `None`: a gateway, which proves its numbers."""
    first_seen: int
    last_seen: int
    days: tuple[DayReport, ...]


def missing_of_days(missing: Pairs, last_seqs: Sequence[int]) -> list[Pairs]:
    """Which of the missing numbers belong to each day, given the days' largest numbers in the order of the days.

    A hole belongs to the first day whose largest number lies above it: that day's gateway had counted past it.
    """
    found: list[Pairs] = []
    below = 0
    for last in last_seqs:
        found.append(_between(missing, below + 1, last))
        below = max(below, last)
    return found


def _between(pairs: Pairs, low: int, high: int) -> Pairs:
    return tuple((max(first, low), min(last, high)) for first, last in pairs if first <= high and last >= low and low <= high)


async def report(
    engine: AsyncEngine,
    *,
    site: str | None = None,
    gateway: str | None = None,
    day: str | None = None,
    since: str | None = None,
    now: int | None = None,
) -> list[StreamReport]:
    """Read the ledger, sorted by site, gateway, epoch and class.

    Args:
        engine: the SQL database.
        site: only this one.
        gateway: only those of this name.
        day: only this site-local day (ISO), and streams that have it.
        since: only days from this one on, and streams that have any.
        now: UTC in ns.
    """
    wanted = [(name, value) for name, value in (("site", site), ("gateway", gateway)) if value is not None]
    streams = select(ledger_stream).order_by(*(ledger_stream.c[name] for name in _KEY))
    days = select(ledger_day).order_by(*(ledger_day.c[name] for name in (*_KEY, "day")))
    asked = select(gap_request).where(gap_request.c.times > 0)
    places = select(gateway_table.c.site, gateway_table.c.gateway, gateway_table.c.online, gateway_table.c.since)
    for name, value in wanted:
        streams, days = streams.where(ledger_stream.c[name] == value), days.where(ledger_day.c[name] == value)
        asked, places = asked.where(gap_request.c[name] == value), places.where(gateway_table.c[name] == value)
    async with engine.connect() as connection:
        await connection.execution_options(read_only=True)
        rows = await _all(connection, streams)
        days_of = _grouped(await _all(connection, days))
        asked_of = {_key(row): row for row in await _all(connection, asked)}
        offline = {(row["site"], row["gateway"]): row["since"] for row in await _all(connection, places) if not row["online"]}
        lost_of = await _lost(connection, rows)
        direct = await places_of_direct(connection)
        proofs_of = await proofs(connection, direct)
    newest: dict[tuple[str, str], tuple[int, str]] = {}
    for row in rows:
        where = (row["site"], row["gateway"])
        newest[where] = max(newest.get(where, (0, "")), (row["first_seen"], row["epoch"]))
    moment_now = time.time_ns() if now is None else now
    found: list[StreamReport] = []
    for row in rows:
        where = (row["site"], row["gateway"])
        stream = _stream(
            row,
            days_of.get(_key(row), []),
            asked=asked_of.get(_key(row)),
            lost=lost_of.get(_key(row), ()),
            closed=newest[where][1] != row["epoch"],
            direct=proofs_of.get((*where, row["epoch"]), DirectProof()) if where in direct else None,
            offline_since=offline.get(where),
            now=moment_now,
        )
        if (stream := _only(stream, day, since)) is not None:
            found.append(stream)
    return found


def _only(stream: StreamReport, day: str | None, since: str | None) -> StreamReport | None:
    """The stream with the days that were asked for; `None` where it has none of them."""
    if day is None and since is None:
        return stream
    days = tuple(one for one in stream.days if (day is None or one.day == day) and (since is None or one.day >= since))
    return structs.replace(stream, days=days) if days else None


async def _all(connection: AsyncConnection, statement: Executable) -> Sequence[RowMapping]:
    return (await connection.execute(statement)).mappings().all()


async def _lost(connection: AsyncConnection, rows: Collection[RowMapping]) -> dict[_Key, Pairs]:
    """What gateways said is lost, of streams that have such numbers."""
    gateways = sorted({row["gateway"] for row in rows if row["lost"]})
    if not gateways:
        return {}
    statement = (
        select(ledger_lost).where(ledger_lost.c.gateway.in_(gateways[:500])).order_by(ledger_lost.c.first).limit(100_000)
    )
    found = _grouped(await _all(connection, statement))
    return {key: ranges.union((row["first"], row["last"]) for row in some)[:_SHOWN] for key, some in found.items()}


def _grouped(rows: Sequence[RowMapping]) -> dict[_Key, list[RowMapping]]:
    found: dict[_Key, list[RowMapping]] = {}
    for row in rows:
        found.setdefault(_key(row), []).append(row)
    return found


def _key(row: RowMapping) -> _Key:
    return tuple(cast("str", row[name]) for name in _KEY)


def _stream(
    row: RowMapping,
    days: Sequence[RowMapping],
    *,
    asked: RowMapping | None,
    lost: Pairs,
    closed: bool,
    direct: DirectProof | None,
    offline_since: int | None,
    now: int,
) -> StreamReport:
    settled = parse(row["upto"], row["beyond"])
    missing = ranges.holes(settled)
    by_day = missing_of_days(missing, [day["last_seq"] for day in days])
    wanted = parse(0, asked["asked"]) if asked else ()
    said = Asked(
        times=asked["times"] if asked else 0,
        last_at=asked["asked_at"] if asked else None,
        numbers=_both(missing, wanted),
    )
    standing = Standing(
        **{name: row[name] for name in ("received", "dead", "thinned", "lost")},
        missing=ranges.count(missing),
        missing_ranges=missing,
        lost_ranges=lost,
        highest=settled[-1][1] if settled else 0,
        asked_times=said.times,
        asked_at=said.last_at,
        closed=closed,
        offline_since=offline_since,
    )
    if standing.off_by:
        place = {name: row[name] for name in _KEY}
        _log.error("the ledger does not balance", **place, off_by=standing.off_by, highest=standing.highest)
    return StreamReport(
        **{name: row[name] for name in (*_KEY, *COUNTS, "first_seen", "last_seen")},
        delivery="numbered" if direct is None else "direct",
        verdict=verdict(standing, now) if direct is None else _direct_verdict(standing, direct, now),
        watermark=row["upto"],
        highest=standing.highest,
        missing=standing.missing if direct is None else None,
        missing_ranges=missing[:_SHOWN],
        lost_ranges=lost,
        asked=said,
        closed=closed,
        direct=direct,
        off_by=standing.off_by,
        days=tuple(
            DayReport(
                day=day["day"],
                missing=ranges.count(of) if direct is None else None,
                asked=_both(of, wanted),
                **{name: day[name] for name in COUNTS},
            )
            for day, of in zip(days, by_day, strict=True)
        ),
    )


def _direct_verdict(standing: Standing, direct: DirectProof, now: int) -> str:
    """Never `complete`: numbers that we give ourselves prove only what reached us."""
    said = [part for part in verdict(standing, now).split("; ") if part != "complete"]
    return "; ".join([promise(direct), *said])


def _both(one: Pairs, other: Pairs) -> int:
    """How many numbers are in both."""
    return ranges.count(one) - ranges.count(ranges.difference(one, other)) if one and other else 0


def said_of(stream: StreamReport) -> str:
    """The line below a stream's table."""
    seen = f"committed up to {stream.watermark:,} of {stream.highest:,}, last at {moment(stream.last_seen)}"
    return f"{stream.verdict}\n{seen}"
