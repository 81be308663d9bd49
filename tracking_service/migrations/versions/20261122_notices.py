"""Who wants which notices, when and by which way; corrections, digests, escalation; outgoing webhooks."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "20261122_notices"
down_revision = "20261122_visits"
branch_labels = None
depends_on = None


def _added() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("way", sa.String(length=32), nullable=False, server_default="mail"),
        sa.Column("person", sa.String(length=64), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False, server_default=""),
        sa.Column("about", sa.String(length=130), nullable=False, server_default=""),
        sa.Column("site", sa.String(length=64), nullable=False, server_default=""),
        sa.Column("order_number", sa.String(length=64), nullable=True),
        sa.Column("matter", sa.String(length=300), nullable=False, server_default=""),
        sa.Column("claim", sa.BigInteger(), nullable=True),
        sa.Column("corrected_at", sa.BigInteger(), nullable=True),
        sa.Column("html", sa.Text(), nullable=True),
        sa.Column("catch_up", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("folded_into", sa.BigInteger(), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("answers", sa.Text(), nullable=True),
        sa.Column("texts", sa.Text(), nullable=True),
    )


def upgrade() -> None:
    for column in _added():
        op.add_column("notice", column)
    op.create_index("ix_notice_about", "notice", ["about"])
    op.create_index("ix_notice_next_at", "notice", ["next_at"])
    op.create_table(
        "recipient",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=True),
        sa.Column("ways", sa.Text(), nullable=False),
        sa.Column("quiet_from", sa.Integer(), nullable=True),
        sa.Column("quiet_until", sa.Integer(), nullable=True),
        sa.Column("urgent", sa.Text(), nullable=False),
        sa.Column("digest_at", sa.Integer(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("next_person", sa.String(length=64), nullable=True),
        sa.Column("next_after_s", sa.Integer(), nullable=True),
        sa.Column("next_kinds", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "wish",
        sa.Column("recipient", sa.String(length=64), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("order_number", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("mode", sa.String(length=9), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["recipient"], ["recipient.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("recipient", "site", "order_number", "kind"),
    )
    op.create_table(
        "acknowledgement",
        sa.Column("matter", sa.String(length=300), nullable=False),
        sa.Column("person", sa.String(length=128), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by_link", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("matter"),
    )
    op.create_table(
        "due_told",
        sa.Column("milestone_id", sa.String(length=130), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(["milestone_id"], ["milestone.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("milestone_id"),
    )
    told = "SELECT id, short_told, 'late' FROM milestone WHERE short_told IS NOT NULL"
    op.execute(f"INSERT INTO due_told (milestone_id, due, what) {told}")
    op.create_table(
        "own_key",
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("purpose"),
    )
    op.create_table(
        "webhook",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("url", sa.String(length=2048), nullable=False),
        sa.Column("title", sa.String(length=128), nullable=False),
        sa.Column("secret", sa.String(length=128), nullable=False),
        sa.Column("old_secret", sa.String(length=128), nullable=True),
        sa.Column("old_until", sa.BigInteger(), nullable=True),
        sa.Column("kinds", sa.Text(), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=True),
        sa.Column("order_number", sa.String(length=64), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("why_disabled", sa.String(length=512), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("webhook", sa.String(length=36), nullable=False),
        sa.Column("message", sa.String(length=36), nullable=False),
        sa.Column("lane", sa.String(length=130), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["webhook"], ["webhook.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("webhook", "message", name="uq_webhook_delivery_message"),
    )
    op.create_index("ix_webhook_delivery_lane", "webhook_delivery", ["state", "webhook", "lane", "id"])


def downgrade() -> None:
    for table in ("webhook_delivery", "webhook", "own_key", "due_told", "acknowledgement", "wish", "recipient"):
        op.drop_table(table)
    op.drop_index("ix_notice_next_at", "notice")
    op.drop_index("ix_notice_about", "notice")
    with op.batch_alter_table("notice") as notice:
        for column in reversed(_added()):
            notice.drop_column(column.name)
