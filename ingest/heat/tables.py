"""The SQL tables of heat: presence, what is to be summed up anew, and which hours are settled."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Integer, String, Table, false

from ingest.tables import metadata

heat_presence: Final = Table(
    "heat_presence",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("minute", Integer, primary_key=True, autoincrement=False),  # since 1970, UTC
    Column("cell_column", Integer, primary_key=True, autoincrement=False),
    Column("cell_row", Integer, primary_key=True, autoincrement=False),
    Column("source", String(16), primary_key=True),
    Column("device", String(64), primary_key=True),
    Column("weight", Integer, nullable=False),  # in parts of 1024; the largest that came
    sqlite_with_rowid=False,
)

heat_mark: Final = Table(
    "heat_mark",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("site", String(64), nullable=False),
    Column("minute", Integer, nullable=False),  # its presence has grown since its heat was written
    Column("anew", Boolean, nullable=False, server_default=false()),  # two wrote it at once: what either remembers may be wrong
    sqlite_autoincrement=True,
)

heat_hour: Final = Table(
    "heat_hour",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("hour", Integer, primary_key=True, autoincrement=False),  # since 1970, UTC
    Column("touched_at", BigInteger, nullable=False),  # ns, ingest's clock: when its heat was written last
    Column("closed", Boolean, nullable=False, server_default=false()),  # its presence is gone: its heat stays as it is
)
