"""The tables of the log, of office acts, and of what the log moved."""

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from tracking_service.tables import Exact, metadata

#: Everything that state is made of, in the order in which it was made of it. Nothing here is ever changed or taken away.
log: Final = Table(
    "log",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),  # from 1, without holes
    Column("recorded_at", BigInteger, nullable=False),
    Column("kind", String(5), nullable=False),  # event, act
    Column("ref", String(36), nullable=False),  # the event's id (it stands in the inbox) or the act's
    Column("site", String(64), nullable=False),
    Column("body", Text, nullable=True),  # an act's JSON
    Index("ix_log_ref", "ref"),
)

#: One row: who appends locks it first, so positions are the order in which state was made.
log_head: Final = Table(
    "log_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
)

#: The office's acts, as they stand in the log, to be found by what they are about.
act: Final = Table(
    "act",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("person", String(128), nullable=True),
    Column("site", String(64), nullable=False),
    Column("order_number", String(64), nullable=True),
    Column("about", String(130), nullable=True),  # the event, act, line, milestone or code in question
    Column("body", Text, nullable=True),  # NULL: an order document, which stands in the log alone
    Index("ix_act_about", "about"),
    Index("ix_act_order", "order_number", "position"),
    Index("ix_act_site", "site", "position"),
)

#: Events and acts that do not count.
voided: Final = Table(
    "voided",
    metadata,
    Column("ref", String(36), primary_key=True),
    Column("act_id", String(36), nullable=False),
    Column("why", Text, nullable=False),
)

#: Every move of a milestone, with what moved it.
transition: Final = Table(
    "transition",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("milestone_id", String(130), ForeignKey("milestone.id", ondelete="CASCADE"), nullable=False),
    Column("at", BigInteger, nullable=False),  # observation time
    Column("recorded_at", BigInteger, nullable=False),
    Column("before", Exact, nullable=False),  # percent
    Column("after", Exact, nullable=False),
    Column("done_before", BigInteger, nullable=True),
    Column("done_after", BigInteger, nullable=True),
    Column("why_en", Text, nullable=False),
    Column("why_zh", Text, nullable=False),
    Column("cause", String(10), nullable=False),  # seen, corrected, order, time, rebuild
    Column("causes", Text, nullable=False),  # JSON: ids of events and acts, the first of them
    Index("ix_transition_milestone", "milestone_id", "id"),
)
