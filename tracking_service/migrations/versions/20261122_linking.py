"""Further codes of lines, and what clerks taught."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_linking"
down_revision = "20261122_notices"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "line_code",
        sa.Column("line_id", sa.String(length=130), nullable=False),
        sa.Column("code", sa.String(length=256), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(["line_id"], ["material_line.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("line_id", "code"),
    )
    op.create_index("ix_line_code_code", "line_code", ["code"])
    op.create_table(
        "alias",
        sa.Column("act_id", sa.String(length=36), nullable=False),
        sa.Column("code", sa.String(length=256), nullable=False),
        sa.Column("line_id", sa.String(length=130), nullable=False),
        sa.Column("item", sa.String(length=256), nullable=True),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("act_id"),
    )
    op.create_index("ix_alias_item", "alias", ["item"])
    op.create_index("ix_alias_line", "alias", ["line_id"])


def downgrade() -> None:
    op.drop_table("alias")
    op.drop_table("line_code")
