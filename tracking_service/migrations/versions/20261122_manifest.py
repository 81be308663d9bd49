"""Certificates of material, and what was published of each site's manifest."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_manifest"
down_revision = "20261122_orders"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "certificate",
        sa.Column("line_id", sa.String(length=130), nullable=False),
        sa.Column("batch", sa.String(length=64), nullable=False),
        sa.Column("document", sa.String(length=256), nullable=False),
        sa.ForeignKeyConstraint(["line_id"], ["material_line.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("line_id", "batch"),
    )
    op.create_table(
        "site_manifest",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.String(length=64), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site"),
    )


def downgrade() -> None:
    op.drop_table("site_manifest")
    op.drop_table("certificate")
