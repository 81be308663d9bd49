"""Orders, material lines, milestones, evidence, notices, presence, equipment, activity."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_orders"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "activity",
        sa.Column("id", sa.String(length=300), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("text_en", sa.String(length=512), nullable=False),
        sa.Column("text_zh", sa.String(length=512), nullable=False),
        sa.Column("level", sa.String(length=4), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_activity_site_at", "activity", ["site", "at"], unique=False)
    op.create_table(
        "equipment_state",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(length=256), nullable=True),
        sa.PrimaryKeyConstraint("site", "device"),
    )
    op.create_table(
        "notice",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("dedup_key", sa.String(length=300), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("subject", sa.String(length=512), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("dedup_key", "recipient", name="uq_notice_dedup_key"),
    )
    op.create_index("ix_notice_waiting", "notice", ["state", "next_attempt_at"], unique=False)
    op.create_table(
        "orders",
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("title_en", sa.String(length=256), nullable=False),
        sa.Column("title_zh", sa.String(length=256), nullable=False),
        sa.Column("customer", sa.String(length=256), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("imported_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index(op.f("ix_orders_site"), "orders", ["site"], unique=False)
    op.create_table(
        "presence",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=256), nullable=False),
        sa.Column("place", sa.String(length=256), nullable=False),
        sa.Column("direction", sa.String(length=3), nullable=False),
        sa.Column("role", sa.String(length=256), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "person"),
    )
    op.create_table(
        "unlinked_scan",
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.String(length=256), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("reason_en", sa.String(length=512), nullable=False),
        sa.Column("reason_zh", sa.String(length=512), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("ix_unlinked_scan_site_at", "unlinked_scan", ["site", "at"], unique=False)
    op.create_table(
        "material_line",
        sa.Column("id", sa.String(length=130), nullable=False),
        sa.Column("order_number", sa.String(length=64), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("line", sa.String(length=64), nullable=False),
        sa.Column("title_en", sa.String(length=256), nullable=False),
        sa.Column("title_zh", sa.String(length=256), nullable=False),
        sa.Column("gtin", sa.String(length=14), nullable=True),
        sa.Column("batch", sa.String(length=64), nullable=True),
        sa.Column("label", sa.String(length=256), nullable=True),
        sa.Column("unit", sa.String(length=16), nullable=False),
        sa.Column("expected", sa.BigInteger(), nullable=False),
        sa.Column("arrived", sa.BigInteger(), nullable=False),
        sa.Column("needed_by", sa.BigInteger(), nullable=True),
        sa.Column("certificate_required", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["order_number"], ["orders.number"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_material_line_gtin"), "material_line", ["gtin"], unique=False)
    op.create_index(op.f("ix_material_line_label"), "material_line", ["label"], unique=False)
    op.create_index("ix_material_line_order", "material_line", ["order_number"], unique=False)
    op.create_table(
        "milestone",
        sa.Column("id", sa.String(length=130), nullable=False),
        sa.Column("order_number", sa.String(length=64), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("title_en", sa.String(length=256), nullable=False),
        sa.Column("title_zh", sa.String(length=256), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=True),
        sa.Column("ratio", sa.BigInteger(), nullable=False),
        sa.Column("percent", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("evidence", sa.Integer(), nullable=False),
        sa.Column("short_told", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["order_number"], ["orders.number"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_milestone_due", "milestone", ["due"], unique=False)
    op.create_index("ix_milestone_order", "milestone", ["order_number"], unique=False)
    op.create_table(
        "subscription",
        sa.Column("order_number", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.ForeignKeyConstraint(["order_number"], ["orders.number"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("order_number", "email"),
    )
    op.create_table(
        "delivery_unit",
        sa.Column("sscc", sa.String(length=18), nullable=False),
        sa.Column("line_id", sa.String(length=130), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("delivery_note", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["line_id"], ["material_line.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sscc", "line_id"),
    )
    op.create_index("ix_delivery_unit_line", "delivery_unit", ["line_id"], unique=False)
    op.create_table(
        "evidence",
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("line_id", sa.String(length=130), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("piece", sa.String(length=300), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["line_id"], ["material_line.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("event_id", "line_id"),
    )
    op.create_index("ix_evidence_line", "evidence", ["line_id"], unique=False)
    op.create_table(
        "milestone_line",
        sa.Column("milestone_id", sa.String(length=130), nullable=False),
        sa.Column("line_id", sa.String(length=130), nullable=False),
        sa.ForeignKeyConstraint(["line_id"], ["material_line.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["milestone_id"], ["milestone.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("milestone_id", "line_id"),
    )
    op.create_index("ix_milestone_line_line", "milestone_line", ["line_id"], unique=False)
