"""What DuckDB reads of the batches is what was put into the rows, in kind and value."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.series.array_rows import by_measurement, field_of

NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = NUMBERS | st.booleans() | TEXTS | st.sampled_from(["", "1", "true", "NaN", "NULL", "None"])
ROWS = st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1), min_size=1, max_size=40)


def read(rows):
    """What DuckDB sees of rows of fields, each as a dictionary of those columns that are filled."""
    by_shape = {}
    for at, fields in enumerate(rows):
        by_shape.setdefault(("m", tuple(fields)), []).append((7, at, *fields.values()))
    [batch] = by_measurement(by_shape).values()
    with duckdb.connect() as connection:
        connection.register("batch", batch)
        found = connection.execute("SELECT * FROM batch ORDER BY at_ns").fetchall()
    columns = list(batch)[2:]
    assert [row[:2] for row in found] == [(7, at) for at in range(len(rows))]
    return [{field_of(name): value for name, value in zip(columns, row[2:], strict=True) if value is not None} for row in found]


@settings(deadline=None)
@given(ROWS)
def test_each_value_comes_back_in_the_column_of_its_kind_and_no_other_is_filled(rows):
    kinds = {int: "n", float: "n", bool: "b", str: "t"}
    assert read(rows) == [{(name, kinds[type(value)]): value for name, value in row.items()} for row in rows]


@pytest.mark.parametrize("value", [1.5, True, "running"])
def test_a_column_that_is_filled_in_the_last_of_many_rows_only_keeps_it(value):
    [*before, last] = read([{"a": 0.0}] * 20_000 + [{"a": 0.0, "b": value}])
    assert all(row.keys() == {("a", "n")} for row in before)
    assert last.pop(("a", "n")) == 0.0
    assert list(last.values()) == [value]
