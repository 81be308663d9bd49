"""The SQL database: one URL, SQLite or PostgreSQL, the same code on both.

`sqlite+aiosqlite:///path/plumbline.db` or `postgresql+asyncpg://user:password@host/name`. Ingest owns the ledger, the inbox
and dead letters; tracking owns orders and milestones. Each has its own Alembic migrations and version table.
"""

import asyncio
import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, event
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from plumbline.errors import SettingsError
from plumbline.secrets import hidden
from plumbline.sqlite_driver import DRIVER

_DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}

#: So long PostgreSQL may take over one statement; our longest take a second. Migrations may take any time.
SILENCE_S: Final = 30.0
#: A connection that was in use so lately is not asked whether it still answers: that takes three turns there and back.
_TRUSTED_S: Final = 1.0
#: So long a writer waits for another.
_BUSY_MS: Final = 10_000
_ASK_AGAIN_S: Final = 0.01
_LEFT: Final = "plumbline_left"


def parse(url: str) -> URL:
    """Read a database's URL, with its asynchronous driver; nothing is opened. Raises `SettingsError` where it is not one of ours."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: the port is no number
        raise SettingsError(
            f"database: '{hidden(url)}' is not a URL; write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
        ) from None
    backend = parsed.get_backend_name()
    if backend not in _DRIVERS:
        raise SettingsError(
            f"database: '{backend}' is not supported; use sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
        )
    return parsed.set(drivername=_DRIVERS[backend])


def open_engine(url: str, *, durable: bool = True) -> AsyncEngine:
    """Make an engine for `url`; a bare `sqlite:` or `postgresql:` URL gets its asynchronous driver.

    SQLite runs in WAL mode with foreign keys, waits up to 10 s for another writer, and begins every transaction as a
    writer (`BEGIN IMMEDIATE`) unless the connection was told `read_only`, so that two services in one file never deadlock;
    `durable` is `synchronous=FULL`. Writers of one engine queue for their turn (`_Turns`).
    Raises `SettingsError` where the URL is not one of ours.
    """
    parsed = parse(url)
    if parsed.get_backend_name() != "sqlite":
        return _open_postgresql(parsed)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(parsed, module=DRIVER)

    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy says BEGIN, not the driver
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        _log_ahead(cursor)
        for pragma in (f"synchronous={'FULL' if durable else 'NORMAL'}", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    turns = _Turns()

    def on_begin(connection: Connection) -> None:
        if connection.get_execution_options().get("read_only"):
            connection.exec_driver_sql("BEGIN")
        else:
            await_only(turns.take(connection.connection._connection_record))  # noqa: SLF001 - what `checkin` is told of
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    def on_checkin(_connection: Any, record: Any) -> None:
        turns.end(record)

    event.listen(engine.sync_engine, "connect", on_connect)
    event.listen(engine.sync_engine, "begin", on_begin)
    event.listen(engine.sync_engine, "checkin", on_checkin)
    return engine


def _log_ahead(cursor: Any) -> None:
    """Bring the file into WAL mode, or find it there.

    Of two that turn a new file over at once SQLite refuses one without waiting: each reads, and each wants the whole file.
    So that one asks again as often as a writer's wait has room for, however long this process stands still between.
    """
    for left in reversed(range(round(_BUSY_MS / 1000 / _ASK_AGAIN_S))):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or not left:
                raise
            await_only(asyncio.sleep(_ASK_AGAIN_S))
        else:
            return


def _open_postgresql(url: URL) -> AsyncEngine:
    """An engine that does not wait for ever where a connection fell silent (a firewall that forgot it, a pulled cable)."""
    engine = create_async_engine(
        url, pool_size=5, max_overflow=5, connect_args={"command_timeout": SILENCE_S, "timeout": SILENCE_S}
    )

    def on_error(context: ExceptionContext) -> None:
        if isinstance(context.original_exception, TimeoutError):
            context.is_disconnect = True  # else its rollback would wait as long again, and the next who takes it

    def on_invalidate(_connection: Any, _record: Any, error: BaseException | None) -> None:
        if isinstance(error, TimeoutError):
            engine.sync_engine.dispose(close=False)  # those that lie beside it will be as silent: not one wait for each

    event.listen(engine.sync_engine, "handle_error", on_error)
    event.listen(engine.sync_engine, "invalidate", on_invalidate)
    _ask_before_use(engine)
    return engine


def _ask_before_use(engine: AsyncEngine) -> None:
    """Let no connection of the pool be used that was closed, or that lay there a while and does not answer any more."""
    dialect = engine.dialect

    def on_checkin(_connection: Any, record: Any) -> None:
        record.info[_LEFT] = time.monotonic()  # goes with the connection: a new one is fresh

    def on_checkout(connection: Any, record: Any, _fairy: Any) -> None:
        left = record.info.get(_LEFT)
        if left is None:
            return
        if connection.driver_connection.is_closed():
            raise InvalidatePoolError
        if time.monotonic() - left < _TRUSTED_S:
            return
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            if dialect.is_disconnect(error, connection, None):
                raise InvalidatePoolError from error
            raise

    event.listen(engine.sync_engine, "checkin", on_checkin)
    event.listen(engine.sync_engine, "checkout", on_checkout)


class _Turns:
    """Lets one connection of an engine write at a time, first come first served.

    SQLite lets a writer that waits poll for its lock, at most every 100 ms: who comes just in time overtakes who has waited
    long. A turn lasts until the connection is back in its pool. Nobody waits longer than SQLite would: then SQLite decides,
    as it does between processes.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._holder: object = None

    async def take(self, record: object) -> None:
        """Wait for a turn."""
        if self._holder is record:  # another transaction on the same connection
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_BUSY_MS / 1000):
                await self._lock.acquire()
                self._holder = record

    def end(self, record: object) -> None:
        """The connection writes no more."""
        if self._holder is record:
            self._holder = None
            self._lock.release()


async def migrate(engine: AsyncEngine, *, package: str, folder: Path) -> None:
    """Bring the tables of `package` to the newest revision found in `folder` (an Alembic script location).

    The version table is `alembic_{package}`. `folder/env.py` is `plumbline.database.run_migrations` in one line.
    """

    def upgrade(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.attributes["connection"] = connection
        config.attributes["version_table"] = f"alembic_{package}"
        command.upgrade(config, "head")

    patient = engine if engine.dialect.name == "sqlite" else create_async_engine(engine.url)
    try:
        async with patient.begin() as connection:
            await connection.run_sync(upgrade)
    finally:
        if patient is not engine:
            await patient.dispose()


def run_migrations() -> None:
    """What a service's `migrations/env.py` calls: run on the connection that `migrate` holds."""
    from alembic import context  # noqa: PLC0415 - a proxy that exists only while Alembic runs env.py

    connection = context.config.attributes["connection"]
    context.configure(connection=connection, version_table=context.config.attributes["version_table"], transactional_ddl=False)
    with context.begin_transaction():
        context.run_migrations()
