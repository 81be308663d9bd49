"""What the company calls its roles."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_roles"
down_revision = "20261122_points"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "role_title",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("title_en", sa.String(length=256), nullable=False),
        sa.Column("title_zh", sa.String(length=256), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    op.drop_table("role_title")
