"""Import orders: repeatable, and everything that was scanned before falls into place."""

import json
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Literal, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.ids import new_event_id
from plumbline.site import SiteFile
from tracking_service import company, log, office
from tracking_service.acts import OrderAct
from tracking_service.document import OrderDocument
from tracking_service.document.naming import strangers
from tracking_service.document.template import completed, lacking
from tracking_service.doubts import doubts
from tracking_service.errors import OrderRefusedError
from tracking_service.outcome import Outcome
from tracking_service.rooms.ground import Ground
from tracking_service.tables import orders


class Imported(NamedTuple):
    """What an import did."""

    number: str
    status: Literal["added", "changed", "unchanged"]
    outcome: Outcome
    warnings: Sequence[str] = ()
    """What it names that nobody knows, and what to do."""


async def import_order(
    connection: AsyncConnection,
    document: OrderDocument,
    *,
    sites: Mapping[str, SiteFile],
    zones: Mapping[str, tzinfo],
    now: int,
    person: str | None = None,
) -> Imported:
    """Take in an order document, in the caller's transaction; the same document again changes nothing.

    Scans of the order, and scans of its site that waited unlinked, are linked anew. Raises `OrderRefusedError` where the
    order stands on a site that is not known, has been imported for another one, or lacks what its template asks for.
    """
    if sites and document.site not in sites:
        raise OrderRefusedError(f"order {document.number}: site: '{document.site}' is not known; use {', '.join(sites)}")
    await log.turn(connection)
    document = await _templated(connection, document)
    known = (await connection.execute(select(orders).where(orders.c.number == document.number))).first()
    if known is not None and known.document == document.canonical():
        return Imported(document.number, "unchanged", Outcome(), await doubts(connection, document, sites.get(document.site)))
    if known is not None and known.site != document.site:
        raise OrderRefusedError(
            f"order {document.number}: site: it belongs to '{known.site}' already; give the order on '{document.site}' a number of its own"
        )
    if document.site in sites and (unknown := [*strangers(document, sites[document.site])]):
        raise OrderRefusedError(f"order {document.number}: {'; '.join(unknown[:5])}")
    done = OrderAct(id=new_event_id(now), person=person, document=json.loads(document.canonical()))
    recorded = await office.record(connection, done, Ground(sites, zones, now))
    warnings = await doubts(connection, document, sites.get(document.site))
    return Imported(document.number, "added" if known is None else "changed", recorded.outcome, warnings)


async def _templated(connection: AsyncConnection, document: OrderDocument) -> OrderDocument:
    """The order with what its template gives it."""
    if document.template is None:
        return document
    found = await company.template(connection, document.template)
    if isinstance(found, str):
        raise OrderRefusedError(f"order {document.number}: template: {found}")
    if missing := lacking(document, found):
        raise OrderRefusedError(f"order {document.number}: {'; '.join(missing)}")
    return completed(document, found)
