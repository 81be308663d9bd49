"""What metrics were by the minute: ingest writes it, for the metrics that some policy names (`plumbline.inbox`).

There is no copy of it here: a minute is what ingest says now, and may be told anew. `watch` says which metrics are wanted,
`follow` which milestones that may have moved since it was asked last.
"""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import delete, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.inbox import minute_summary, summary_count, watched
from plumbline.rollup import MINUTE_NS
from tracking_service.domain.facts import Minute, Need
from tracking_service.rooms.ground import portions
from tracking_service.tables import insert_new, milestone, milestone_need

#: The longest gap that a policy may allow, which may lie over the moment at which a milestone was done.
GAP_NS = 25 * 60 * MINUTE_NS
#: Rows copied at once.
_ROWS = 5_000
_TABLES = (watched, minute_summary, summary_count)
_METRIC = (watched.c.site, watched.c.device, watched.c.metric)
_SUMMED = (minute_summary.c.site, minute_summary.c.device, minute_summary.c.metric)


async def watch(connection: AsyncConnection) -> None:
    """Ask ingest for the metrics that milestones count on, and for no others; what is not wanted any more goes.

    Call it where `milestone_need` was written. Ingest fills in the past of a metric that comes new.
    """
    keys = select(milestone_need.c.key).where(milestone_need.c.kind == "metric").distinct()
    wanted = {_parts(key) for key in (await connection.execute(keys)).scalars()}
    there = {tuple(row) for row in await connection.execute(select(*_METRIC))}
    rows = [{"site": site, "device": device, "metric": metric} for site, device, metric in sorted(wanted - there)]
    await insert_new(connection, watched, rows)
    for some in portions(sorted(there - wanted), 200):
        await connection.execute(delete(watched).where(tuple_(*_METRIC).in_(some)))
        await connection.execute(delete(minute_summary).where(tuple_(*_SUMMED).in_(some)))


async def waits(connection: AsyncConnection) -> bool:
    """Whether `follow` has something to tell. Reads only."""
    counts = await _counts(connection)
    return counts["written"] > counts["read"]


async def follow(connection: AsyncConnection) -> set[str]:
    """Milestones that minutes written since the last call may have moved; the call counts once it is committed.

    What came after a milestone was done does not move it: else each minute of a probe that goes on for years would have all
    that ever counted on it looked at again.
    """
    counts = await _counts(connection)
    written, read = counts["written"], counts["read"]
    if written <= read:
        return set()
    changed = minute_summary.c.changed
    earliest = select(*_SUMMED, func.min(minute_summary.c.minute)).where(changed > read, changed <= written)
    since = {"/".join(row[:3]): row[3] * MINUTE_NS for row in await connection.execute(earliest.group_by(*_SUMMED))}
    await connection.execute(update(summary_count).where(summary_count.c.name == "read").values(number=written))
    found: set[str] = set()
    for some in portions(sorted(since)):
        counting = (
            select(milestone.c.id, milestone.c.done_at, milestone_need.c.key)
            .join(milestone_need, milestone_need.c.milestone_id == milestone.c.id)
            .where(milestone_need.c.kind == "metric", milestone_need.c.key.in_(some))
        )
        for row in await connection.execute(counting):
            if row.done_at is None or row.done_at + GAP_NS >= since[row.key]:
                found.add(row.id)
    return found


async def facts(connection: AsyncConnection, needs: Collection[Need]) -> Mapping[str, Sequence[Minute]]:
    """The minutes of metrics, by the need's key."""
    found: dict[str, dict[int, Minute]] = {need.key: {} for need in needs if need.kind == "metric"}
    for some in portions([_parts(key) for key in found], 200):
        here = select(minute_summary).where(tuple_(*_SUMMED).in_(some), minute_summary.c.readings > 0)
        for row in await connection.execute(here.order_by(minute_summary.c.measurement)):
            told = Minute(row.minute * MINUTE_NS, row.low, row.high, row.mean, row.readings)
            minutes = found[f"{row.site}/{row.device}/{row.metric}"]
            known = minutes.get(told.at)
            minutes[told.at] = told if known is None else _together(known, told)
    return {key: list(minutes.values()) for key, minutes in found.items()}


async def prepare(shadow: AsyncConnection) -> None:
    """Make the tables in a shadow's database, empty: while the log is replayed, orders come and go that want metrics."""
    for table in _TABLES:
        await shadow.run_sync(table.create)


async def lend(live: AsyncConnection, shadow: AsyncConnection) -> None:
    """Give a shadow all that the live one knows, when its log is replayed: it is no state of tracking's own.

    Not before: `watch` would drop the minutes of metrics whose orders have not come yet.
    """
    for table in _TABLES:
        await shadow.execute(delete(table))
        rows = await live.stream(select(table))
        async for some in rows.mappings().partitions(_ROWS):
            await shadow.execute(insert(table), [dict(row) for row in some])


async def _counts(connection: AsyncConnection) -> Mapping[str, int]:
    rows = await connection.execute(select(summary_count.c.name, summary_count.c.number))
    return {"written": 0, "read": 0} | {row.name: row.number for row in rows}


def _together(one: Minute, other: Minute) -> Minute:
    """A minute of a metric that a device tells under two measurements."""
    readings = one.readings + other.readings
    mean = (one.mean * one.readings + other.mean * other.readings) / readings
    return Minute(one.at, min(one.low, other.low), max(one.high, other.high), mean, readings)


def _parts(key: str) -> tuple[str, ...]:
    return tuple(key.split("/", 2))
