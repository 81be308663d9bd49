"""The rows of a list, field by field; all that is wrong in them is told at once, with row, column and reason."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, TypeVar

from plumbline.text import visible
from tracking_service.errors import FileRefusedError
from tracking_service.lists.dates import Order, is_serial, order_of, time_of
from tracking_service.lists.mapping import Layout, ListMapping
from tracking_service.lists.table import MAX_COLUMNS, Cell, Number, Row, text_of
from tracking_service.lists.values import Sign, sign_of
from tracking_service.schedules.schedule import Remarks

T = TypeVar("T")

#: So many mistakes are told; more help nobody.
_TOLD: Final = 20


class Cells:
    """A list's cells, and the mistakes found in them so far."""

    def __init__(self, layout: Layout, mapping: ListMapping, name: str) -> None:
        self.layout = layout
        self.mapping = mapping
        self._name = name
        self._mistakes: list[str] = []
        self._count = 0
        self._wrong: set[int] = set()
        self._signs: dict[str, Sign | None] = {}
        self._orders: dict[str, Order | None] = {}
        self.remarks = Remarks()
        """What was understood of a cell that does not say it."""

    def rows(self) -> Iterator[Row]:
        """The rows under the headings; where these stand again, as on every page of a print, they are passed over."""
        for row in self.layout.rows:
            if self._is_headings(row):
                self.remarks.add("the headings stand there again", f"row {row.number}")
            else:
                yield row

    def has(self, field: str) -> bool:
        """Whether the list says anything of a field."""
        return field in self.layout.columns or field in self.mapping.defaults

    def get(self, row: Row, field: str, convert: Callable[[Cell], T]) -> T | None:
        """A field of a row: its cell, or what the mapping says for it; nothing after a mistake, which is noted."""
        column = self.layout.columns.get(field)
        cell = row.at(column) if column is not None else None
        try:
            text = text_of(cell)
            meant = self.mapping.values.get(field, {})
            if text in meant:
                cell = meant[text]
            elif not text:
                cell = self.mapping.defaults.get(field)
            return convert(cell)
        except ValueError as error:
            self.mistake(row, field, str(error))
            return None

    def decimal(self, field: str) -> Sign | None:
        """What stands before the decimals in a column: as the mapping says, else as its numbers show."""
        if self.mapping.decimal is not None:
            return self.mapping.decimal
        if field not in self._signs:
            self._signs[field] = sign_of(self._texts(field))
        return self._signs[field]

    def time(self, row: Row, field: str) -> tuple[datetime, bool] | None:
        """A time of a row, and whether it is a day only; nothing after a mistake, which is noted."""
        if field not in self._orders:
            said = self.mapping.dates if "dates" in self.mapping.model_fields_set else None
            self._orders[field] = said or order_of(self._texts(field))

        def converted(cell: Cell) -> tuple[datetime, bool] | None:
            if is_serial(cell):
                self.remarks.add("a number in a column of dates is a spreadsheet's count of days", f"row {row.number}, {field}")
            return time_of(cell, self._orders[field])

        return self.get(row, field, converted)

    def _texts(self, field: str) -> Iterator[str]:
        column = self.layout.columns.get(field, MAX_COLUMNS)
        cells = (row.at(column) for row in self.layout.rows)
        return (cell for cell in cells if isinstance(cell, str) and not isinstance(cell, Number))

    def _is_headings(self, row: Row) -> bool:
        """Whether at least two cells have their headings in them, and no other has a value."""
        told = {name: row.at(column) for name, column in self.layout.columns.items()}
        texts = {name: " ".join(cell.split()) for name, cell in told.items() if isinstance(cell, str)}
        same = [name for name, text in texts.items() if text == self.layout.heading(name)]
        others = [cell for name, cell in told.items() if name not in same and cell is not None]
        return len(same) > 1 and all(isinstance(cell, str) and not any(map(str.isdigit, cell)) for cell in others)

    def mistake(self, row: Row, field: str, why: str) -> None:
        """Note what is wrong with a field of a row."""
        self._count += 1
        self._wrong.add(row.number)
        if len(self._mistakes) < _TOLD:
            column = self.layout.columns.get(field)
            cell = row.at(column) if column is not None else None
            shown = f" '{visible(str(cell), 40)}'" if cell is not None else ""
            self._mistakes.append(f"row {row.number}, {self.layout.heading(field)}:{shown} {why}")

    def wrong(self, row: Row) -> bool:
        """Whether a mistake was found in a row."""
        return row.number in self._wrong

    def check(self) -> None:
        """Raise `FileRefusedError` with all mistakes, where there are any."""
        if self._mistakes:
            more = f"; and {self._count - len(self._mistakes)} more" if self._count > len(self._mistakes) else ""
            raise FileRefusedError(f"{self._name}: {'; '.join(self._mistakes)}{more}")
