"""Looking at dead letters: by reason, site and device; one after the other; one with its bytes."""

from collections.abc import Sequence
from typing import Unpack

from msgspec import Struct
from sqlalchemy import RowMapping, case, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest.deadletters.choice import Choice, chosen, last_at
from ingest.deadletters.reasons import remedy_of
from ingest.tables import dead_letter


class Pile(Struct, frozen=True, kw_only=True):
    """Letters with one reason, of one site and device, that were not replayed."""

    reason: str
    site: str | None
    """`None`: nothing in the message could be trusted to say so."""
    device: str | None
    letters: int
    times: int
    """How often they came: the same letter again is one letter."""
    size_bytes: int
    first_at: int
    """UTC, ns."""
    last_at: int
    waiting: int
    """Of the letters, those that the running ingest is asked to take once more."""
    newest: int
    """The id of the newest."""
    remedy: str


async def overview(engine: AsyncEngine, *, limit: int = 1000, **choice: Unpack[Choice]) -> list[Pile]:
    """The letters that nobody has replayed, by reason, site and device; the largest piles first."""
    table = dead_letter.c
    places = (table.reason, table.site, table.device)
    count = func.count()
    statement = (
        select(
            *places,
            count,
            func.sum(table.times),
            func.sum(table.size),
            func.min(table.received_at),
            func.max(last_at()),
            func.sum(case((table.replay_requested_at.is_not(None), 1), else_=0)),
            func.max(table.id),
        )
        .where(table.replayed_at.is_(None), *chosen(**choice))
        .group_by(*places)
        .order_by(count.desc(), *places)
        .limit(limit)
    )
    async with engine.connect() as connection:
        await connection.execution_options(read_only=True)
        rows = (await connection.execute(statement)).all()
    return [
        Pile(
            reason=reason,
            site=site,
            device=device,
            letters=letters,
            times=int(times),
            size_bytes=int(size),
            first_at=first,
            last_at=last,
            waiting=int(waiting),
            newest=newest,
            remedy=remedy_of(reason),
        )
        for reason, site, device, letters, times, size, first, last, waiting, newest in rows
    ]


async def listing(engine: AsyncEngine, *, limit: int = 100, **choice: Unpack[Choice]) -> Sequence[RowMapping]:
    """The newest letters without their payload, replayed ones too."""
    columns = [column for column in dead_letter.c if column.name not in {"payload", "original", "digest"}]
    statement = select(*columns).where(*chosen(**choice)).order_by(dead_letter.c.id.desc()).limit(limit)
    async with engine.connect() as connection:
        await connection.execution_options(read_only=True)
        return (await connection.execute(statement)).mappings().all()


async def count(engine: AsyncEngine, **choice: Unpack[Choice]) -> int:
    """How many letters there are, replayed ones too."""
    async with engine.connect() as connection:
        await connection.execution_options(read_only=True)
        return await connection.scalar(select(func.count()).select_from(dead_letter).where(*chosen(**choice))) or 0


async def show(engine: AsyncEngine, number: int) -> RowMapping | None:
    """One letter with its payload."""
    async with engine.connect() as connection:
        await connection.execution_options(read_only=True)
        return (await connection.execute(select(dead_letter).where(dead_letter.c.id == number))).mappings().one_or_none()
