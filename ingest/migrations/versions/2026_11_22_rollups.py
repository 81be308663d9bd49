"""Rollups: which minutes are to be computed anew, who computes, how far back the raw points go."""

import sqlalchemy as sa
from alembic import op

revision = "ingest_0008"
down_revision = "ingest_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rollup_mark",
        sa.Column("site", sa.String(64), primary_key=True),
        sa.Column("measurement", sa.String(64), primary_key=True),
        sa.Column("minute", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("minutes", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("round", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "rollup_round",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "rollup_series",
        sa.Column("site", sa.String(64), primary_key=True),
        sa.Column("measurement", sa.String(64), primary_key=True),
        sa.Column("raw_from", sa.BigInteger, nullable=True),
    )
