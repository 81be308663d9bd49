"""The rebuild: replay into a shadow, compare, and where it is asked for put the rebuilt state in place."""

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, Final

from sqlalchemy import Row, Table, and_, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plumbline.site import SiteFile
from tracking_service import log, notices, progress
from tracking_service.domain.notice import Standing
from tracking_service.log.tables import log_head, transition
from tracking_service.rebuild.compare import TABLES, Difference, columns_of, differences
from tracking_service.rebuild.replay import Replay, Told, silent
from tracking_service.rebuild.shadow import shadow
from tracking_service.rooms.ground import Ground, portions
from tracking_service.tables import milestone

#: So many differences of a table are told one by one.
SHOWN: Final = 5
#: What a milestone's evaluation gives.
_RESULT: Final = ("percent", "done_at", "evidence", "why_en", "why_zh")


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild found."""

    entries: int = 0
    """Of the log."""
    rows: int = 0
    """Compared."""
    differing: Counter[str] = field(default_factory=Counter[str])
    """By table."""
    shown: list[Difference] = field(default_factory=list[Difference])
    """The first of each table."""
    lost: list[str] = field(default_factory=list[str])
    """Events that stand in the log and not in the inbox any more."""
    adopted: bool = False

    @property
    def equal(self) -> bool:
        """Live equals rebuilt."""
        return not self.differing and not self.lost


async def rebuild(
    engine: AsyncEngine,
    *,
    sites: Mapping[str, SiteFile],
    zones: Mapping[str, tzinfo],
    now: int,
    adopt: bool = False,
    told: Told = silent,
) -> Rebuilt:
    """Make state anew from the log and compare it with the live one, which may go on meanwhile: it is read as of one moment.

    `adopt`: where they differ, the rebuilt state takes the place of the live one, and people hear of what that moves; the
    service waits meanwhile.
    """
    found = Rebuilt()
    async with engine.connect() as connection:
        await _at_one_moment(connection, write=adopt)
        async with connection.begin():
            until = await log.turn(connection) if adopt else await _head(connection)
            async with shadow(connection) as other:
                replay = Replay(engine=other, live=connection, sites=sites, zones=zones, told=told)
                await replay.run(after=0, until=until)
                await replay.finish(now)
                found.entries, found.lost = replay.entries, replay.lost
                async with other.execution_options(read_only=True).connect() as rebuilt:
                    await _compare(found, connection, rebuilt, Ground(sites, zones, now), adopt=adopt, told=told)
    found.adopted = adopt and bool(found.differing)
    return found


async def _at_one_moment(connection: AsyncConnection, *, write: bool) -> None:
    if connection.dialect.name == "postgresql":
        if not write:
            await connection.execution_options(isolation_level="REPEATABLE READ")
    elif not write:
        await connection.execution_options(read_only=True)


async def _head(connection: AsyncConnection) -> int:
    return (await connection.execute(select(log_head.c.position))).scalar_one_or_none() or 0


async def _compare(
    found: Rebuilt, live: AsyncConnection, rebuilt: AsyncConnection, ground: Ground, *, adopt: bool, told: Told
) -> None:
    for place, table in enumerate(TABLES, 1):
        apart: list[Difference] = []
        whole, count = adopt or table is milestone, 0
        async for one in differences(table, live, rebuilt):
            if isinstance(one, int):
                found.rows += one
            else:
                count += 1
                if whole or count <= SHOWN:
                    apart.append(one)
        if table is milestone:
            apart = await _not_of_time(apart, live, rebuilt, ground)
            count = len(apart)
        if count:
            found.differing[table.name] = count
            found.shown += apart[:SHOWN]
            if adopt:
                await _put(table, apart, live, rebuilt, ground)
        told("compare", place, len(TABLES))


async def _not_of_time(
    apart: list[Difference], live: AsyncConnection, rebuilt: AsyncConnection, ground: Ground
) -> list[Difference]:
    """Leave out milestones that differ only because time went on since the live one was looked at."""
    ids = [str(one.key[0].decode()) for one in apart if one.what == "different"]
    values = dict[str, dict[str, Any]]()
    for some in portions(ids):
        values |= {one.plan.row.id: one.values for one in await progress.evaluate(live, some, ground)}
    anew = {row.id: row for some in portions(ids) for row in await _milestones(rebuilt, some)}
    known = {row.id: row for some in portions(ids) for row in await _milestones(live, some)}
    same = {
        name
        for name in ids
        if all(values[name][column] == getattr(anew[name], column) for column in _RESULT) and _of_time(known[name], anew[name])
    }
    return [one for one in apart if one.key[0].decode() not in same]


def _of_time(live: Row[Any], rebuilt: Row[Any]) -> bool:
    """Whether time alone may tell them apart: one of them is to be looked at again, and all that was declared agrees."""
    declared = [column.name for column in columns_of(milestone) if column.name not in _RESULT]
    waits = live.wake_at is not None or rebuilt.wake_at is not None
    return waits and all(getattr(live, name) == getattr(rebuilt, name) for name in declared)


async def _milestones(connection: AsyncConnection, ids: Collection[str]) -> list[Row[Any]]:
    return list((await connection.execute(select(milestone).where(milestone.c.id.in_(ids)))).all())


async def _put(table: Table, apart: list[Difference], live: AsyncConnection, rebuilt: AsyncConnection, ground: Ground) -> None:
    """Bring the live rows to the rebuilt ones."""
    keys = list(table.primary_key.columns)
    before = (
        {row.id: row for row in await _milestones(live, [one.key[0].decode() for one in apart])} if table is milestone else {}
    )
    for one in apart:
        here = and_(*(column == value for column, value in zip(keys, _key(table, one), strict=True)))
        row = (await rebuilt.execute(select(table).where(here))).first() if one.what != "extra" else None
        if row is None:
            await live.execute(delete(table).where(here))
            continue
        values = {column.name: getattr(row, column.name) for column in table.columns}
        if one.what == "missing":
            await live.execute(insert(table).values(values))
        else:
            await live.execute(table.update().where(here).values(values))
    if before:
        await _tell(before, live, ground)


def _key(table: Table, one: Difference) -> list[Any]:
    """The key of a row, as SQLAlchemy's types have it."""
    raw = [value.decode() if isinstance(value, bytes) else value for value in one.key]
    found: list[Any] = []
    for column, value in zip(table.primary_key.columns, raw, strict=True):
        kind: Any = column.type
        read = getattr(kind, "process_result_value", None)
        found.append(read(value, None) if read is not None else value)
    return found


async def _tell(before: Mapping[str, Row[Any]], live: AsyncConnection, ground: Ground) -> None:
    after = {row.id: row for row in await _milestones(live, list(before))}
    moved = {
        name: Standing(row.percent, row.done_at)
        for name, row in before.items()
        if name in after and (row.percent, row.done_at) != (after[name].percent, after[name].done_at)
    }
    if not moved:
        return
    rows = [
        {
            "milestone_id": name,
            "at": after[name].done_at or ground.now,
            "recorded_at": ground.now,
            "before": stood.percent,
            "after": after[name].percent,
            "done_before": stood.done_at,
            "done_after": after[name].done_at,
            "why_en": after[name].why_en,
            "why_zh": after[name].why_zh,
            "cause": "rebuild",
            "causes": json.dumps([]),
        }
        for name, stood in moved.items()
    ]
    await live.execute(insert(transition), rows)
    await notices.moved(live, moved, ground.now, zones=ground.zones)
