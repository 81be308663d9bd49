"""The SQL tables of direct devices."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table, Text

from ingest.tables import metadata


def _place() -> list[Column[str]]:
    return [Column("site", String(64), primary_key=True), Column("gateway", String(64), primary_key=True)]


direct_lane: Final = Table(
    "direct_lane",
    metadata,
    *_place(),
    Column("token", String(64), nullable=True),  # of whoever holds it; NULL: nobody
    Column("worker", String(64), nullable=True),  # the holder's name; NULL: given back
    Column("beat", BigInteger, nullable=False, server_default="0"),  # counts up while the holder lives
    Column("heard_until", BigInteger, nullable=True),  # ns, when we were certainly subscribed last
)

direct_cursor: Final = Table(
    "direct_cursor",
    metadata,
    *_place(),
    Column("event_class", String(16), primary_key=True),
    Column("position", BigInteger, nullable=False, server_default="0"),  # all messages up to here are read and committed
)

direct_message: Final = Table(
    "direct_message",
    metadata,
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("site", String(64), nullable=False),
    Column("gateway", String(64), nullable=False),
    Column("received_at", BigInteger, nullable=False),  # ns, strictly increasing per lane
    Column("topic", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),  # bytes of the payload
    Column("retain", Boolean, nullable=False),  # the broker had kept it from before
    Column("again", Boolean, nullable=False),  # a dead letter that is taken once more
    sqlite_autoincrement=True,  # a position is never given twice, whatever was removed
)
Index("ix_direct_message_lane", direct_message.c.site, direct_message.c.gateway, direct_message.c.position)

direct_seen: Final = Table(
    "direct_seen",
    metadata,
    *_place(),
    Column("packet_id", Integer, primary_key=True, autoincrement=False),  # the broker's number of the message, 1 to 65535
    Column("digest", String(64), nullable=False),  # SHA-256 of its topic and payload
    Column("seen_at", BigInteger, nullable=False),  # ns
)

direct_tally: Final = Table(
    "direct_tally",
    metadata,
    *_place(),
    Column("epoch", String(64), primary_key=True),
    Column("messages", BigInteger, nullable=False, server_default="0"),  # taken from the broker, each once
    Column("redelivered", BigInteger, nullable=False, server_default="0"),  # came again, passed over
    Column("qos0", BigInteger, nullable=False, server_default="0"),  # of the messages, those that nobody sends again
    Column("retained", BigInteger, nullable=False, server_default="0"),  # of the messages, those kept from before, passed over
    Column("first_seen", BigInteger, nullable=False),  # ns
    Column("last_seen", BigInteger, nullable=False),  # ns
)

direct_gap: Final = Table(
    "direct_gap",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("site", String(64), nullable=False),
    Column("gateway", String(64), nullable=False),
    Column("since", BigInteger, nullable=False),  # ns, when we were certainly subscribed last
    Column("until", BigInteger, nullable=False),  # ns, when we were again
    Column("kept", Boolean, nullable=False),  # the broker kept QoS 1 messages for us meanwhile; those of QoS 0 are gone
    sqlite_autoincrement=True,
)
Index("ix_direct_gap_lane", direct_gap.c.site, direct_gap.c.gateway, direct_gap.c.id)
