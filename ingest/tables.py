"""The tables that belong to ingest alone: the ledger, what was asked for, the workers, the dead letters, the time of boots.

What tracking reads too (`inbox`, `gateway`) stands in `plumbline.inbox`. `ingest/migrations/` makes both; a test holds them together.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text, UniqueConstraint

metadata: Final = MetaData()

COUNTS: Final = ("received", "duplicate", "late", "dead", "thinned", "lost")


def _stream_columns() -> list[Column[str]]:
    return [
        Column("site", String(64), primary_key=True),
        Column("gateway", String(64), primary_key=True),
        Column("epoch", String(64), primary_key=True),
        Column("event_class", String(16), primary_key=True),
    ]


def _counts() -> list[Column[int]]:
    """`received`: taken in; `duplicate`: came again, not written; `late`: of the received, long after they happened;
    `dead`: refused, kept as dead letters; `thinned`: dropped by the gateway's policy, as it told us; `lost`: asked for, and
    the gateway will never have it again, as it told us."""  # noqa: D205, D209 - one sentence
    return [Column(name, BigInteger, nullable=False, server_default="0") for name in COUNTS]


ledger_stream: Final = Table(
    "ledger_stream",
    metadata,
    *_stream_columns(),
    Column("upto", BigInteger, nullable=False, server_default="0"),  # the watermark: 1..upto are settled
    Column("beyond", Text, nullable=False, server_default="[]"),  # settled ranges above it, JSON [[first,last],…]
    *_counts(),
    Column("first_seen", BigInteger, nullable=False),  # ns, ingest's clock
    Column("last_seen", BigInteger, nullable=False),
)

ledger_day: Final = Table(
    "ledger_day",
    metadata,
    *_stream_columns(),
    Column("day", String(10), primary_key=True),  # ISO date in the site's zone, by the event's own time
    *_counts(),
    Column("first_seq", BigInteger, nullable=False),  # smallest and largest number of that day: tells whose day a hole is
    Column("last_seq", BigInteger, nullable=False),
)

ledger_thinned: Final = Table(
    "ledger_thinned",
    metadata,
    *_stream_columns(),
    Column("first", BigInteger, primary_key=True),
    Column("last", BigInteger, nullable=False),
    Column("told_at", BigInteger, nullable=False),  # ns, when the gateway's word was committed
)

ledger_lost: Final = Table(
    "ledger_lost",
    metadata,
    *_stream_columns(),
    Column("first", BigInteger, primary_key=True),
    Column("last", BigInteger, nullable=False),
    Column("told_at", BigInteger, nullable=False),  # ns, when the gateway's word was committed
)

gap_request: Final = Table(
    "gap_request",
    metadata,
    *_stream_columns(),
    Column("times", Integer, nullable=False, server_default="0"),  # how often missing numbers were asked for
    Column("asked_at", BigInteger, nullable=True),  # ns, the last time; NULL: never
    Column("asked", Text, nullable=False, server_default="[]"),  # what was asked for then, JSON [[first,last],…]
    Column(
        "upto", BigInteger, nullable=False, server_default="0"
    ),  # the watermark then: where it has not moved, we wait longer
    Column("in_vain", Integer, nullable=False, server_default="0"),  # times in a row since when the watermark has not moved
    Column("probed_at", BigInteger, nullable=True),  # ns, when it was last asked for what may lie behind the highest number
)

worker_lease: Final = Table(
    "worker_lease",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("token", String(32), nullable=False),  # of whoever has it
    Column("process", String(32), nullable=False),
    Column("host", String(64), nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("since", BigInteger, nullable=False),  # ns
    Column("seen_at", BigInteger, nullable=False),  # ns, when it was renewed last
)

clock_reference: Final = Table(
    "clock_reference",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("gateway", String(64), primary_key=True),
    Column("boot", String(256), primary_key=True),
    Column("quality", String(8), nullable=False),  # who knew the time first: ntp, gps
    Column("offset_ns", BigInteger, nullable=False),  # UTC minus the gateway's monotonic clock
    Column("before_ns", BigInteger, nullable=False),  # of the monotonic clock: what was stamped before is corrected
    Column("told_at", BigInteger, nullable=False),  # ns, ingest's clock
)

dead_letter: Final = Table(
    "dead_letter",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("received_at", BigInteger, nullable=False),  # ns
    Column("topic", String(512), nullable=False),
    Column("site", String(64), nullable=True),
    Column("gateway", String(64), nullable=True),
    Column("epoch", String(64), nullable=True),
    Column("event_class", String(16), nullable=True),
    Column("seq", BigInteger, nullable=True),  # NULL: a whole message whose numbers are not known
    Column("reason", String(32), nullable=False),  # a short stable word
    Column("detail", Text, nullable=False),  # what was wrong, where, what to do
    Column("payload", LargeBinary, nullable=False),  # the event's JSON, or the message as far as it is kept
    Column("size", BigInteger, nullable=False),  # bytes of the whole payload: larger than what is kept means cut
    Column("digest", String(64), nullable=False),  # the same letter twice is one letter
    Column("times", Integer, nullable=False, server_default="1"),  # how often it came
    Column("booked_day", String(10), nullable=True),  # the ledger day that counts it as dead; NULL: the ledger does not
    Column("replay_requested_at", BigInteger, nullable=True),  # ns; ingest's next round takes it up
    Column("replayed_at", BigInteger, nullable=True),  # ns
    Column("device", String(64), nullable=True),  # as the event names it, where that can be read
    Column("last_at", BigInteger, nullable=True),  # ns, when it came last; NULL in letters of before this column
    Column("original", LargeBinary, nullable=True),  # the payload as it came, where a person mended it
    Column("corrected_at", BigInteger, nullable=True),  # ns
    UniqueConstraint("digest", name="uq_dead_letter_digest"),
    sqlite_autoincrement=True,
)
Index("ix_dead_letter_room", *(dead_letter.c[name] for name in ("event_class", "reason", "replayed_at", "size", "id")))
Index(
    "ix_dead_letter_replay",
    dead_letter.c.id,
    sqlite_where=dead_letter.c.replay_requested_at.is_not(None),
    postgresql_where=dead_letter.c.replay_requested_at.is_not(None),
)

tag_value: Final = Table(
    "tag_value",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("tag", String(16), primary_key=True),  # device, measurement, field
    Column("scope", String(64), primary_key=True),  # a field's measurement; else empty
    Column("value", String(64), primary_key=True),
    Column("first_at", BigInteger, nullable=False),  # ns, when it was admitted
)
