"""The finish that was last told of an order, so that only a move is news."""

from typing import Final

from sqlalchemy import BigInteger, Column, String, Table

from tracking_service.tables import metadata

expected_finish: Final = Table(
    "expected_finish",
    metadata,
    Column("order_number", String(64), primary_key=True),
    Column("p50", BigInteger, nullable=False),
    Column("p80", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)
