"""What gateways have lost, and what was asked of them."""

import sqlalchemy as sa
from alembic import op

revision = "ingest_0003"
down_revision = "ingest_0002"
branch_labels = None
depends_on = None


def _stream() -> list[sa.Column[str]]:
    return [
        sa.Column("site", sa.String(64), primary_key=True),
        sa.Column("gateway", sa.String(64), primary_key=True),
        sa.Column("epoch", sa.String(64), primary_key=True),
        sa.Column("event_class", sa.String(16), primary_key=True),
    ]


def upgrade() -> None:
    for table in ("ledger_stream", "ledger_day"):
        op.add_column(table, sa.Column("lost", sa.BigInteger, nullable=False, server_default="0"))
    op.create_table(
        "ledger_lost",
        *_stream(),
        sa.Column("first", sa.BigInteger, primary_key=True),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("told_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "gap_request",
        *_stream(),
        sa.Column("times", sa.Integer, nullable=False, server_default="0"),
        sa.Column("asked_at", sa.BigInteger, nullable=True),
        sa.Column("asked", sa.Text, nullable=False, server_default="[]"),
        sa.Column("upto", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("in_vain", sa.Integer, nullable=False, server_default="0"),
        sa.Column("probed_at", sa.BigInteger, nullable=True),
    )
