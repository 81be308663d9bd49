"""The inbox, the gateways, the ledger and the dead letters."""

import sqlalchemy as sa
from alembic import op

revision = "ingest_0001"
down_revision = None
branch_labels = None
depends_on = None

_big_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _stream() -> list[sa.Column[str]]:
    return [
        sa.Column("site", sa.String(64), primary_key=True),
        sa.Column("gateway", sa.String(64), primary_key=True),
        sa.Column("epoch", sa.String(64), primary_key=True),
        sa.Column("event_class", sa.String(16), primary_key=True),
    ]


def _counts() -> list[sa.Column[int]]:
    names = ("received", "duplicate", "late", "dead", "thinned")
    return [sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in names]


def upgrade() -> None:
    op.create_table(
        "inbox",
        sa.Column("position", _big_id, primary_key=True, autoincrement=True),
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("site", sa.String(64), nullable=False),
        sa.Column("gateway", sa.String(64), nullable=False),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("processed_at", sa.BigInteger, nullable=True),
        sa.Column("projected", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.UniqueConstraint("event_id", name="uq_inbox_event_id"),
        sqlite_autoincrement=True,
    )
    waiting = sa.text("processed_at IS NULL")
    op.create_index("ix_inbox_waiting", "inbox", ["position"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_index(
        "ix_inbox_unprojected",
        "inbox",
        ["position"],
        sqlite_where=sa.text("projected = 0"),
        postgresql_where=sa.text("NOT projected"),
    )
    op.create_table(
        "gateway",
        sa.Column("site", sa.String(64), primary_key=True),
        sa.Column("gateway", sa.String(64), primary_key=True),
        sa.Column("online", sa.Boolean, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("last_seen", sa.BigInteger, nullable=False),
        sa.Column("data_until", sa.BigInteger, nullable=True),
        sa.Column("agent", sa.String(64), nullable=True),
        sa.Column("health", sa.LargeBinary, nullable=True),
    )
    op.create_table(
        "ledger_stream",
        *_stream(),
        sa.Column("upto", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("beyond", sa.Text, nullable=False, server_default="[]"),
        *_counts(),
        sa.Column("first_seen", sa.BigInteger, nullable=False),
        sa.Column("last_seen", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "ledger_day",
        *_stream(),
        sa.Column("day", sa.String(10), primary_key=True),
        *_counts(),
        sa.Column("first_seq", sa.BigInteger, nullable=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "ledger_thinned",
        *_stream(),
        sa.Column("first", sa.BigInteger, primary_key=True),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("told_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "dead_letter",
        sa.Column("id", _big_id, primary_key=True, autoincrement=True),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("topic", sa.String(512), nullable=False),
        sa.Column("site", sa.String(64), nullable=True),
        sa.Column("gateway", sa.String(64), nullable=True),
        sa.Column("epoch", sa.String(64), nullable=True),
        sa.Column("event_class", sa.String(16), nullable=True),
        sa.Column("seq", sa.BigInteger, nullable=True),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("times", sa.Integer, nullable=False, server_default="1"),
        sa.Column("booked_day", sa.String(10), nullable=True),
        sa.Column("replay_requested_at", sa.BigInteger, nullable=True),
        sa.Column("replayed_at", sa.BigInteger, nullable=True),
        sa.UniqueConstraint("digest", name="uq_dead_letter_digest"),
        sqlite_autoincrement=True,
    )
    asked = sa.text("replay_requested_at IS NOT NULL")
    op.create_index("ix_dead_letter_replay", "dead_letter", ["id"], sqlite_where=asked, postgresql_where=asked)
