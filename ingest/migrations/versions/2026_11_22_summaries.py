"""Minutes of the metrics that some policy of tracking names."""

import sqlalchemy as sa
from alembic import op

revision = "ingest_0009"
down_revision = "ingest_0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "watched",
        *(sa.Column(name, sa.String(64), primary_key=True) for name in ("site", "device", "metric")),
        sa.Column("filled", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "minute_summary",
        *(sa.Column(name, sa.String(64), primary_key=True) for name in ("site", "device", "metric")),
        sa.Column("minute", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("measurement", sa.String(64), primary_key=True),
        *(sa.Column(name, sa.Float, nullable=False) for name in ("low", "high", "mean")),
        sa.Column("readings", sa.Integer, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_minute_summary_changed", "minute_summary", ["changed"])
    counts = op.create_table(
        "summary_count",
        sa.Column("name", sa.String(8), primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(counts, [{"name": "written", "number": 0}, {"name": "read", "number": 0}])
