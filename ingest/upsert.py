"""INSERT … ON CONFLICT, which SQLite and PostgreSQL both have and SQLAlchemy spells per dialect."""

from typing import Any

from sqlalchemy import ColumnElement, Table, case
from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

Insert = PostgresqlInsert | SqliteInsert


def insert_into(connection: AsyncConnection, table: Table) -> Insert:
    """An INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update` in the connection's dialect."""
    return insert_of(table, postgresql=is_postgresql(connection))


def insert_of(table: Table, *, postgresql: bool) -> Insert:
    """The same without a connection, for statements that are built once."""
    return postgresql_insert(table) if postgresql else sqlite_insert(table)


def is_postgresql(connection: AsyncConnection | AsyncEngine) -> bool:
    """Whether the connection or engine speaks to PostgreSQL (else SQLite)."""
    return connection.dialect.name == "postgresql"


def larger(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """The larger of two values that are not NULL (PostgreSQL says GREATEST, SQLite MAX)."""
    return case((one >= other, one), else_=other)


def smaller(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """The smaller of two values that are not NULL."""
    return case((one <= other, one), else_=other)
