"""How the time of a gateway's boot is known, where it sent events before anybody knew it."""

import sqlalchemy as sa
from alembic import op

revision = "ingest_0002"
down_revision = "ingest_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "clock_reference",
        sa.Column("site", sa.String(64), primary_key=True),
        sa.Column("gateway", sa.String(64), primary_key=True),
        sa.Column("boot", sa.String(256), primary_key=True),
        sa.Column("quality", sa.String(8), nullable=False),
        sa.Column("offset_ns", sa.BigInteger, nullable=False),
        sa.Column("before_ns", sa.BigInteger, nullable=False),
        sa.Column("told_at", sa.BigInteger, nullable=False),
    )
