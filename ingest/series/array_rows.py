"""Rows of Python values as columns of NumPy, the form in which DuckDB takes them fast.

No number that comes here is NaN: in a column of numbers it says that there is none, and DuckDB reads it as NULL.
"""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from ingest.series.columns import Columns, Shape
from ingest.series.duckdb_catalog import Kind

KINDS: Final[Mapping[type, Kind]] = {float: "n", int: "n", bool: "b", str: "t"}
_STORED: Final[Mapping[Kind, type[Any]]] = {"n": np.float64, "b": object, "t": object}

Batch = dict[str, NDArray[Any]]
"""Columns by name, all of one length."""


def keys(series: Sequence[int], times: Sequence[int]) -> Batch:
    """`series` and `at_ns`."""
    return {"series": np.array(series, np.int32), "at_ns": np.array(times, np.int64)}


def places(numbers: Sequence[int]) -> NDArray[Any]:
    """A column of positions in a batch."""
    return np.array(numbers, np.int32)


def by_measurement(rows_by_shape: Mapping[Shape, list[tuple[Any, ...]]]) -> dict[str, Batch]:
    """One batch a measurement: `series`, `at_ns`, and a column per field and kind, named `<kind><field>`."""
    batches: defaultdict[str, list[Batch]] = defaultdict(list)
    for (measurement, names), rows in rows_by_shape.items():
        series, times, *values = zip(*rows, strict=True)
        columns = keys(series, times)
        for name, column in zip(names, values, strict=True):
            kinds: set[Kind] = {KINDS[kind] for kind in set(map(type, column))}
            for kind in kinds:
                cells = column if len(kinds) == 1 else [cell if KINDS[type(cell)] == kind else None for cell in column]
                columns[kind + name] = np.array(cells, _STORED[kind])
        batches[measurement].append(columns)
    return _joined(batches)


def of_columns(shapes: Iterable[Columns]) -> dict[str, Batch]:
    """The same of columns, which are not copied: they must stay as they are while the batches live."""
    batches: defaultdict[str, list[Batch]] = defaultdict(list)
    for columns in shapes:
        measurement, names = columns.shape
        lent = {"series": _lent(np.int32, columns.series), "at_ns": _lent(np.int64, columns.times)}
        lent |= {f"n{name}": _lent(np.float64, column) for name, column in zip(names, columns.values, strict=True)}
        batches[measurement].append(lent)
    return _joined(batches)


def _lent(stored: type[Any], numbers: "array[int] | array[float]") -> NDArray[Any]:
    return np.frombuffer(numbers, stored)


def _joined(batches: Mapping[str, list[Batch]]) -> dict[str, Batch]:
    return {name: parts[0] if len(parts) == 1 else _one(parts) for name, parts in batches.items()}


def _one(parts: Sequence[Batch]) -> Batch:
    """Batches one behind the other; a part says nothing in columns that only others have."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: np.concatenate([part[name] if name in part else _nothing(name, part) for part in parts]) for name in names}


def _nothing(column: str, batch: Batch) -> NDArray[Any]:
    _, kind = field_of(column)
    return np.array([None] * len(batch["series"]), _STORED[kind])


def field_of(column: str) -> tuple[str, Kind]:
    """Field and kind that a column of `by_measurement` holds."""
    return column[1:], cast("Kind", column[0])
