"""A table of a CSV file or a workbook: rows with the numbers that people see beside them."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final, NamedTuple

#: Rows and columns that are read at most, and characters of a cell (Excel's own bound).
MAX_ROWS: Final = 50_000
MAX_COLUMNS: Final = 200
MAX_CELL: Final = 32_767
#: A spreadsheet keeps so many digits of a number.
_DIGITS: Final = 15


class Number(str):
    """A number as a workbook keeps it."""

    __slots__ = ()
    from_1904 = False
    """Where it is a date, it counts days from 1904-01-01."""


class NumberFrom1904(Number):
    """A number of a workbook whose days count from 1904-01-01, as they did on the Macintosh."""

    __slots__ = ()
    from_1904 = True


class Trouble(str):
    """A cell without a value, and why: an error of a formula, a formula that was never calculated."""

    __slots__ = ()


Cell = str | Number | Trouble | datetime | bool | None


class Row(NamedTuple):
    """A row: its number in the file, its cells from the first column on."""

    number: int
    cells: Sequence[Cell]

    def at(self, column: int) -> Cell:
        """A cell; nothing where the row is shorter."""
        return self.cells[column] if column < len(self.cells) else None

    @property
    def blank(self) -> bool:
        """Whether nothing stands in it."""
        return all(cell is None or (isinstance(cell, str) and not cell.strip()) for cell in self.cells)


class Table(NamedTuple):
    """The rows of a file, blank ones left out."""

    rows: Sequence[Row]
    remarks: Sequence[str] = ()


def text_of(cell: Cell) -> str:
    """A cell as people read it. Raises `ValueError` for one that has no value, or lost digits of it."""
    match cell:
        case None:
            return ""
        case Trouble():
            raise ValueError(str(cell))
        case Number():
            return plain(cell)
        case bool():
            return "yes" if cell else "no"
        case datetime():
            return (
                cell.isoformat(sep=" ", timespec="minutes")
                if cell.time().isoformat() != "00:00:00"
                else cell.date().isoformat()
            )
        case str():
            return " ".join(cell.split())


def plain(number: str) -> str:
    """A workbook's number in plain digits: `4006381333931`, `0.3`. Raises `ValueError` where it cannot be exact."""
    try:
        value = Decimal(number)
    except InvalidOperation:
        raise ValueError("is no number") from None
    if not value.is_finite() or abs(value.adjusted()) > 300:
        raise ValueError("is no number")
    if value == value.to_integral_value():
        digits = format(value.quantize(Decimal(1)) if value.adjusted() < 28 else value.to_integral_value(), "f")
        if len(digits.lstrip("-")) > _DIGITS:
            raise ValueError(
                f"has {len(digits.lstrip('-'))} digits, of which a spreadsheet keeps {_DIGITS}; format the column as text and enter it again"
            )
        return digits
    rounded = format(value, f".{_DIGITS}g")
    return format(Decimal(rounded).normalize(), "f")
