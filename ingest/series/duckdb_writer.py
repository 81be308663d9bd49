"""Rows into the DuckDB file: new ones appended, known ones merged, all in one transaction a batch.

A row newer than everything its series holds is appended without a look (devices count their time upwards, also when a
gateway catches up). Any other may be a repetition: it is compared with the file, left alone where it is equal, merged
field by field where it is not. So a table never holds a point twice, and reading needs no second thought.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from duckdb import DuckDBPyConnection

from ingest.series.arrow_rows import KINDS, ArrowTable, Shape, by_measurement, field_of, keys
from ingest.series.duckdb_catalog import Catalog, Kind, Table
from ingest.series.limits import EARLIEST, LATEST, RefusedError, check_exact, check_finite, check_text, check_time
from plumbline.series import FieldValue, Point, RefusedPoint

Key = tuple[int, int]
"""Series and time: what makes a row one row."""
Rows = dict[Key, dict[str, FieldValue]]


class Writer:
    """The one writer of a file; used by one thread.

    After an error, close the connection and begin anew: a transaction may be open, and the catalogue knows more than was
    stored.
    """

    def __init__(self, connection: DuckDBPyConnection, catalog: Catalog, *, compact_after: int) -> None:
        self._connection = connection
        self._catalog = catalog
        self._compact_after = compact_after
        self._shapes: set[Shape] = set()
        self._replaced: defaultdict[str, int] = defaultdict(int)

    def write(self, points: Sequence[Point]) -> list[RefusedPoint]:
        """Store the points and return those refused. On any error nothing of the batch is stored."""
        fresh: defaultdict[Shape, list[tuple[Any, ...]]] = defaultdict(list)
        late: defaultdict[str, Rows] = defaultdict(dict)
        refused: list[RefusedPoint] = []
        number_of, newest = self._catalog.series, self._catalog.newest
        for point in points:
            measurement, fields, at = point.measurement, point.fields, point.at
            try:
                if not EARLIEST <= at <= LATEST:
                    check_time(at)
                shape = (measurement, tuple(fields))
                if shape not in self._shapes:
                    self._note_shape(shape)
                for value in fields.values():
                    if type(value) is not float or value - value != 0.0:
                        _check_value(fields)
                        break
                series = number_of(measurement, point.tags)
            except RefusedError as error:
                refused.append(RefusedPoint(point, str(error)))
                continue
            if at > newest[series]:
                newest[series] = at
                fresh[shape].append((series, at, *fields.values()))
            else:
                late[measurement].setdefault((series, at), {}).update(fields)
        if fresh or late:
            self._store(by_measurement(fresh), late)
        return refused

    def _note_shape(self, shape: Shape) -> None:
        measurement, names = shape
        if not names:
            raise RefusedError("the point has no fields; a point says at least one")
        self._catalog.check_fields(measurement, names)
        if len(self._shapes) >= 10_000:
            self._shapes.clear()
        self._shapes.add(shape)

    def _store(self, fresh: Mapping[str, ArrowTable], late: Mapping[str, Rows]) -> None:
        wanted: defaultdict[str, set[tuple[str, Kind]]] = defaultdict(set)
        for measurement, table in fresh.items():
            wanted[measurement] |= {field_of(column) for column in table.column_names[2:]}
        for measurement, rows in late.items():
            wanted[measurement] |= {(name, KINDS[type(value)]) for row in rows.values() for name, value in row.items()}
        self._catalog.commit(wanted)
        self._connection.execute("BEGIN")
        for measurement, rows in fresh.items():
            self._append(self._catalog.tables[measurement], rows)
        for measurement, rows in late.items():
            self._merge(measurement, rows)
        self._connection.execute("COMMIT")

    def _append(self, table: Table, rows: ArrowTable) -> None:
        columns = ["series", "at_ns", *(table.columns[field_of(column)] for column in rows.column_names[2:])]
        self._connection.register("batch", rows.rename_columns(columns))
        try:
            self._connection.execute(f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT * FROM batch")  # noqa: S608 - ours
        finally:
            self._connection.unregister("batch")

    def _merge(self, measurement: str, late: Rows) -> None:
        """Write the rows that differ from what the file holds, with the fields that only the file knows."""
        table = self._catalog.tables[measurement]
        known = self._find(table, late)
        changed: Rows = {}
        for key, fields in late.items():
            before = known.get(key, {})
            after = before | fields
            if not _same(before, after):
                changed[key] = after
        if not changed:
            return
        stale = [key for key in changed if key in known]
        if stale:
            self._with_keys(stale, f"DELETE FROM {table.name} USING keys WHERE {_matches(table)}")  # noqa: S608 - m<number>
            self._replaced[measurement] += len(stale)
        by_shape: defaultdict[Shape, list[tuple[Any, ...]]] = defaultdict(list)
        for (series, at), fields in changed.items():
            by_shape[measurement, tuple(fields)].append((series, at, *fields.values()))
        for rows in by_measurement(by_shape).values():
            self._append(table, rows)

    def _find(self, table: Table, late: Rows) -> Rows:
        fields = list(table.columns.items())
        columns = "".join(f", {column}" for _, column in fields)
        rows = self._with_keys(
            list(late),
            f"SELECT {table.name}.series, {table.name}.at_ns{columns} FROM {table.name}, keys WHERE {_matches(table)}",  # noqa: S608 - ours
        )
        return {
            (series, at): {name: value for ((name, _), _), value in zip(fields, values, strict=True) if value is not None}
            for series, at, *values in rows
        }

    def _with_keys(self, wanted: Sequence[Key], statement: str) -> list[tuple[Any, ...]]:
        """Run a statement that joins the table `keys`, told between which times to look: whole row groups are passed over."""
        series, times = zip(*wanted, strict=True)
        self._connection.register("keys", keys(series, times))
        try:
            return self._connection.execute(statement, [min(times), max(times)]).fetchall()
        finally:
            self._connection.unregister("keys")

    @property
    def worth_compacting(self) -> bool:
        """Whether `compact` has something to do."""
        return any(count >= self._compact_after for count in self._replaced.values())

    def compact(self) -> list[str]:
        """Rewrite in order of time the tables in which many rows were replaced; returns the measurements.

        The next checkpoint, which DuckDB makes by itself, gives the room of the old rows to new ones.
        """
        done = [name for name, count in self._replaced.items() if count >= self._compact_after]
        for measurement in done:
            table = self._catalog.tables[measurement].name
            self._connection.execute("BEGIN")
            self._connection.execute(f"CREATE TABLE compacted AS SELECT * FROM {table} ORDER BY at_ns")  # noqa: S608 - m<number>
            self._connection.execute(f"DROP TABLE {table}")
            self._connection.execute(f"ALTER TABLE compacted RENAME TO {table}")
            self._connection.execute("COMMIT")
            del self._replaced[measurement]
        return done


def _matches(table: Table) -> str:
    name = table.name
    return f"{name}.series = keys.series AND {name}.at_ns = keys.at_ns AND {name}.at_ns BETWEEN ? AND ?"


def _same(before: Mapping[str, FieldValue], after: Mapping[str, FieldValue]) -> bool:
    """Equal in value and kind: to Python, `True == 1.0`."""
    return before == after and all(KINDS[type(before[name])] == KINDS[type(value)] for name, value in after.items())


def _check_value(fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        kind: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType] - what a hostile caller puts there is unknown indeed
        if kind is float:
            check_finite(name, value)
        elif kind is int:
            check_exact(name, value)
        elif kind is str:
            if not value.isascii():
                check_text(value, f"the text of field {name[:80]!r}")
        elif kind is not bool:
            raise RefusedError(f"field {name[:80]!r} is of type {kind.__name__}; a field is a number, a truth value or text")
