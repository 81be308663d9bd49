"""The tables between ingest and tracking: ingest writes them, tracking reads them. Ingest's migrations make them.

`inbox` is the append-only log of what the site said: every business event, and what tracking needs of telemetry.
`gateway` is what is known of each gateway right now. Of readings tracking needs the minutes of the metrics that some policy
names: it writes which in `watched`, the keeper of rollups writes them to `minute_summary` (`ingest.rollups.summaries`).
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    false,
)

metadata: Final = MetaData()

inbox: Final = Table(
    "inbox",
    metadata,
    # the order of arrival; on SQLite only INTEGER counts by itself
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("event_id", String(36), nullable=False),
    Column("site", String(64), nullable=False),
    Column("gateway", String(64), nullable=False),
    Column("device", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),  # ns, the event's own time
    Column("received_at", BigInteger, nullable=False),  # ns, when ingest committed it
    Column("body", LargeBinary, nullable=False),  # the event as JSON, byte for byte what `codec.decode_event` reads
    Column("processed_at", BigInteger, nullable=True),  # ns, when tracking took it in; NULL: waiting
    Column("projected", Boolean, nullable=False, server_default=false()),  # its points are in the series store
    UniqueConstraint("event_id", name="uq_inbox_event_id"),
    sqlite_autoincrement=True,
)
Index(
    "ix_inbox_waiting",
    inbox.c.position,
    sqlite_where=inbox.c.processed_at.is_(None),
    postgresql_where=inbox.c.processed_at.is_(None),
)
Index("ix_inbox_unprojected", inbox.c.position, sqlite_where=~inbox.c.projected, postgresql_where=~inbox.c.projected)

gateway: Final = Table(
    "gateway",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("gateway", String(64), primary_key=True),
    Column("online", Boolean, nullable=False),
    Column("since", BigInteger, nullable=False),  # ns, when `online` last changed
    Column("last_seen", BigInteger, nullable=False),  # ns, when ingest last heard anything of it
    Column("data_until", BigInteger, nullable=True),  # ns, the newest event time committed: behind it nothing is known
    Column("agent", String(64), nullable=True),
    Column("health", LargeBinary, nullable=True),  # the last `health` event as JSON
)

#: Metrics of which tracking wants the minutes; tracking writes it.
watched: Final = Table(
    "watched",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("device", String(64), primary_key=True),
    Column("metric", String(64), primary_key=True),
    Column("filled", Boolean, nullable=False, server_default=false()),  # the minutes of before it was watched are there
)

#: The minutes of watched metrics, as they are now: late readings write one anew.
minute_summary: Final = Table(
    "minute_summary",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("device", String(64), primary_key=True),
    Column("metric", String(64), primary_key=True),
    Column("minute", BigInteger, primary_key=True, autoincrement=False),  # since 1970
    Column("measurement", String(64), primary_key=True),
    Column("low", Float, nullable=False),
    Column("high", Float, nullable=False),
    Column("mean", Float, nullable=False),
    Column("readings", Integer, nullable=False),  # 0: what there was lies elsewhere now
    Column("changed", BigInteger, nullable=False),  # `summary_count` when it was written last
)
Index("ix_minute_summary_changed", minute_summary.c.changed)

#: Counts what was written to `minute_summary` (`written`), and how far tracking has read it (`read`). Whoever writes locks the
#: row until the end of the transaction: numbers are seen in their order.
summary_count: Final = Table(
    "summary_count",
    metadata,
    Column("name", String(8), primary_key=True),
    Column("number", BigInteger, nullable=False),
)
