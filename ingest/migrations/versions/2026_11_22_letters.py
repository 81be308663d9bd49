"""Dead letters by device, with their corrections; the names that a site's time series have."""

import sqlalchemy as sa
from alembic import op

revision = "ingest_0005"
down_revision = "ingest_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dead_letter", sa.Column("device", sa.String(64), nullable=True))
    op.add_column("dead_letter", sa.Column("last_at", sa.BigInteger, nullable=True))
    op.add_column("dead_letter", sa.Column("original", sa.LargeBinary, nullable=True))
    op.add_column("dead_letter", sa.Column("corrected_at", sa.BigInteger, nullable=True))
    op.create_index("ix_dead_letter_room", "dead_letter", ["event_class", "reason", "replayed_at", "size", "id"])
    op.create_table(
        "tag_value",
        sa.Column("site", sa.String(64), primary_key=True),
        sa.Column("tag", sa.String(16), primary_key=True),
        sa.Column("scope", sa.String(64), primary_key=True),
        sa.Column("value", sa.String(64), primary_key=True),
        sa.Column("first_at", sa.BigInteger, nullable=False),
    )
