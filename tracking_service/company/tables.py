"""The company's tables: made anew from its document whenever that changes."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, String, Table, Text

from tracking_service.tables import metadata

company: Final = Table(
    "company",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("document", Text, nullable=False),  # canonical JSON of the document it was imported from
    Column("imported_at", BigInteger, nullable=False),
)

person: Final = Table(
    "person",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(256), nullable=False),
    Column("email", String(254), nullable=True),
    Column("phone", String(32), nullable=False),
    Column("language", String(2), nullable=False),
)

person_role: Final = Table(
    "person_role",
    metadata,
    Column("person", String(64), primary_key=True),
    Column("role", String(64), primary_key=True),
)

#: What the company calls its roles.
role_title: Final = Table(
    "role_title",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("title_en", String(256), nullable=False),
    Column("title_zh", String(256), nullable=False),
)

#: Badges of people and tags of machines, by code.
company_code: Final = Table(
    "company_code",
    metadata,
    Column("code", String(256), primary_key=True),
    Column("kind", String(16), nullable=False),  # person, equipment
    Column("ref", String(64), nullable=False),
    Column("title_en", String(256), nullable=False),
    Column("title_zh", String(256), nullable=False),
)

supplier: Final = Table(
    "supplier",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("title_en", String(256), nullable=False),
    Column("title_zh", String(256), nullable=False),
    Column("email", String(254), nullable=True),
)

supplier_prefix: Final = Table(
    "supplier_prefix",
    metadata,
    Column("prefix", String(12), primary_key=True),
    Column("supplier", String(64), nullable=False),
)

#: Every code of an article, its own among them, with the one that it is known by.
article_code: Final = Table(
    "article_code",
    metadata,
    Column("code", String(256), primary_key=True),
    Column("article", String(256), nullable=False),
    Index("ix_article_code_article", "article"),
)
