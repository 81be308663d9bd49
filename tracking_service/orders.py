"""Import orders: repeatable, and everything that was scanned before falls into place."""

from collections.abc import Mapping
from datetime import tzinfo
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.codec import decode_event
from plumbline.errors import CodecError
from plumbline.event import Scan
from plumbline.inbox import inbox
from plumbline.material import part_id
from plumbline.site import SiteFile
from tracking_service.document import OrderDocument, nanoseconds
from tracking_service.draft import Draft
from tracking_service.errors import OrderRefusedError
from tracking_service.outcome import Outcome
from tracking_service.tables import (
    certificate,
    delivery_unit,
    evidence,
    insert,
    insert_new,
    material_line,
    milestone,
    milestone_line,
    orders,
    subscription,
    unlinked_scan,
)

#: An import looks through so many of the newest unlinked scans of the site.
_LOOKED_AGAIN: Final = 10_000


class Imported(NamedTuple):
    """What an import did."""

    number: str
    status: Literal["added", "changed", "unchanged"]
    outcome: Outcome


async def import_order(
    connection: AsyncConnection,
    document: OrderDocument,
    *,
    sites: Mapping[str, SiteFile],
    zones: Mapping[str, tzinfo],
    now: int,
) -> Imported:
    """Take in an order document, in the caller's transaction; the same document again changes nothing.

    Scans of the order, and scans of its site that waited unlinked, are linked anew. Raises `OrderRefusedError` where the
    order stands on a site that is not known, or has been imported for another one.
    """
    if sites and document.site not in sites:
        raise OrderRefusedError(f"order {document.number}: site: '{document.site}' is not known; use {', '.join(sites)}")
    canonical = document.canonical()
    known = (await connection.execute(select(orders).where(orders.c.number == document.number).with_for_update())).first()
    if known is not None and known.document == canonical:
        return Imported(document.number, "unchanged", Outcome())
    if known is not None and known.site != document.site:
        raise OrderRefusedError(
            f"order {document.number}: site: it belongs to '{known.site}' already; give the order on '{document.site}' a number of its own"
        )
    before = select(evidence.c.event_id).where(
        evidence.c.line_id.in_(select(material_line.c.id).where(material_line.c.order_number == document.number))
    )
    linked = set((await connection.execute(before)).scalars())
    await _write(connection, document, canonical, now)
    outcome = await _link_again(connection, document, linked, sites=sites, zones=zones, now=now)
    return Imported(document.number, "added" if known is None else "changed", outcome)


async def _write(connection: AsyncConnection, document: OrderDocument, canonical: str, now: int) -> None:
    number = document.number
    values = {
        "site": document.site,
        "title_en": document.title.en,
        "title_zh": document.title.zh,
        "customer": document.customer,
        "document": canonical,
        "imported_at": now,
    }
    statement = insert(connection, orders).values(number=number, **values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["number"], set_=values))
    lines = {part_id(number, line.line) for line in document.lines}
    milestones = {part_id(number, plan.key) for plan in document.milestones}
    for table, kept in ((material_line, lines), (milestone, milestones)):
        here = select(table.c.id).where(table.c.order_number == number)
        gone = set((await connection.execute(here)).scalars()) - kept
        await connection.execute(delete(table).where(table.c.id.in_(gone)))
    for ordinal, line in enumerate(document.lines):
        await _upsert(
            connection,
            material_line,
            {"id": part_id(number, line.line)},
            {
                "order_number": number,
                "ordinal": ordinal,
                "line": line.line,
                "title_en": line.title.en,
                "title_zh": line.title.zh,
                "gtin": line.gtin,
                "batch": line.batch,
                "label": line.label,
                "unit": line.unit,
                "expected": line.quantity,
                "needed_by": nanoseconds(line.needed_by),
                "certificate_required": line.certificate_required,
            },
            {"arrived": Decimal(0)},
        )
    for ordinal, plan in enumerate(document.milestones):
        await _upsert(
            connection,
            milestone,
            {"id": part_id(number, plan.key)},
            {
                "order_number": number,
                "ordinal": ordinal,
                "title_en": plan.title.en,
                "title_zh": plan.title.zh,
                "due": nanoseconds(plan.due),
                "ratio": plan.policy.material_arrived.ratio,
            },
            {"percent": Decimal(0), "evidence": 0},
        )
    await _replace_parts(connection, document, lines, milestones)


async def _replace_parts(connection: AsyncConnection, document: OrderDocument, lines: set[str], milestones: set[str]) -> None:
    number = document.number
    await connection.execute(delete(delivery_unit).where(delivery_unit.c.line_id.in_(lines)))
    await connection.execute(delete(certificate).where(certificate.c.line_id.in_(lines)))
    await connection.execute(delete(milestone_line).where(milestone_line.c.milestone_id.in_(milestones)))
    await connection.execute(delete(subscription).where(subscription.c.order_number == number))
    await insert_new(
        connection,
        delivery_unit,
        [
            {
                "sscc": unit.sscc,
                "line_id": part_id(number, unit.line),
                "quantity": unit.quantity,
                "delivery_note": unit.delivery_note,
            }
            for unit in document.deliveries
        ],
    )
    await insert_new(
        connection,
        certificate,
        [
            {"line_id": part_id(number, line.line), "batch": each.batch or "", "document": each.document}
            for line in document.lines
            for each in line.certificates
        ],
    )
    every = [line.line for line in document.lines]
    await insert_new(
        connection,
        milestone_line,
        [
            {"milestone_id": part_id(number, plan.key), "line_id": part_id(number, line)}
            for plan in document.milestones
            for line in (every if plan.policy.material_arrived.lines == "all" else plan.policy.material_arrived.lines)
        ],
    )
    await insert_new(
        connection,
        subscription,
        [
            {"order_number": number, "email": person.email, "name": person.name, "language": person.language}
            for person in document.notify
        ],
    )


async def _upsert(
    connection: AsyncConnection, table: Any, key: dict[str, Any], values: dict[str, Any], first: dict[str, Any]
) -> None:
    """Insert with `first`, or update and leave the columns of `first` alone."""
    statement = insert(connection, table).values(**key, **values, **first)
    await connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))


async def _link_again(
    connection: AsyncConnection,
    document: OrderDocument,
    linked: set[str],
    *,
    sites: Mapping[str, SiteFile],
    zones: Mapping[str, tzinfo],
    now: int,
) -> Outcome:
    number = document.number
    lines = select(material_line.c.id).where(material_line.c.order_number == number)
    waiting = (
        select(unlinked_scan.c.event_id)
        .where(unlinked_scan.c.site == document.site, unlinked_scan.c.reason != "unreadable")
        .order_by(unlinked_scan.c.at.desc())
        .limit(_LOOKED_AGAIN)
    )
    ids = linked.union((await connection.execute(waiting)).scalars())
    # a mixed unit may have brought lines of other orders, which must be told too
    theirs = select(evidence.c.line_id).where(evidence.c.event_id.in_(ids)).distinct()
    touched = {*(await connection.execute(theirs)).scalars(), *(await connection.execute(lines)).scalars()}
    rows = (await connection.execute(select(inbox.c.body).where(inbox.c.event_id.in_(ids)))).scalars().all()
    await connection.execute(delete(evidence).where(evidence.c.event_id.in_(ids)))
    await connection.execute(delete(unlinked_scan).where(unlinked_scan.c.event_id.in_(ids)))
    draft = Draft(sites, also=touched)
    for body in rows:
        try:
            event = decode_event(body)
        except CodecError as error:  # it was read before: the row was damaged since
            raise OrderRefusedError(
                f"order {number}: a scan of it cannot be read any more ({error}); repair the inbox"
            ) from None
        if isinstance(event, Scan):
            draft.add(event)
    return await draft.commit(connection, zones=zones, now=now)
