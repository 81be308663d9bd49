"""CSV as programs and people write it: separated by commas, semicolons, tabs or bars, in the encodings of Windows."""

import csv
from collections.abc import Iterator
from io import StringIO
from typing import Final

from tracking_service import charset
from tracking_service.errors import FileRefusedError
from tracking_service.lists.table import MAX_CELL, MAX_COLUMNS, MAX_ROWS, Row, Table

_SEPARATORS: Final = (",", ";", "\t", "|")
#: So many lines are looked at to tell the separator.
_SAMPLE: Final = 20
_LONGEST: Final = 1_000_000


def read(data: bytes, name: str, *, encoding: str | None = None, separator: str | None = None) -> Table:
    """Read the rows of a file. Raises `FileRefusedError`: file, row, and what is wrong."""
    decoded = charset.decode(data, name, encoding)
    text = decoded.text.removeprefix("\ufeff")
    remarks = (
        [f"nothing says how the file is encoded; read as {decoded.encoding} (another can be said)"] if decoded.guessed else []
    )
    first, _, rest = text.partition("\n")
    first = first.rstrip("\r\n")
    if first.lower().startswith("sep=") and len(first) == 5:  # Excel's own way to say it
        separator = separator or first[4]
        text = "\n" + rest
    separator = separator or _separator(text)
    rows: list[Row] = []
    reader = csv.reader(_lines(text, name), delimiter=separator, strict=True)
    try:
        for fields in reader:
            row = Row(reader.line_num, fields)
            if row.blank:
                continue
            if len(fields) > MAX_COLUMNS:
                raise FileRefusedError(f"{name}: row {row.number}: {len(fields)} columns, at most {MAX_COLUMNS} are read")
            if any(len(field) > MAX_CELL for field in fields):
                raise FileRefusedError(f"{name}: row {row.number}: a cell of more than {MAX_CELL} characters; a quote is open")
            if len(rows) == MAX_ROWS:
                raise FileRefusedError(f"{name}: row {row.number}: more than {MAX_ROWS} rows; split the list")
            rows.append(row)
    except csv.Error as error:
        raise FileRefusedError(
            f"{name}: row {reader.line_num}: {error}; check the quotes and the separator '{separator}'"
        ) from None
    return Table(rows, remarks)


def _lines(text: str, name: str) -> Iterator[str]:
    for number, line in enumerate(StringIO(text, newline=""), 1):
        if len(line) > _LONGEST:
            raise FileRefusedError(f"{name}: row {number}: more than {_LONGEST} characters; this is no list")
        yield line


def _separator(text: str) -> str:
    """What stands outside of quotes, most evenly, in the first lines."""
    lines: list[str] = []
    for line in StringIO(text[:_LONGEST]):
        if line.strip():
            lines.append(line)
        if len(lines) == _SAMPLE:
            break
    return max(_SEPARATORS, key=lambda separator: _evenness(lines, separator))


def _evenness(lines: list[str], separator: str) -> tuple[int, int]:
    try:
        widths = [len(fields) for fields in csv.reader(lines, delimiter=separator)]
    except csv.Error:
        return 0, 0
    most = max(set(widths), key=lambda width: (widths.count(width), width), default=0)
    return (widths.count(most) * (most > 1), most)
