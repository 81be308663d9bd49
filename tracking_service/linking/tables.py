"""The codes of lines beside their GTIN and label, and what was taught."""

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, String, Table

from tracking_service.tables import Exact, metadata

#: What else stands for a line: made anew with its order's document, the company's articles and what was taught.
line_code: Final = Table(
    "line_code",
    metadata,
    Column("line_id", String(130), ForeignKey("material_line.id", ondelete="CASCADE"), primary_key=True),
    Column("code", String(256), primary_key=True),  # a GTIN in 14 digits, or a text
    Column("quantity", Exact, nullable=False),  # so much of the line is one thing under this code
    Column("source", String(8), nullable=False),  # supplier, pack, article, taught
    Index("ix_line_code_code", "code"),
)

#: What clerks taught by linking a scan: from then on its code stands for this line, and for lines of the same item.
alias: Final = Table(
    "alias",
    metadata,
    Column("act_id", String(36), primary_key=True),
    Column("code", String(256), nullable=False),
    Column("line_id", String(130), nullable=False),
    Column("item", String(256), nullable=True),  # the line's GTIN, else its label; NULL: it has neither
    Column("quantity", Exact, nullable=False),
    Index("ix_alias_item", "item"),
    Index("ix_alias_line", "line_id"),
)
