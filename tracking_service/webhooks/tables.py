"""The tables of outgoing webhooks. Times are UTC nanoseconds."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from tracking_service.tables import metadata

#: Systems that hear of changes.
webhook: Final = Table(
    "webhook",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("url", String(2048), nullable=False),
    Column("title", String(128), nullable=False),
    Column("secret", String(128), nullable=False),
    Column("old_secret", String(128), nullable=True),  # after a rotation both sign, for a day
    Column("old_until", BigInteger, nullable=True),
    Column("kinds", Text, nullable=False),  # JSON; empty: all
    Column("site", String(64), nullable=True),
    Column("order_number", String(64), nullable=True),
    Column("enabled", Boolean, nullable=False),
    Column("why_disabled", String(512), nullable=True),
    Column("created_at", BigInteger, nullable=False),
)

#: The outbox of webhooks: written with the state that caused them.
delivery: Final = Table(
    "webhook_delivery",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("webhook", String(36), ForeignKey("webhook.id", ondelete="CASCADE"), nullable=False),
    Column("message", String(36), nullable=False),  # the receiver's key against doubles
    Column("lane", String(130), nullable=False),  # an order's, or else a site's: one after the other
    Column("kind", String(16), nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String(8), nullable=False),  # waiting, sent, dead
    Column("attempts", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("next_attempt_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger, nullable=True),
    Column("status", Integer, nullable=True),  # of the last answer
    Column("last_error", Text, nullable=True),
    UniqueConstraint("webhook", "message", name="uq_webhook_delivery_message"),
    Index("ix_webhook_delivery_lane", "state", "webhook", "lane", "id"),
)
