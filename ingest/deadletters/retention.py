"""How many dead letters are kept: by size, the same room for every reason, those of business events to the last.

Over the limit go, in this order: letters that were replayed; whole messages of which no number is known (the ledger does not
count them as settled, so a gateway sends them again); telemetry; business. Within each of these every reason keeps its newest,
up to one common size: a flood of one kind pushes out nothing but itself. The ledger goes on counting a removed letter as dead.
"""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import case, delete, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest.receiving.parcel import KEPT_BYTES, Letter
from ingest.tables import dead_letter

#: Bytes that all letters together may take. Between two looks each worker may add a sixteenth of it.
LIMIT_BYTES: Final = 256 * 1024 * 1024
#: What a row costs beside its payload, with its places in the indexes, roughly.
_ROW_BYTES: Final = 512
#: Letters removed in one transaction.
_AT_ONCE: Final = 200


class Retention:
    """Keeps the letters below a limit; looks only after a sixteenth of it has been added."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._added = limit_bytes  # look at the start

    async def added(self, engine: AsyncEngine, letters: Iterable[Letter]) -> int:
        """Letters were kept; removes what is over the limit and returns how many."""
        self._added += sum(_ROW_BYTES + min(len(letter.payload), KEPT_BYTES) for letter in letters)
        if self._added < self._limit // 16:
            return 0
        self._added = 0
        table = dead_letter.c
        size = _ROW_BYTES + case((table.size > KEPT_BYTES, KEPT_BYTES), else_=table.size)
        worth = case(
            (table.replayed_at.is_not(None), 3),
            (table.event_class == "business", 0),
            (table.event_class == "telemetry", 1),
            else_=2,
        )
        level = func.sum(size).over(partition_by=(worth, table.reason), order_by=table.id.desc())
        one = select(table.id, size.label("size"), worth.label("worth"), level.label("level")).subquery()
        order = (one.c.worth, one.c.level, one.c.id.desc())
        ranked = select(one.c.id, func.sum(one.c.size).over(order_by=order).label("kept")).subquery()
        surplus = select(ranked.c.id).where(ranked.c.kept > self._limit)
        async with engine.connect() as connection:  # looking holds nobody up; removing does, so it goes in small steps
            await connection.execution_options(read_only=True)
            numbers = list(await connection.scalars(surplus))
        for at in range(0, len(numbers), _AT_ONCE):
            async with engine.begin() as connection:
                await connection.execute(delete(dead_letter).where(table.id.in_(numbers[at : at + _AT_ONCE])))
        return len(numbers)
