"""The tables of tracking. `migrations/` makes them; a test holds the two together.

Times are UTC nanoseconds, quantities exact millionths. What can be recomputed from the inbox (`arrived`, `percent`,
`done_at`, `evidence`) stands here so that a screen need not: `progress` keeps it true in the transaction that changes it.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeDecorator

metadata: Final = MetaData()

_MILLION: Final = 1_000_000


class Exact(TypeDecorator[Decimal]):
    """A decimal with six places, kept as an integer: exact on SQLite too, which has only floating point."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Decimal to millionths."""
        return None if value is None else millionths(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Millionths to decimal."""
        return None if value is None else Decimal(int(value)) / _MILLION


def millionths(value: Decimal) -> int:
    """A decimal as `Exact` keeps it, for statements that go to the driver as they are."""
    return int(value * _MILLION)


def kept(value: Decimal) -> Decimal:
    """A decimal as it comes back from an `Exact` column."""
    return Decimal(millionths(value)) / _MILLION


def _order_column(*, primary_key: bool = False, nullable: bool = False) -> Column[str]:
    return Column(
        "order_number",
        String(64),
        ForeignKey("orders.number", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=nullable,
    )


orders: Final = Table(
    "orders",
    metadata,
    Column("number", String(64), primary_key=True),
    Column("site", String(64), nullable=False, index=True),
    Column("title_en", String(256), nullable=False),
    Column("title_zh", String(256), nullable=False),
    Column("customer", String(256), nullable=False),
    Column("document", Text, nullable=False),  # canonical JSON of the document it was imported from
    Column("imported_at", BigInteger, nullable=False),
)

material_line: Final = Table(
    "material_line",
    metadata,
    Column("id", String(130), primary_key=True),
    _order_column(),
    Column("ordinal", Integer, nullable=False),
    Column("line", String(64), nullable=False),
    Column("title_en", String(256), nullable=False),
    Column("title_zh", String(256), nullable=False),
    Column("gtin", String(14), nullable=True, index=True),
    Column("batch", String(64), nullable=True),
    Column("label", String(256), nullable=True, index=True),
    Column("unit", String(16), nullable=False),
    Column("expected", Exact, nullable=False),
    Column("arrived", Exact, nullable=False),
    Column("certified", Exact, nullable=False, server_default="0"),  # of what arrived: with its certificate
    Column("pieces", Integer, nullable=False, server_default="0"),  # how many arrivals count
    Column("certified_pieces", Integer, nullable=False, server_default="0"),
    Column("needed_by", BigInteger, nullable=True),
    Column("promised", BigInteger, nullable=True),
    Column("supplier", String(64), nullable=True),
    Column("certificate_required", Boolean, nullable=False),
    Index("ix_material_line_order", "order_number"),
    Index("ix_material_line_supplier", "supplier"),
)

delivery_unit: Final = Table(
    "delivery_unit",
    metadata,
    Column("sscc", String(18), primary_key=True),
    Column("line_id", String(130), ForeignKey("material_line.id", ondelete="CASCADE"), primary_key=True),
    Column("quantity", Exact, nullable=False),
    Column("delivery_note", String(64), nullable=False),
    Index("ix_delivery_unit_line", "line_id"),
)

#: Certificates that are there, by batch; an empty batch: one for the whole line.
certificate: Final = Table(
    "certificate",
    metadata,
    Column("line_id", String(130), ForeignKey("material_line.id", ondelete="CASCADE"), primary_key=True),
    Column("batch", String(64), primary_key=True),
    Column("document", String(256), nullable=False),
    Column("at", BigInteger, nullable=False, server_default="0"),  # when it came; 0: it stands in the order's document
)

#: What was last published of each site's manifest.
site_manifest: Final = Table(
    "site_manifest",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("epoch", String(64), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
)

milestone: Final = Table(
    "milestone",
    metadata,
    Column("id", String(130), primary_key=True),
    _order_column(),
    Column("ordinal", Integer, nullable=False),
    Column("title_en", String(256), nullable=False),
    Column("title_zh", String(256), nullable=False),
    Column("start", BigInteger, nullable=True),  # when work towards it begins; with `due` its plan
    Column("due", BigInteger, nullable=True),
    Column("policy", Text, nullable=False, server_default="{}"),  # canonical JSON, as it was declared
    Column("percent", Exact, nullable=False),
    Column("done_at", BigInteger, nullable=True),
    Column("evidence", Integer, nullable=False),
    Column("why_en", Text, nullable=False, server_default=""),
    Column("why_zh", Text, nullable=False, server_default=""),
    Column("wake_at", BigInteger, nullable=True),  # when time alone may change it
    Index("ix_milestone_order", "order_number"),
    Index("ix_milestone_due", "due"),
    Index("ix_milestone_wake", "wake_at"),
)

#: What a milestone's policy counts on (`domain.facts.Need`).
milestone_need: Final = Table(
    "milestone_need",
    metadata,
    Column("milestone_id", String(130), ForeignKey("milestone.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("key", String(400), primary_key=True),
    Index("ix_milestone_need_key", "key", "kind"),
)

#: The points of orders' inspection and test plans, and those that only a policy names: what a check seen on site may be of.
inspection_point: Final = Table(
    "inspection_point",
    metadata,
    _order_column(primary_key=True),
    Column("point", String(256), primary_key=True),
    Column("site", String(64), nullable=False),
    Column("title_en", String(256), nullable=False),
    Column("title_zh", String(256), nullable=False),
    Column("role", String(64), nullable=True),  # whose result counts
    Column("photo", Boolean, nullable=False),  # hidden work: it needs a picture
    Index("ix_inspection_point_site", "site", "point"),
)

subscription: Final = Table(
    "subscription",
    metadata,
    _order_column(primary_key=True),
    Column("email", String(254), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("language", String(2), nullable=False),
)

#: What came of lines and went back: every scan that was linked, counted or seen again, and returns (the office's acts).
evidence: Final = Table(
    "evidence",
    metadata,
    Column("event_id", String(36), primary_key=True),
    Column("line_id", String(130), ForeignKey("material_line.id", ondelete="CASCADE"), primary_key=True),
    Column("site", String(64), nullable=False),
    Column("device", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("piece", String(300), nullable=False),
    Column("quantity", Exact, nullable=False),  # less than 0: it went back
    Column("batch", String(256), nullable=True),
    Column("certified", Boolean, nullable=False, server_default=true()),  # its certificate is there, or none is asked for
    Column("certified_at", BigInteger, nullable=False, server_default="0"),  # when that came, where it came later
    Column("counted", Exact, nullable=False, server_default="0"),  # what of it counts: of several scans of a piece the first
    Index("ix_evidence_piece", "line_id", "piece"),
    Index("ix_evidence_line", "line_id", "at"),
)

#: Scans that belong to no line, inspections that belong to no order, and events that could not be taken in.
unlinked_scan: Final = Table(
    "unlinked_scan",
    metadata,
    Column("event_id", String(36), primary_key=True),
    Column("site", String(64), nullable=False),
    Column("device", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("text", String(256), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("reason_en", String(512), nullable=False),
    Column("reason_zh", String(512), nullable=False),
    Column("kind", String(16), nullable=False, server_default="scan"),  # scan, inspection
    Index("ix_unlinked_scan_site_at", "site", "at"),
)

#: The outbox of notices: written with the state that caused them, sent from here only.
#: `gathered` ones wait for a digest (or for its time alone), `folded` ones went into one, `recalled` ones turned out wrong
#: before they left.
notice: Final = Table(
    "notice",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("dedup_key", String(300), nullable=False),
    Column("recipient", String(254), nullable=False),  # a mail address; of another way out <way>:<address>
    Column("name", String(128), nullable=False),
    Column("language", String(2), nullable=False),
    Column("subject", String(512), nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String(8), nullable=False),  # waiting, sent, dead, gathered, folded, recalled
    Column("attempts", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("next_attempt_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger, nullable=True),
    Column("last_error", Text, nullable=True),
    Column("way", String(32), nullable=False, server_default="mail"),
    Column("person", String(64), nullable=True),  # the recipient it was made for; NULL: an address that an order names
    Column("kind", String(16), nullable=False, server_default=""),
    Column("about", String(130), nullable=False, server_default=""),  # what it is about: a milestone's id …
    Column("site", String(64), nullable=False, server_default=""),
    Column("order_number", String(64), nullable=True),
    Column("matter", String(300), nullable=False, server_default=""),  # what somebody takes on by acknowledging it
    Column("claim", BigInteger, nullable=True),  # what it says of the milestone, see domain.notice.stands
    Column("corrected_at", BigInteger, nullable=True),  # it is not what we say any more
    Column("html", Text, nullable=True),
    Column("catch_up", Boolean, nullable=False, server_default=false()),  # held until its site's gateways have caught up
    Column("folded_into", BigInteger, nullable=True),  # the digest that tells it
    Column("next_at", BigInteger, nullable=True),  # when the next person hears of it, unless it is acknowledged
    Column("path", Text, nullable=True),  # JSON: the people who heard of it before, where it was passed on
    Column("answers", Text, nullable=True),  # JSON: keys of the notices that it is about
    Column("texts", Text, nullable=True),  # JSON: subject and body by language, where it may be passed on
    UniqueConstraint("dedup_key", "recipient", name="uq_notice_dedup_key"),
    Index("ix_notice_waiting", "state", "next_attempt_at"),
    Index("ix_notice_about", "about"),
    Index("ix_notice_next_at", "next_at"),
)

#: Where each person last checked in or out.
presence: Final = Table(
    "presence",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("person", String(256), primary_key=True),
    Column("place", String(256), nullable=False),
    Column("direction", String(3), nullable=False),
    Column("role", String(256), nullable=True),
    Column("at", BigInteger, nullable=False),
)

#: What each machine last said of itself.
equipment_state: Final = Table(
    "equipment_state",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("device", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("since", BigInteger, nullable=False),  # the first event of an unbroken run of this state
    Column("at", BigInteger, nullable=False),  # the newest event
    Column("code", String(256), nullable=True),
)

#: Every state that a machine told: what its hours are computed from.
machine_state: Final = Table(
    "machine_state",
    metadata,
    Column("event_id", String(36), primary_key=True),
    Column("site", String(64), nullable=False),
    Column("device", String(64), nullable=False),
    Column("gateway", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("code", String(256), nullable=True),
    Column("at", BigInteger, nullable=False),
    Index("ix_machine_state_device_at", "site", "device", "at"),
)

#: Which hours of a machine are to be written (anew) into the series store.
machine_hours: Final = Table(
    "machine_hours",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("device", String(64), primary_key=True),
    Column("dirty_from", BigInteger, nullable=False),  # hours before this one stand in the series store as they are
    Column("known_until", BigInteger, nullable=False),  # how far its gateway had told when they were written
    Column("version", BigInteger, nullable=False),  # counts what was told: who writes hours sees whether more came meanwhile
)

#: The evidence that stands in the series store, so that what does not count any more can be taken back there.
evidence_point: Final = Table(
    "evidence_point",
    metadata,
    Column("milestone_id", String(130), primary_key=True),
    Column("at", BigInteger, primary_key=True),  # the point's time
    _order_column(),
    Column("event_id", String(36), nullable=False),
    Column("line_id", String(130), nullable=False),
    Column("quantity", Exact, nullable=False),
    Index("ix_evidence_point_order", "order_number"),
)

#: What happened lately, as the wall tells it; the oldest make room.
activity: Final = Table(
    "activity",
    metadata,
    Column("id", String(300), primary_key=True),
    Column("site", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("text_en", String(512), nullable=False),
    Column("text_zh", String(512), nullable=False),
    Column("level", String(4), nullable=False),
    Index("ix_activity_site_at", "site", "at"),
)

#: The most rows in one INSERT: SQLite takes 32,766 parameters, PostgreSQL's protocol 32,767; no table here has 30 columns.
_ROWS: Final = 1_000


async def insert_new(connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert the rows that are not there yet (by any unique key); returns how many were new."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    new = 0
    for start in range(0, len(rows), _ROWS):
        statement = dialect.insert(table).values(list(rows[start : start + _ROWS])).on_conflict_do_nothing()
        new += (await connection.execute(statement)).rowcount
    return new


async def insert_all(connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows that are not there yet, by one statement for each: quicker than `insert_new`, which counts them."""
    if rows:
        await connection.execute(_new(table, connection.dialect.name), rows)


@cache
def _new(table: Table, dialect: str) -> postgresql.Insert | sqlite.Insert:
    made = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    return made.on_conflict_do_nothing()


def insert(connection: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that knows `on_conflict_do_update`, in the connection's dialect."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
