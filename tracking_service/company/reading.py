"""What the tables say of the company."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.among import among
from plumbline.linking import Known
from plumbline.text import Text
from tracking_service.company.tables import article_code, company, company_code, person, person_role, supplier, supplier_prefix
from tracking_service.document.company import CompanyDocument, TemplateDocument

#: GS1 company prefixes have so many digits.
_PREFIX_DIGITS = range(4, 13)
_NAMES: Final = select(company_code).where(among(company_code.c.code, "codes"))


class Person(NamedTuple):
    """Somebody of the company."""

    id: str
    name: str
    email: str | None
    phone: str
    language: str
    roles: frozenset[str]


async def people(connection: AsyncConnection, ids: Collection[str] | None = None) -> Mapping[str, Person]:
    """People by id; `ids`: only these."""
    statement, roles_of = select(person), select(person_role)
    if ids is not None:
        statement, roles_of = statement.where(person.c.id.in_(ids)), roles_of.where(person_role.c.person.in_(ids))
    roles: defaultdict[str, set[str]] = defaultdict(set)
    for row in await connection.execute(roles_of):
        roles[row.person].add(row.role)
    return {
        row.id: Person(row.id, row.name, row.email, row.phone, row.language, frozenset(roles[row.id]))
        for row in await connection.execute(statement)
    }


async def names_of(connection: AsyncConnection, codes: Collection[str]) -> Mapping[str, Known]:
    """Of these codes the badges of people and the tags of machines."""
    if not codes:
        return {}
    rows = await connection.execute(_NAMES, {"codes": codes})
    return {row.code: Known(row.kind, row.ref, Text(row.title_en, row.title_zh)) for row in rows}


async def articles_of(connection: AsyncConnection, codes: Collection[str]) -> Mapping[str, frozenset[str]]:
    """By code: every code of the same article, that one among them; codes of no article are left out."""
    if not codes:
        return {}
    asked = select(article_code.c.article).where(article_code.c.code.in_(codes))
    every: defaultdict[str, set[str]] = defaultdict(set)
    article: dict[str, str] = {}
    for row in await connection.execute(select(article_code).where(article_code.c.article.in_(asked))):
        every[row.article].add(row.code)
        article[row.code] = row.article
    return {code: frozenset(every[article[code]]) for code in codes if code in article}


async def articles(connection: AsyncConnection) -> Mapping[str, str]:
    """Every code of an article, with the article's own."""
    return {row.code: row.article for row in await connection.execute(select(article_code))}


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    """Every code of those articles that have other codes than before."""
    groups: list[defaultdict[str, set[str]]] = []
    for known in (before, after):
        grouped: defaultdict[str, set[str]] = defaultdict(set)
        for code, article in known.items():
            grouped[article].add(code)
        groups.append(grouped)
    old, new = groups
    return {code for article in old.keys() | new.keys() if old[article] != new[article] for code in old[article] | new[article]}


async def supplier_of(connection: AsyncConnection, sscc: str) -> str | None:
    """Whose pallet it is: the supplier with the longest prefix behind the extension digit (AI 00); `None`: nobody known."""
    prefixes = [sscc[1 : 1 + digits] for digits in _PREFIX_DIGITS]
    rows = (await connection.execute(select(supplier_prefix).where(supplier_prefix.c.prefix.in_(prefixes)))).all()
    return max(rows, key=lambda row: len(row.prefix)).supplier if rows else None


async def suppliers(connection: AsyncConnection) -> Mapping[str, Text]:
    """What the company document calls its suppliers, by id."""
    return {row.id: Text(row.title_en, row.title_zh) for row in await connection.execute(select(supplier))}


async def template(connection: AsyncConnection, name: str) -> TemplateDocument | str:
    """A template of orders, or why there is none, with the names of those that are."""
    document = (await connection.execute(select(company.c.document))).scalar()
    if document is None:
        return "no company document is imported that has templates"
    templates = {one.id: one for one in CompanyDocument.model_validate_json(document).templates}
    if name in templates:
        return templates[name]
    return f"there is no template '{name}'; use {', '.join(sorted(templates)) or 'none: the company document has no templates'}"
