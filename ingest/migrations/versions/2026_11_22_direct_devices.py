"""Devices that publish straight to the site's broker: who reads them, what waits, what came, and when nobody listened."""

import sqlalchemy as sa
from alembic import op

revision = "ingest_0006"
down_revision = "ingest_0005"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _place() -> list[sa.Column[str]]:
    return [sa.Column("site", sa.String(64), primary_key=True), sa.Column("gateway", sa.String(64), primary_key=True)]


def _names() -> list[sa.Column[str]]:
    return [sa.Column("site", sa.String(64), nullable=False), sa.Column("gateway", sa.String(64), nullable=False)]


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


def upgrade() -> None:
    op.create_table(
        "direct_lane",
        *_place(),
        sa.Column("token", sa.String(64), nullable=True),
        sa.Column("worker", sa.String(64), nullable=True),
        _count("beat"),
        sa.Column("heard_until", sa.BigInteger, nullable=True),
    )
    op.create_table("direct_cursor", *_place(), sa.Column("event_class", sa.String(16), primary_key=True), _count("position"))
    op.create_table(
        "direct_message",
        sa.Column("position", _NUMBER, primary_key=True, autoincrement=True),
        *_names(),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("retain", sa.Boolean, nullable=False),
        sa.Column("again", sa.Boolean, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_direct_message_lane", "direct_message", ["site", "gateway", "position"])
    op.create_table(
        "direct_seen",
        *_place(),
        sa.Column("packet_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "direct_tally",
        *_place(),
        sa.Column("epoch", sa.String(64), primary_key=True),
        *(_count(name) for name in ("messages", "redelivered", "qos0", "retained")),
        sa.Column("first_seen", sa.BigInteger, nullable=False),
        sa.Column("last_seen", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "direct_gap",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        *_names(),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("kept", sa.Boolean, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_direct_gap_lane", "direct_gap", ["site", "gateway", "id"])
