"""aiosqlite under SQLAlchemy with one visit to its thread for each statement.

A connection of aiosqlite works in a thread of its own. SQLAlchemy's cursor goes there to be made, to execute, to fetch and to
be closed: three or four times for one statement, each time some 50 µs of CPU and a turn of the event loop, which may be busy
with something else. Everything that a statement needs can be done in one visit, since SQLAlchemy wants all rows anyway.
Measured here: the transaction that settles a group of telemetry made 9 visits instead of 24.
"""

import sqlite3
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, cast

import aiosqlite
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
)
from sqlalchemy.util import await_only

Many = tuple[str, Sequence[tuple[Any, ...]]]
"""A statement and the rows for it."""
_MANY: Final = sqlite3.Connection.executemany
_ONE: Final = sqlite3.Connection.execute


class _Done(NamedTuple):
    """What a statement left."""

    description: Any
    rowcount: int
    lastrowid: int | None
    rows: Sequence[Any]


_NOTHING: Final = _Done(None, -1, None, ())


def _do(connection: sqlite3.Connection, act: Any, statement: str, parameters: Any) -> _Done:
    """In the connection's thread: all of one statement."""
    cursor: sqlite3.Cursor = act(connection, statement, parameters)
    try:
        rows = cursor.fetchall() if cursor.description else ()
        return _Done(cursor.description, cursor.rowcount, cursor.lastrowid, rows)
    finally:
        cursor.close()


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    """A cursor that exists only while its statement is executed; what it left is kept here."""

    __slots__ = ("_done",)

    def __init__(self, adapt_connection: AsyncAdapt_aiosqlite_connection) -> None:  # pyright: ignore[reportMissingSuperCall]
        # not as the base does: that goes to the thread to open a cursor
        self._adapt_connection = adapt_connection
        self._connection = adapt_connection._connection  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - as the base does
        self._rows = deque()
        self._done = _NOTHING

    @property
    def description(self) -> Any:
        return self._done.description

    @property
    def rowcount(self) -> int:
        return self._done.rowcount

    @property
    def lastrowid(self) -> Any:
        return self._done.lastrowid

    async def _execute_async(self, operation: Any, parameters: Any) -> None:
        await self._visit(_ONE, operation, () if parameters is None else parameters)

    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> None:
        await self._visit(_MANY, operation, seq_of_parameters)

    async def _visit(self, act: Any, operation: str, parameters: Any) -> None:
        driver = self._connection
        cast("SqliteConnection", self._adapt_connection).idle = False
        async with self._adapt_connection._execute_mutex:  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - as the base does
            # nothing public does it in one visit
            done: _Done = await driver._execute(_do, driver._conn, act, operation, parameters)  # noqa: SLF001
        self._done, self._rows = done, deque(done.rows)

    async def _async_soft_close(self) -> None:
        """There is nothing to close."""

    def close(self) -> None:
        self._rows.clear()


def _do_all(connection: sqlite3.Connection, statements: Sequence[Many]) -> None:
    """In the connection's thread: many statements, each with many rows."""
    for statement, rows in statements:
        connection.executemany(statement, rows).close()


class SqliteConnection(AsyncAdapt_aiosqlite_connection):
    """What SQLAlchemy sees of a connection."""

    __slots__ = ("idle",)
    _cursor_cls = _Cursor
    idle: bool
    """Nothing was sent since the last commit: there is nothing to roll back."""

    def commit(self) -> None:
        """As the base does."""
        super().commit()
        self.idle = True

    def rollback(self) -> None:
        """As the base does, where there may be something to undo: the pool asks for it after each use."""
        if not self.idle:
            super().rollback()

    def execute_all(self, statements: Sequence[Many]) -> None:
        """Execute statements with their rows in one visit; from within `run_sync`. Raises `sqlite3.Error`."""
        try:
            await_only(self._execute_all(statements))
        except Exception as error:  # noqa: BLE001 - as the base does: told apart there
            self._handle_exception(error)

    async def _execute_all(self, statements: Sequence[Many]) -> None:
        driver = self._connection
        self.idle = False
        async with self._execute_mutex:
            await driver._execute(_do_all, driver._conn, statements)  # noqa: SLF001 - see `_Cursor`


class _Driver(AsyncAdapt_aiosqlite_dbapi):
    def connect(self, *arg: Any, **kw: Any) -> AsyncAdapt_aiosqlite_connection:
        plain = super().connect(*arg, **kw)
        made = SqliteConnection(self, plain._connection)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - the driver's own
        made.idle = False
        return made


#: What `create_async_engine` takes as `module`.
DRIVER: Final = _Driver(aiosqlite, sqlite3)
