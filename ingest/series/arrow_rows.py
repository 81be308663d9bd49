"""Rows of Python values as Arrow tables, the form in which DuckDB takes them fast."""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (pyarrow has no types; this is the one module that meets it)

from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, Self, cast

import pyarrow as pa

from ingest.series.columns import Columns, Shape
from ingest.series.duckdb_catalog import Kind

KINDS: Final[Mapping[type, Kind]] = {float: "n", int: "n", bool: "b", str: "t"}
_ARROW: Final[Mapping[Kind, Any]] = {"n": pa.float64(), "b": pa.bool_(), "t": pa.string()}


class ArrowTable(Protocol):
    """What is used of a `pyarrow.Table`."""

    @property
    def column_names(self) -> list[str]:
        """The names, in order."""
        ...

    def rename_columns(self, names: Sequence[str]) -> Self:
        """The table with other names."""
        ...

    def append_column(self, field_: str, column: Any, /) -> Self:
        """The table with one more column at its end."""
        ...


def keys(series: Sequence[int], times: Sequence[int]) -> ArrowTable:
    """A table of `series` and `at_ns`."""
    return cast("ArrowTable", pa.table({"series": pa.array(series, pa.int32()), "at_ns": pa.array(times, pa.int64())}))


def places(numbers: Sequence[int]) -> Any:
    """A column of positions in a batch."""
    return pa.array(list(numbers), pa.int32())


def by_measurement(rows_by_shape: Mapping[Shape, list[tuple[Any, ...]]]) -> dict[str, ArrowTable]:
    """One table a measurement: `series`, `at_ns`, and a column per field and kind, named `<kind><field>`."""
    tables: defaultdict[str, list[Any]] = defaultdict(list)
    for (measurement, names), rows in rows_by_shape.items():
        series, times, *values = zip(*rows, strict=True)
        columns: dict[str, Any] = {"series": pa.array(series, pa.int32()), "at_ns": pa.array(times, pa.int64())}
        for name, column in zip(names, values, strict=True):
            kinds: set[Kind] = {KINDS[kind] for kind in set(map(type, column))}
            for kind in kinds:
                cells = column if len(kinds) == 1 else [cell if KINDS[type(cell)] == kind else None for cell in column]
                columns[kind + name] = pa.array(cells, _ARROW[kind])
        tables[measurement].append(pa.table(columns))
    return _joined(tables)


def of_columns(shapes: Iterable[Columns]) -> dict[str, ArrowTable]:
    """The same of columns, which are not copied: they must stay as they are while the tables live."""
    tables: defaultdict[str, list[Any]] = defaultdict(list)
    for columns in shapes:
        measurement, names = columns.shape
        arrays = {"series": _lent(pa.int32(), columns.series), "at_ns": _lent(pa.int64(), columns.times)}
        arrays |= {f"n{name}": _lent(pa.float64(), column) for name, column in zip(names, columns.values, strict=True)}
        tables[measurement].append(pa.table(arrays))
    return _joined(tables)


def _lent(kind: Any, numbers: "array[int] | array[float]") -> Any:
    return pa.Array.from_buffers(kind, len(numbers), [None, pa.py_buffer(numbers)])


def _joined(tables: Mapping[str, list[Any]]) -> dict[str, ArrowTable]:
    return {
        name: parts[0] if len(parts) == 1 else pa.concat_tables(parts, promote_options="default")
        for name, parts in tables.items()
    }


def field_of(column: str) -> tuple[str, Kind]:
    """Field and kind that a column of `by_measurement` holds."""
    return column[1:], cast("Kind", column[0])
