"""How measurements, tags and fields of any name lie in DuckDB tables: names are data, never SQL.

A measurement is a table `m<number>` with `series` (a number for the tag set), `at_ns` and a column per field and kind of
value: `n<number>` numbers, `b<number>` truth values, `t<number>` texts. A field that says 3 today and "n/a" tomorrow has two
columns, at most one of them filled in a row.
"""

import json
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from duckdb import DuckDBPyConnection

from ingest.series.limits import RefusedError, check_key, check_measurement, check_name, check_portable
from plumbline.rollup import STATISTICS, is_rolled

Kind = Literal["n", "b", "t"]
"""Number, truth value, text."""

SQL_TYPES: Final[Mapping[Kind, str]] = {"n": "DOUBLE", "b": "BOOLEAN", "t": "VARCHAR"}

_LAYOUT: Final = """
CREATE TABLE IF NOT EXISTS measurement (id INTEGER NOT NULL, name VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS field (measurement INTEGER NOT NULL, name VARCHAR NOT NULL, kind VARCHAR NOT NULL, col VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS series (
    id INTEGER NOT NULL, measurement INTEGER NOT NULL, tags VARCHAR NOT NULL,
    site VARCHAR, device VARCHAR, zone VARCHAR, cell VARCHAR, source VARCHAR
);
"""
_NEVER: Final = -(2**63)

Tags = tuple[tuple[str, str], ...]


class Table(NamedTuple):
    """A measurement as it is committed: what readers may ask."""

    id: int
    columns: Mapping[tuple[str, Kind], str]
    """Column of each field and kind."""

    @property
    def name(self) -> str:
        """The SQL table."""
        return f"m{self.id}"

    def number(self, field: str) -> str:
        """The column of the field's numbers, or `NULL` where it has none: safe to put in a query."""
        return self.columns.get((field, "n"), "NULL::DOUBLE")

    def text(self, field: str) -> str:
        """The column of the field's texts, or `NULL` where it has none."""
        return self.columns.get((field, "t"), "NULL::VARCHAR")


class Catalog:
    """The numbers of measurements, fields and tag sets. Used by the writer's thread; `tables` may be read by any.

    Names that a batch brings are noted first (`series`, `shape`), then `commit` makes their tables and columns in a
    transaction of its own. After a failure anywhere, `load` again.
    """

    def __init__(self, connection: DuckDBPyConnection, *, max_measurements: int, max_fields: int, max_series: int) -> None:
        self._connection = connection
        self._max_measurements = max_measurements
        self._max_fields = max_fields
        self._max_series = max_series
        self.tables: Mapping[str, Table] = {}
        self.newest: list[int] = []
        """By series: the time of its newest row. What is newer needs no look at the table."""
        self._measurements: dict[str, int] = {}
        self._fields: dict[int, set[str]] = {}
        self._known: dict[tuple[str, Tags], int] = {}
        self._aliases: dict[tuple[str, Tags], int] = {}
        self._new_series: list[tuple[int, int, Tags]] = []

    def load(self) -> None:
        """Read everything from the file, making the layout where there is none."""
        ask = self._connection.execute
        ask(_LAYOUT)
        self._measurements = {name: number for number, name in ask("SELECT id, name FROM measurement").fetchall()}
        columns: dict[int, dict[tuple[str, Kind], str]] = {number: {} for number in self._measurements.values()}
        for number, name, kind, column in ask("SELECT measurement, name, kind, col FROM field").fetchall():
            columns[number][name, kind] = column
        self._fields = {number: {name for name, _ in table} for number, table in columns.items()}
        self.tables = {name: Table(number, columns[number]) for name, number in self._measurements.items()}
        names = {number: name for name, number in self._measurements.items()}
        rows = ask("SELECT id, measurement, tags FROM series").fetchall()
        self._known = {(names[number], tuple(map(tuple, json.loads(tags)))): series for series, number, tags in rows}
        self._aliases = {}
        self._new_series = []
        self.newest = [_NEVER] * len(rows)
        for table in self.tables.values():
            for series, at in ask(f"SELECT series, max(at_ns) FROM {table.name} GROUP BY series").fetchall():  # noqa: S608 - m<number>
                self.newest[series] = at

    def series(self, measurement: str, tags: Mapping[str, str]) -> int:
        """The number of a tag set, noted where it is new. Raises `RefusedError`."""
        alias = (measurement, tuple(tags.items()))
        number = self._aliases.get(alias)
        if number is None:
            number = self._note_series(measurement, tuple(sorted((key, value) for key, value in tags.items() if value)))
            if len(self._aliases) >= self._max_series:
                self._aliases.clear()
            self._aliases[alias] = number
        return number

    def _note_series(self, measurement: str, tags: Tags) -> int:
        known = self._known.get((measurement, tags))
        if known is not None:
            return known
        for key, value in tags:
            check_key(key, "the tag key")
            check_name(value, f"the value of tag {key[:80]!r}")
        if len(self._known) >= self._max_series:
            raise RefusedError(
                f"the store holds {self._max_series} tag sets, its limit; use fewer tag values or raise max_series"
            )
        number = self._known[measurement, tags] = len(self.newest)
        self._new_series.append((number, self._measurement(measurement), tags))
        self.newest.append(_NEVER)
        return number

    def _measurement(self, name: str) -> int:
        number = self._measurements.get(name)
        if number is not None:
            return number
        check_measurement(name)
        check_portable(name, "the measurement")
        if len(self._measurements) >= self._max_measurements:
            raise RefusedError(f"the store holds {self._max_measurements} measurements, its limit; use fewer, with tags")
        number = self._measurements[name] = len(self._measurements)
        self._fields[number] = set()
        return number

    def check_fields(self, measurement: str, names: tuple[str, ...]) -> None:
        """Note the names of fields. Raises `RefusedError`."""
        known = self._fields[self._measurement(measurement)]
        new = [name for name in names if name not in known]
        for name in new:
            check_key(name, "the field key")
            check_portable(name, "the field key")
        most = self._max_fields * (len(STATISTICS) if is_rolled(measurement) else 1)
        if len(known) + len(new) > most:
            raise RefusedError(f"measurement {measurement[:80]!r} has {most} fields, the limit; use tags or text")
        known.update(new)

    def commit(self, wanted: Mapping[str, set[tuple[str, Kind]]]) -> None:
        """Make what the batch needs: `wanted` columns by measurement, and the rows of new tag sets."""
        missing = {
            name: columns - self.tables[name].columns.keys() if name in self.tables else columns
            for name, columns in wanted.items()
        }
        new_tables = [name for name in self._measurements if name not in self.tables]
        if not (new_tables or self._new_series or any(missing.values())):
            return
        ask = self._connection.execute
        ask("BEGIN")
        tables = dict(self.tables)
        for name in new_tables:
            table = tables[name] = Table(self._measurements[name], {})
            ask(f"CREATE TABLE {table.name} (series INTEGER NOT NULL, at_ns BIGINT NOT NULL)")
            ask("INSERT INTO measurement VALUES (?, ?)", [table.id, name])
        for name, columns in missing.items():
            tables[name] = self._add_columns(tables[name], columns)
        if self._new_series:
            self._insert_series()
        ask("COMMIT")
        self._new_series = []
        self.tables = tables

    def _add_columns(self, table: Table, columns: set[tuple[str, Kind]]) -> Table:
        known = dict(table.columns)
        for name, kind in sorted(columns):
            column = known[name, kind] = f"{kind}{len(known)}"
            self._connection.execute(f"ALTER TABLE {table.name} ADD COLUMN {column} {SQL_TYPES[kind]}")
            self._connection.execute("INSERT INTO field VALUES (?, ?, ?, ?)", [table.id, name, kind, column])
        return Table(table.id, known)

    def _insert_series(self) -> None:
        """One statement for all new tag sets: they come as lists, which DuckDB unnests."""
        numbers, measurements, tag_sets = zip(*self._new_series, strict=True)
        named = [[dict(tags).get(key) for tags in tag_sets] for key in ("site", "device", "zone", "cell", "source")]
        texts = [json.dumps(tags, ensure_ascii=False) for tags in tag_sets]
        self._connection.execute(
            "INSERT INTO series SELECT unnest(?::INTEGER[]), unnest(?::INTEGER[]), unnest(?::VARCHAR[])"
            + ", unnest(?::VARCHAR[])" * 5,
            [list(numbers), list(measurements), texts, *named],
        )
