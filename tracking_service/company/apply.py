"""Take in a company document: the same again changes nothing, another replaces the last."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Table, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tracking_service.company.tables import (
    article_code,
    company,
    company_code,
    person,
    person_role,
    role_title,
    supplier,
    supplier_prefix,
)
from tracking_service.document.company import CompanyDocument
from tracking_service.tables import insert, insert_new

#: What a document is taken apart into.
PARTS: Final = (person, person_role, role_title, company_code, supplier, supplier_prefix, article_code)


async def apply(connection: AsyncConnection, document: CompanyDocument, now: int) -> bool:
    """Put a company document in place, in the caller's transaction; whether it changed anything."""
    canonical = document.canonical()
    known = (await connection.execute(select(company.c.document).where(company.c.id == document.company))).scalar()
    if known == canonical:
        return False
    await connection.execute(delete(company).where(company.c.id != document.company))  # one company, whatever its id was
    values = {"document": canonical, "imported_at": now}
    statement = insert(connection, company).values(id=document.company, **values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))
    rows = _rows(document)
    for table in PARTS:
        await connection.execute(delete(table))
        await insert_new(connection, table, rows[table])
    return True


def _rows(document: CompanyDocument) -> Mapping[Table, Sequence[Mapping[str, Any]]]:
    coded = [(code, "person", one.id, one.name, one.name) for one in document.people for code in one.badges]
    coded += [(code, "equipment", one.id, one.title.en, one.title.zh) for one in document.equipment for code in one.codes]
    return {
        person: [
            {"id": one.id, "name": one.name, "email": one.email, "phone": one.phone, "language": one.language}
            for one in document.people
        ],
        person_role: [{"person": one.id, "role": role} for one in document.people for role in dict.fromkeys(one.roles)],
        role_title: [{"id": one.id, "title_en": one.title.en, "title_zh": one.title.zh} for one in document.roles],
        company_code: [dict(zip(("code", "kind", "ref", "title_en", "title_zh"), each, strict=True)) for each in coded],
        supplier: [
            {"id": one.id, "title_en": one.title.en, "title_zh": one.title.zh, "email": one.email} for one in document.suppliers
        ],
        supplier_prefix: [{"prefix": prefix, "supplier": one.id} for one in document.suppliers for prefix in one.prefixes],
        article_code: [
            {"code": code, "article": one.code} for one in document.articles for code in (one.code, *one.also, *one.gtins)
        ],
    }
