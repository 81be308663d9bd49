"""The company: people and their roles, codes, suppliers, articles; when work towards a milestone begins, who promised what."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_model"
down_revision = "20261122_linking"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "company",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("imported_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("phone", sa.String(length=32), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "person_role",
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("person", "role"),
    )
    op.create_table(
        "company_code",
        sa.Column("code", sa.String(length=256), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("ref", sa.String(length=64), nullable=False),
        sa.Column("title_en", sa.String(length=256), nullable=False),
        sa.Column("title_zh", sa.String(length=256), nullable=False),
        sa.PrimaryKeyConstraint("code"),
    )
    op.create_table(
        "supplier",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("title_en", sa.String(length=256), nullable=False),
        sa.Column("title_zh", sa.String(length=256), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "supplier_prefix",
        sa.Column("prefix", sa.String(length=12), nullable=False),
        sa.Column("supplier", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("prefix"),
    )
    op.create_table(
        "article_code",
        sa.Column("code", sa.String(length=256), nullable=False),
        sa.Column("article", sa.String(length=256), nullable=False),
        sa.PrimaryKeyConstraint("code"),
    )
    op.create_index("ix_article_code_article", "article_code", ["article"])
    op.create_table(
        "expected_finish",
        sa.Column("order_number", sa.String(length=64), nullable=False),
        sa.Column("p50", sa.BigInteger(), nullable=False),
        sa.Column("p80", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("order_number"),
    )
    op.add_column("milestone", sa.Column("start", sa.BigInteger(), nullable=True))
    op.add_column("material_line", sa.Column("promised", sa.BigInteger(), nullable=True))
    op.add_column("material_line", sa.Column("supplier", sa.String(length=64), nullable=True))


def downgrade() -> None:
    op.drop_column("material_line", "supplier")
    op.drop_column("material_line", "promised")
    op.drop_column("milestone", "start")
    for table in (
        "expected_finish",
        "article_code",
        "supplier_prefix",
        "supplier",
        "company_code",
        "person_role",
        "person",
        "company",
    ):
        op.drop_table(table)
