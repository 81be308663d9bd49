"""Lines by supplier are found by an index; what was told of due dates stands in due_told alone."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_suppliers"
down_revision = "20261122_model"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_material_line_supplier", "material_line", ["supplier"])
    op.drop_column("milestone", "short_told")


def downgrade() -> None:
    op.add_column("milestone", sa.Column("short_told", sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE milestone SET short_told ="
        " (SELECT due FROM due_told WHERE due_told.milestone_id = milestone.id AND due_told.what = 'late')"
    )
    op.drop_index("ix_material_line_supplier", "material_line")
