"""Compare the tables that follow from the log, live and rebuilt, row by row."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import Column, String, Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tracking_service.company.apply import PARTS
from tracking_service.geofence.tables import DERIVED, settled
from tracking_service.linking.tables import alias, line_code
from tracking_service.log.tables import act, voided
from tracking_service.rooms.tables import check_in, inspection, line_level, sign_off
from tracking_service.tables import (
    certificate,
    delivery_unit,
    equipment_state,
    evidence,
    inspection_point,
    machine_state,
    material_line,
    milestone,
    milestone_need,
    orders,
    presence,
    subscription,
    unlinked_scan,
)

#: Rows that are read at once.
_PART: Final = 5_000
#: What follows from the log, parents before children. Left out is what was told (notices, transitions, activity), what other
#: parts note for themselves (marks of the mirror and the manifest), and `wake_at`, which is when to look again.
TABLES: Final[tuple[Table, ...]] = (
    act,
    voided,
    orders,
    material_line,
    milestone,
    delivery_unit,
    certificate,
    subscription,
    milestone_need,
    inspection_point,
    line_level,
    evidence,
    unlinked_scan,
    machine_state,
    equipment_state,
    check_in,
    presence,
    inspection,
    sign_off,
    settled,
    *DERIVED,
    *PARTS,
    line_code,
    alias,
)
_LEFT_OUT: Final = {"milestone": {"wake_at", "short_told"}}

Row = tuple[Any, ...]


class Difference(NamedTuple):
    """A row that is not the same."""

    table: str
    what: Literal["missing", "extra", "different"]
    """`missing`: only the rebuilt state has it; `extra`: only the live one."""
    key: Row
    live: Row | None
    rebuilt: Row | None


def columns_of(table: Table) -> Sequence[Column[Any]]:
    """What is compared of a table."""
    return [column for column in table.columns if column.name not in _LEFT_OUT.get(table.name, ())]


async def differences(table: Table, live: AsyncConnection, rebuilt: AsyncConnection) -> AsyncGenerator[Difference | int]:
    """What differs between the two, and now and then (an int) how many rows were compared since it was last said."""
    names = [column.name for column in columns_of(table)]
    places = [names.index(column.name) for column in table.primary_key.columns]
    ours, theirs = _Rows(table, live, places), _Rows(table, rebuilt, places)
    await ours.next()
    await theirs.next()
    seen = 0
    while ours.row is not None or theirs.row is not None:
        if same := ours.same_part(theirs):
            yield same
            await ours.skip_part()
            await theirs.skip_part()
            continue
        seen += 1
        if seen == _PART:
            yield seen
            seen = 0
        if theirs.row is None or (ours.row is not None and ours.key < theirs.key):
            yield Difference(table.name, "extra", ours.key, ours.row, None)
            await ours.next()
        elif ours.row is None or theirs.key < ours.key:
            yield Difference(table.name, "missing", theirs.key, None, theirs.row)
            await theirs.next()
        else:
            if ours.row != theirs.row:
                yield Difference(table.name, "different", ours.key, ours.row, theirs.row)
            await ours.next()
            await theirs.next()
    yield seen


class _Rows:
    """The rows of a table by their key, as the database has them; texts in the order of their code points."""

    def __init__(self, table: Table, connection: AsyncConnection, places: Sequence[int]) -> None:
        self._connection = connection
        self._places = places
        self._parts: Any = None
        self.part: list[Row] = []
        self.place = 0
        collated = 'COLLATE "C"' if connection.dialect.name == "postgresql" else ""
        keys = [
            f'"{column.name}" {collated if isinstance(column.type, String) else ""}' for column in table.primary_key.columns
        ]
        names = ", ".join(f'"{column.name}"' for column in columns_of(table))
        self._sql = text(f'SELECT {names} FROM "{table.name}" ORDER BY {", ".join(keys)}')  # noqa: S608 - our own names
        self.row: Row | None = None
        self.key: Row = ()

    def same_part(self, other: "_Rows") -> int:
        """How many rows, read at once, begin here and are the same on both sides; 0: they are to be looked at one by one."""
        return len(self.part) if self.place == other.place == 1 and self.part == other.part else 0

    async def skip_part(self) -> None:
        """Go behind the rows that were read at once."""
        self.place = len(self.part)
        await self.next()

    async def next(self) -> None:
        """Go to the next row; `row` is `None` behind the last."""
        if self._parts is None:
            self._parts = (await self._connection.stream(self._sql)).partitions(_PART)
        if self.place == len(self.part):
            self.part, self.place = [tuple(row) for row in await anext(self._parts, None) or ()], 0
        if self.part:
            self.row = self.part[self.place]
            self.place += 1
            self.key = tuple(
                self.row[place].encode() if isinstance(self.row[place], str) else self.row[place] for place in self._places
            )
        else:
            self.row, self.key = None, ()
