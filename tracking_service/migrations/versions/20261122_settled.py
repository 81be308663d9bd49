"""What people decided about sources that disagree."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_settled"
down_revision = "20261122_roles"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "settled",
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("device", sa.String(length=64), nullable=False),
        sa.Column("act_id", sa.String(length=36), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("person", sa.String(length=128), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "device"),
    )


def downgrade() -> None:
    op.drop_table("settled")
