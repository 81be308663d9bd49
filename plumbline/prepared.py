"""Statements that write many rows often: made once for each driver, given rows as plain tuples, sent together.

SQLAlchemy looks at each parameter of each row, about 5 µs a row. A `Prepared` statement is its text for the driver, so rows
go to it as they are: integers, floats, strings, bytes, booleans and `None` need no translation for either database.
What is written inside `together` goes to SQLite in one visit to the connection's thread; PostgreSQL gets the statements one
after the other.

SQLite executes a statement for each of its rows, and its thread gives up Python's lock and takes it again each time. So
rows are inserted many at a time: 370 took 1.5 instead of 3.8 ms of CPU.
"""

import contextlib
import sqlite3
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

from sqlalchemy import Connection, Insert, Update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.compiler import SQLCompiler

from plumbline.sqlite_driver import Many, SqliteConnection

Row = tuple[Any, ...]
_WAITING: Final = "plumbline_together"
#: Rows inserted into SQLite at once: 256, 64, 16, 4 or 1, so that few different texts are made of a statement; with no more
#: parameters than every SQLite takes.
_MOST: Final = 256
_MOST_PARAMETERS: Final = 999


class Prepared:
    """A statement without results.

    Args:
        make: builds it, for PostgreSQL or else for SQLite.
        names: its parameters in the order in which rows have them.
    """

    def __init__(self, make: Callable[[bool], Insert | Update], *names: str) -> None:
        self._make = make
        self._names = names
        self._texts: dict[str, str] = {}

    async def write(self, connection: AsyncConnection, rows: Sequence[Row]) -> None:
        """Execute it for each of the rows; inside `together`, with all others at its end.

        Raises SQLAlchemy's `DBAPIError` as `connection.execute` does.
        """
        if not rows:
            return
        waiting: list[Many] | None = connection.info.get(_WAITING)
        if waiting is None:
            await _send(connection, self._portions(connection, rows))
        else:
            waiting += self._portions(connection, rows)

    def _portions(self, connection: AsyncConnection, rows: Sequence[Row]) -> Iterator[Many]:
        text = self._text(connection)
        head, values, tail = text.partition(f" VALUES ({', '.join('?' * len(self._names))})")
        if connection.dialect.name != "sqlite" or not values:
            yield text, rows
            return
        done, size = 0, _MOST
        while done < len(rows):
            while size > len(rows) - done or size * len(self._names) > _MOST_PARAMETERS:
                size //= 4
            more = values.replace(" VALUES", ",") * (size - 1)
            yield head + values + more + tail, [tuple(chain.from_iterable(rows[done : done + size]))]
            done += size

    def _text(self, connection: AsyncConnection) -> str:
        name = connection.dialect.name
        if name not in self._texts:
            statement = self._make(name == "postgresql")
            compiled = statement.compile(dialect=connection.dialect, column_keys=list(self._names))
            assert isinstance(compiled, SQLCompiler), "a statement, not a type"
            assert compiled.positiontup == list(self._names), f"rows must have {compiled.positiontup}"
            self._texts[name] = compiled.string
        return self._texts[name]


@contextlib.asynccontextmanager
async def together(connection: AsyncConnection) -> AsyncGenerator[None]:
    """Send what `Prepared` statements write inside the block at its end, in their order, in the transaction that is open.

    Nothing is sent where the block fails: its transaction is undone anyway. Raises what `Prepared.write` raises.
    """
    waiting: list[Many] = []
    info = connection.info  # of a connection that broke meanwhile it cannot be had any more
    info[_WAITING] = waiting
    try:
        yield
    finally:
        info.pop(_WAITING, None)
    if waiting:
        await _send(connection, waiting)


async def _send(connection: AsyncConnection, statements: Iterable[Many]) -> None:
    if connection.dialect.name == "sqlite":
        await connection.run_sync(_in_one_visit, list(statements))
        return
    for text, rows in statements:
        await connection.exec_driver_sql(text, list(rows))


def _in_one_visit(connection: Connection, statements: Sequence[Many]) -> None:
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, SqliteConnection), "engines are made by plumbline.database"
    assert connection.in_transaction(), "else each row would be a transaction"
    try:
        driver.execute_all(statements)
    except sqlite3.Error as error:
        texts = "; ".join(text for text, _ in statements)
        raise DBAPIError.instance(texts, None, error, sqlite3.Error, dialect=connection.dialect) from error
