"""The tables of a Primavera XER file: `%T` names one, `%F` its columns, `%R` is a row, `%E` the end; parts are kept by tabs."""

from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from typing import Final, NamedTuple

from tracking_service.errors import FileRefusedError

#: The tables a schedule is made of; any other is passed over.
READ: Final = frozenset({"PROJECT", "PROJWBS", "TASK", "TASKPRED", "CALENDAR", "SCHEDOPTIONS"})
_MAX_ROWS: Final = 500_000
_MAX_COLUMNS: Final = 500
#: The longest row, in characters: a calendar with the holidays of decades.
_MAX_ROW: Final = 1_000_000


class Row(NamedTuple):
    """A row: its line in the file, its fields by column name."""

    line: int
    fields: Mapping[str, str]

    def get(self, column: str) -> str:
        """A field, or nothing where the file's version has no such column; P6 writes a quote twice."""
        return self.fields.get(column, "").strip().replace('""', '"')


class Tables(NamedTuple):
    """What stands in a file."""

    version: str
    rows: Mapping[str, Sequence[Row]]


def read(text: str, name: str) -> Tables:
    """Read the tables. Raises `FileRefusedError`: file, line, what is wrong."""
    lines = _logical(text, name)
    _number, first = next(lines, (1, ""))
    header = first.split("\t")
    if header[0] != "ERMHDR":
        raise FileRefusedError(f"{name}: line 1: a Primavera XER file begins with ERMHDR; export it from P6 as XER again")
    version = header[1].strip() if len(header) > 1 else ""
    rows: dict[str, list[Row]] = {}
    table, mark, number = "", "", 1
    columns: list[str] = []
    count = 0
    for number, line in lines:
        mark, _, rest = line.partition("\t")
        mark = mark.rstrip()
        if mark == "%T":
            table, columns = rest.strip().upper(), []
            if table in READ:
                rows.setdefault(table, [])
        elif mark == "%F":
            columns = _columns(rest, name, number)
        elif mark == "%R" and table in READ:
            count += 1
            if count > _MAX_ROWS:
                raise FileRefusedError(f"{name}: line {number}: more than {_MAX_ROWS} rows; export fewer projects")
            rows[table].append(_row(rest, columns, table, name, number))
        elif mark == "%E":
            return Tables(version, rows)
        elif mark != "%R":
            raise FileRefusedError(f"{name}: line {number}: '{mark[:20]}' is none of %T, %F, %R, %E; export the file again")
    raise FileRefusedError(f"{name}: line {number}: the file ends without %E: it is cut off; export it again")


def _columns(rest: str, name: str, number: int) -> list[str]:
    columns = [column.strip().lower() for column in rest.split("\t")]
    if len(columns) > _MAX_COLUMNS:
        raise FileRefusedError(f"{name}: line {number}: {len(columns)} columns; this is no XER file")
    return columns


def _logical(text: str, name: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers; what does not begin with a mark goes on with the line before it, as notes do."""
    begun, parts, length = 1, list[str](), 0
    for number, ended in enumerate(StringIO(text, newline=None), 1):
        line = ended.rstrip("\n")
        if (line.startswith("%") or number == 1) and parts:
            yield begun, "\n".join(parts)
            begun, parts, length = number, [], 0
        if line.startswith("%E"):
            yield number, "%E"  # what stands behind it is none of the file's: the end mark of old systems, mail footers
            return
        if line.strip() or number == 1:
            length += len(line)
            if length > _MAX_ROW:
                raise FileRefusedError(f"{name}: line {number}: a row of more than {_MAX_ROW} characters; this is no XER file")
            parts.append(line)
    if parts:
        yield begun, "\n".join(parts)


def _row(rest: str, columns: Sequence[str], table: str, name: str, number: int) -> Row:
    if not columns:
        raise FileRefusedError(f"{name}: line {number}: a row of table {table} before its columns (%F); export the file again")
    fields = rest.split("\t")
    if len(fields) > len(columns) and any(field.strip() for field in fields[len(columns) :]):
        raise FileRefusedError(
            f"{name}: line {number}: table {table} has {len(columns)} columns, this row {len(fields)}; export the file again"
        )
    return Row(number, dict(zip(columns, fields, strict=False)))
