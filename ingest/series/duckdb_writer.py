"""Rows into the DuckDB file: new ones appended, known ones merged, all in one transaction a batch.

A row newer than everything its series holds is appended without a look (devices count their time upwards, also when a
gateway catches up). Any other may be a repetition: it is compared with the file, left alone where it is equal, merged
field by field where it is not. So a table never holds a point twice, and reading needs no second thought.
"""

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from duckdb import DuckDBPyConnection

from ingest.series.array_rows import KINDS, Batch, by_measurement, field_of, keys, of_columns, places
from ingest.series.columns import Columns, Shape, columns_of
from ingest.series.duckdb_catalog import Catalog, Kind, Table
from ingest.series.known_tags import KnownTags
from ingest.series.limits import EARLIEST, LATEST, RefusedError, check_exact, check_finite, check_text, check_time
from ingest.series.vouched import vouched
from plumbline.series import FieldValue, Point, RefusedPoint

_MOST_TAGS: Final = 50_000
_KEYS: Final = ("series", "at_ns")  # no field's column is called so: theirs begin with a kind

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
        self._known = KnownTags(catalog.series, most=_MOST_TAGS)
        self._replaced: defaultdict[str, int] = defaultdict(int)

    def write(self, points: Sequence[Point]) -> list[RefusedPoint]:
        """Store the points and return those refused. On any error nothing of the batch is stored."""
        measured, others = vouched(points)
        if measured:
            with contextlib.suppress(RefusedError):
                columns = columns_of(measured, self._known.of, self._note_shape)
                if columns is not None:
                    return self._write(others, columns)
        return self._write(points, [])

    def _write(self, points: Sequence[Point], columns: list[Columns]) -> list[RefusedPoint]:
        """Store points that are looked at one by one, and columns of others, which share no series with them."""
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
        new, old = self._split(columns)
        if fresh or late or columns:
            self._store(by_measurement(fresh) | of_columns(new), late, old)
        return refused

    def _split(self, columns: list[Columns]) -> tuple[list[Columns], list[Columns]]:
        """Columns of what is newer than all that its series holds, and of the rest."""
        newest = self._catalog.newest
        size = sum(map(len, columns))
        is_new = [True] * size
        for place, series, at in _in_order(columns):
            if at > newest[series]:
                newest[series] = at
            else:
                is_new[place] = False
        if all(is_new):
            return columns, []
        is_old = [not new for new in is_new]
        split = [[part for part in (every.chosen(which) for every in columns) if len(part)] for which in (is_new, is_old)]
        return split[0], split[1]

    def _note_shape(self, shape: Shape) -> None:
        measurement, names = shape
        if not names:
            raise RefusedError("the point has no fields; a point says at least one")
        self._catalog.check_fields(measurement, names)
        if len(self._shapes) >= 10_000:
            self._shapes.clear()
        self._shapes.add(shape)

    def _store(self, fresh: Mapping[str, Batch], late: Mapping[str, Rows], old: Sequence[Columns]) -> None:
        wanted: defaultdict[str, set[tuple[str, Kind]]] = defaultdict(set)
        for measurement, batch in fresh.items():
            wanted[measurement] |= set(_fields(batch))
        for measurement, rows in late.items():
            wanted[measurement] |= {(name, KINDS[type(value)]) for row in rows.values() for name, value in row.items()}
        for columns in old:
            wanted[columns.shape[0]] |= {(name, "n") for name in columns.shape[1]}
        self._catalog.commit(wanted)
        self._connection.execute("BEGIN")
        for measurement, rows in fresh.items():
            self._append(self._catalog.tables[measurement], rows)
        for measurement, rows in (*late.items(), *self._unlike(old).items()):
            self._merge(measurement, rows)
        self._connection.execute("COMMIT")

    def _unlike(self, old: Sequence[Columns]) -> dict[str, Rows]:
        """The rows that say something else than the file, in their order."""
        rows: defaultdict[str, Rows] = defaultdict(dict)
        if len({key for columns in old for key in zip(columns.series, columns.times, strict=True)}) == sum(map(len, old)):
            old = [part for part in map(self._differing, old) if len(part)]
        # Where a batch says a point twice, which word is the last is seen by looking at all of them.
        by_place = {place: (columns, index) for columns in old for index, place in enumerate(columns.places)}
        for _, (columns, index) in sorted(by_place.items()):
            measurement, names = columns.shape
            fields = dict(zip(names, (column[index] for column in columns.values), strict=True))
            rows[measurement].setdefault((columns.series[index], columns.times[index]), {}).update(fields)
        return rows

    def _differing(self, columns: Columns) -> Columns:
        """Of rows that are all different points, those that the file does not hold just so."""
        table = self._catalog.tables[columns.shape[0]]
        (batch,) = of_columns([columns]).values()
        fields = [table.columns[field] for field in _fields(batch)]
        batch = _named(batch, table) | {"place": places(columns.places)}
        unlike = "".join(f" OR held.{column} IS DISTINCT FROM keys.{column}" for column in fields)
        found = self._joined(
            batch,
            (min(columns.times), max(columns.times)),
            f"SELECT keys.place FROM keys LEFT JOIN (SELECT * FROM {table.name} WHERE at_ns BETWEEN ? AND ?) held"  # noqa: S608 - ours
            f" ON held.series = keys.series AND held.at_ns = keys.at_ns WHERE held.series IS NULL{unlike}",
        )
        wanted = {place for (place,) in found}
        return columns.where([place in wanted for place in columns.places])

    def _append(self, table: Table, rows: Batch) -> None:
        batch = _named(rows, table)
        self._connection.register("batch", batch)
        try:
            self._connection.execute(f"INSERT INTO {table.name} ({', '.join(batch)}) SELECT * FROM batch")  # noqa: S608 - ours
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
        series, times = zip(*wanted, strict=True)
        return self._joined(keys(series, times), (min(times), max(times)), statement)

    def _joined(self, batch: Batch, between: tuple[int, int], statement: str) -> list[tuple[Any, ...]]:
        """Run a statement that joins the table `keys`, told between which times to look: whole row groups are passed over."""
        self._connection.register("keys", batch)
        try:
            return self._connection.execute(statement, list(between)).fetchall()
        finally:
            self._connection.unregister("keys")

    def forget(self, measurement: str, before: int) -> None:
        """Delete the rows that are older.

        Rows lie nearly in order of time, so whole row groups go with them: the next checkpoint gives their room to new rows,
        and rewriting the rest would only cost more.
        """
        if (table := self._catalog.tables.get(measurement)) is not None:
            self._connection.execute(f"DELETE FROM {table.name} WHERE at_ns < ?", [before])  # noqa: S608 - m<number>

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


def _in_order(columns: Sequence[Columns]) -> Iterable[tuple[int, int, int]]:
    """Place, series and time of each point, in the order of the batch."""
    said = [zip(every.places, every.series, every.times, strict=True) for every in columns]
    return said[0] if len(said) == 1 else sorted(chain.from_iterable(said))


def _fields(batch: Batch) -> list[tuple[str, Kind]]:
    return [field_of(column) for column in batch if column not in _KEYS]


def _named(batch: Batch, table: Table) -> Batch:
    """The batch with the names that its columns have in the table."""
    return {column if column in _KEYS else table.columns[field_of(column)]: cells for column, cells in batch.items()}


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
