"""The tables of notices, beside the outbox itself (`tracking_service.tables.notice`). Times are UTC nanoseconds."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, String, Table, Text

from tracking_service.tables import metadata

#: People who want notices, and how.
recipient: Final = Table(
    "recipient",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("language", String(2), nullable=False),
    Column("zone", String(64), nullable=True),  # IANA; NULL: the site's
    Column("ways", Text, nullable=False),  # JSON: [[way, address], …]
    Column("quiet_from", Integer, nullable=True),  # minutes of the local day
    Column("quiet_until", Integer, nullable=True),
    Column("urgent", Text, nullable=False),  # JSON: the kinds that pass quiet hours
    Column("digest_at", Integer, nullable=False),  # minutes of the local day
    Column("weekday", Integer, nullable=False),  # of the weekly report: 1 is Monday (ISO 8601)
    Column("next_person", String(64), nullable=True),  # who hears of what this person does not acknowledge
    Column("next_after_s", Integer, nullable=True),
    Column("next_kinds", Text, nullable=False),  # JSON: the kinds that must be acknowledged
    Column("created_at", BigInteger, nullable=False),
)

#: What a recipient wants to hear: the most specific wish decides. Empty: any.
wish: Final = Table(
    "wish",
    metadata,
    Column("recipient", String(64), ForeignKey("recipient.id", ondelete="CASCADE"), primary_key=True),
    Column("site", String(64), primary_key=True),
    Column("order_number", String(64), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("mode", String(9), nullable=False),  # immediate, digest, weekly, off
    Column("created_at", BigInteger, nullable=False),
)

#: Matters that somebody has taken on.
acknowledgement: Final = Table(
    "acknowledgement",
    metadata,
    Column("matter", String(300), primary_key=True),
    Column("person", String(128), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("by_link", Boolean, nullable=False),
)

#: What was told of the date of an open milestone.
due_told: Final = Table(
    "due_told",
    metadata,
    Column("milestone_id", String(130), ForeignKey("milestone.id", ondelete="CASCADE"), primary_key=True),
    Column("due", BigInteger, nullable=False),
    Column("what", String(8), nullable=False),  # unknown, late
)

#: Random keys that this installation made for itself, by what they are for.
own_key: Final = Table(
    "own_key",
    metadata,
    Column("purpose", String(32), primary_key=True),
    Column("key", String(64), nullable=False),
)
