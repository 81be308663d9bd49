"""The hours of machines: those that something changed, written anew from the log of what the machines told."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plumbline.inbox import gateway
from tracking_service.domain.machine import MachineState, Said
from tracking_service.mirror.send import Send
from tracking_service.mirror.utilisation import HOUR, hours, point
from tracking_service.tables import machine_hours, machine_state

#: So many hours of a machine are written in one go.
CHUNK: Final = 31 * 24
#: What was told of hours so long ago is not looked at.
_OLD: Final = 400 * 24 * HOUR


async def mirror_machines(engine: AsyncEngine, send: Send, *, now: int) -> int:
    """Write the hours that something new is known of, up to now; returns how many points.

    Raises what `Send` raises; hours that were not written are written the next time.
    """
    async with engine.execution_options(read_only=True).connect() as connection:
        rows = (await connection.execute(select(machine_hours))).all()
        told = await connection.execute(select(gateway.c.site, gateway.c.gateway, gateway.c.data_until))
        reached = {(row.site, row.gateway): row.data_until or 0 for row in told}
    written = 0
    for row in rows:
        left: Row[Any] | None = row
        while left is not None:
            count, left = await _machine(engine, send, left, reached, now=now)
            written += count
    return written


async def _machine(
    engine: AsyncEngine, send: Send, row: Row[Any], reached: Mapping[tuple[str, str], int], *, now: int
) -> tuple[int, Row[Any] | None]:
    """Write a chunk of a machine's hours; returns how many, and the machine again where more are left."""
    async with engine.execution_options(read_only=True).connect() as connection:
        newest = await _newest(connection, row.site, row.device, now)
        if newest is None:
            return 0, None
        known = min(now, max(newest.at, reached.get((row.site, newest.gateway), 0)))
        start = min(row.dirty_from, row.known_until if known > row.known_until else row.dirty_from, now)
        start = max(start, now - _OLD) // HOUR * HOUR
        end = min(start + CHUNK * HOUR, now)
        said = await _said(connection, row.site, row.device, start, end)
    points = [point(row.site, row.device, hour) for hour in hours(said, start=start, end=end, known_until=known)]
    await send(points)
    return len(points), await _note(engine, row, dirty_from=end // HOUR * HOUR, known_until=known, more=end < now)


async def _note(engine: AsyncEngine, row: Row[Any], *, dirty_from: int, known_until: int, more: bool) -> Row[Any] | None:
    """Remember what was written, unless the machine told something meanwhile: then it is written again the next time."""
    here = (machine_hours.c.site == row.site) & (machine_hours.c.device == row.device)
    same = here & (machine_hours.c.version == row.version)
    async with engine.begin() as connection:
        values = {"dirty_from": dirty_from, "known_until": known_until}
        done = await connection.execute(update(machine_hours).where(same).values(values))
        return (await connection.execute(select(machine_hours).where(here))).first() if more and done.rowcount else None


async def _newest(connection: AsyncConnection, site: str, device: str, now: int) -> Row[Any] | None:
    table = machine_state.c
    here = (table.site == site) & (table.device == device) & (table.at <= now)
    return (await connection.execute(select(machine_state).where(here).order_by(table.at.desc()).limit(1))).first()


async def _said(connection: AsyncConnection, site: str, device: str, start: int, end: int) -> Sequence[Said]:
    table = machine_state.c
    here = (table.site == site) & (table.device == device)
    newest_first = select(table.at, table.state).where(here).order_by(table.at.desc(), table.event_id.desc())
    before = (await connection.execute(newest_first.where(table.at < start).limit(1))).all()
    inside = select(table.at, table.state).where(here, table.at >= start, table.at < end).order_by(table.at, table.event_id)
    rows = [*before, *(await connection.execute(inside)).all()]
    return [Said(row.at, cast("MachineState", row.state)) for row in rows]
