"""The SQL tables of rollups: what is to be computed anew, who computes, and how far back the raw points go."""

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, String, Table

from ingest.tables import metadata

rollup_mark: Final = Table(
    "rollup_mark",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("measurement", String(64), primary_key=True),
    Column("minute", BigInteger, primary_key=True, autoincrement=False),  # the first one, since 1970
    Column("minutes", Integer, primary_key=True, autoincrement=False),  # 1, or a whole hour: 60
    Column("round", BigInteger, nullable=False),  # that was under way: rounds after it read what the mark is about
)

rollup_round: Final = Table(
    "rollup_round",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # 1: there is one row
    Column("number", BigInteger, nullable=False),  # counts up with each round
    Column("token", String(32), nullable=False),  # of the worker that computes
    Column("seen_at", BigInteger, nullable=False),  # ns, when it said so last
)

rollup_series: Final = Table(
    "rollup_series",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("measurement", String(64), primary_key=True),
    Column("raw_from", BigInteger, nullable=True),  # ns: raw points before are deleted, their rollups stand as they are
)
