"""The tables of what was seen, one for each kind; what scans brought is `tracking_service.tables.evidence`."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, String, Table

from tracking_service.tables import Exact, metadata

#: Every time somebody came or went.
check_in: Final = Table(
    "check_in",
    metadata,
    Column("event_id", String(36), primary_key=True),
    Column("site", String(64), nullable=False),
    Column("gateway", String(64), nullable=False),
    Column("person", String(256), nullable=False),
    Column("place", String(256), nullable=False),
    Column("direction", String(3), nullable=False),
    Column("role", String(256), nullable=True),
    Column("at", BigInteger, nullable=False),
    Index("ix_check_in_place", "site", "place", "at"),
    Index("ix_check_in_person", "site", "person", "at"),
)

#: Checks of the inspection and test plan, seen on site or noted in the office.
inspection: Final = Table(
    "inspection",
    metadata,
    Column("id", String(36), primary_key=True),  # the event's or the act's
    Column("site", String(64), nullable=False),
    Column("order_number", String(256), nullable=True),  # NULL: it waits for a person
    Column("point", String(256), nullable=False),
    Column("result", String(16), nullable=False),
    Column("person", String(256), nullable=True),
    Column("photo", String(256), nullable=True),
    Column("at", BigInteger, nullable=False),
    Column("told_order", String(256), nullable=True),  # what it says itself
    Column("told_point", String(256), nullable=False, server_default=""),
    Column("role", String(64), nullable=True),  # the role that the point asked for when it was taken
    Column(
        "doubted_until", BigInteger, nullable=False, server_default="0"
    ),  # till then another order may explain it; -1: a person did
    Index("ix_inspection_point", "order_number", "point"),
    Index("ix_inspection_told", "site", "told_point"),
    Index("ix_inspection_told_order", "told_order"),
)

#: Who signed which milestone off, or took that back.
sign_off: Final = Table(
    "sign_off",
    metadata,
    Column("act_id", String(36), primary_key=True),
    Column("milestone_id", String(130), nullable=False),  # it may go with a change of the order and come back
    Column("role", String(64), nullable=False),
    Column("person", String(128), nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("ix_sign_off_milestone", "milestone_id", "role"),
)

#: When so much of a line was there as some policy asks for: the earliest time from which on it was never less again.
line_level: Final = Table(
    "line_level",
    metadata,
    Column("line_id", String(130), ForeignKey("material_line.id", ondelete="CASCADE"), primary_key=True),
    Column("quantity", Exact, primary_key=True),
    Column("certified", Boolean, primary_key=True),  # counting only what has its certificate
    Column("reached_at", BigInteger, nullable=True),
)
