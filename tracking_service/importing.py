"""Planning files and lists into orders that are there: first the difference is made, then, if people want it, it is applied."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.ids import new_event_id
from plumbline.site import SiteFile
from tracking_service import lists, log, office, schedules
from tracking_service.acts import CompanyAct
from tracking_service.company.tables import company
from tracking_service.difference import Change, difference
from tracking_service.document import CompanyDocument, OrderDocument
from tracking_service.errors import OrderChangedError, OrderRefusedError, UnknownThingError
from tracking_service.lists import Listing, ListMapping
from tracking_service.orders import Imported, import_order
from tracking_service.outcome import Outcome
from tracking_service.rooms.ground import Ground
from tracking_service.schedules import Schedule
from tracking_service.schedules.taking import taken
from tracking_service.tables import orders

Status = Literal["added", "changed", "unchanged"]


@dataclass(frozen=True, slots=True)
class Choices:
    """How a file is taken in, where it does not say so itself."""

    project: str | None = None
    """Which project of a file with several."""
    encoding: str | None = None
    mapping: ListMapping = field(default_factory=ListMapping)
    remove: bool = False
    """Lines or deliveries that a list does not have are taken out."""
    milestones: bool = True
    """Milestones of a schedule become the order's."""
    calendar: bool = True
    """Working days, hours and holidays of a schedule become the order's."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a file would make of an order."""

    before: OrderDocument
    after: OrderDocument
    remarks: Sequence[str]

    @property
    def changes(self) -> Sequence[Change]:
        """What would change."""
        return difference(self.before, self.after)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file that was read, for whatever order."""

    source: Schedule | Listing
    choices: Choices

    def onto(self, order: OrderDocument, zone: tzinfo) -> Prepared:
        """What it would make of an order. Raises `FileRefusedError` (row, reason) or `OrderRefusedError`."""
        if isinstance(self.source, Schedule):
            made = taken(order, self.source, zone, milestones=self.choices.milestones, calendar=self.choices.calendar)
        else:
            made = self.source.onto(order, zone, remove=self.choices.remove, milestones=self.choices.milestones)
        return Prepared(order, made.document, made.remarks)


def parsed(data: bytes, name: str, choices: Choices) -> Parsed:
    """Read a planning file or a list; slow for large files, so call it in a thread.

    Raises `FileRefusedError`: file, line or row, reason.
    """
    if schedules.is_schedule(data) or not data.strip():
        return Parsed(schedules.chosen(schedules.read(data, name, choices.encoding), name, choices.project), choices)
    mapping = choices.mapping
    if choices.encoding is not None:
        mapping = mapping.model_copy(update={"encoding": choices.encoding})
    return Parsed(lists.read_list(data, name, mapping), choices)


async def stored(connection: AsyncConnection, number: str) -> OrderDocument:
    """The document of an order that is there. Raises `UnknownThingError`."""
    found = await stored_or_none(connection, number)
    if found is None:
        raise UnknownThingError(f"there is no order '{number}'; import its document first")
    return found


async def stored_or_none(connection: AsyncConnection, number: str) -> OrderDocument | None:
    """The document of an order, where it is there."""
    text = (await connection.execute(select(orders.c.document).where(orders.c.number == number))).scalar_one_or_none()
    return OrderDocument.model_validate_json(text) if text is not None else None


class CompanyImported(NamedTuple):
    """What became of a company document."""

    status: Status
    outcome: Outcome


async def import_company(connection: AsyncConnection, document: CompanyDocument, ground: Ground) -> CompanyImported:
    """Take in a company document, in the caller's transaction; the same document again changes nothing."""
    await log.turn(connection)
    known = (await connection.execute(select(company.c.document))).scalars().first()
    if known == document.canonical():
        return CompanyImported("unchanged", Outcome())
    act = CompanyAct(id=new_event_id(ground.now), document=json.loads(document.canonical()))
    done = await office.record(connection, act, ground)
    return CompanyImported("added" if known is None else "changed", done.outcome)


def zone_of(order: OrderDocument, sites: Mapping[str, SiteFile]) -> tzinfo:
    """The time zone of an order's site. Raises `OrderRefusedError` where the site is not known."""
    site = sites.get(order.site)
    if site is None:
        known = f"use {', '.join(sites)}" if sites else "name the folder of site files (--sites, PLUMBLINE_SITES)"
        raise OrderRefusedError(f"order {order.number}: the time zone of its site '{order.site}' is not known; {known}")
    return ZoneInfo(site.timezone)


def version(order: OrderDocument) -> str:
    """A short name of what an order says: of equal documents the same."""
    return hashlib.blake2b(order.canonical().encode(), digest_size=8).hexdigest()


async def applied(
    connection: AsyncConnection,
    made: Prepared,
    *,
    sites: Mapping[str, SiteFile],
    zones: Mapping[str, tzinfo],
    now: int,
    person: str | None = None,
) -> Imported:
    """Make the order so, in the caller's transaction.

    Raises `OrderChangedError` where the order is not any more what the difference was shown of.
    """
    await log.turn(connection)
    here = await stored(connection, made.before.number)
    if here.canonical() != made.before.canonical():
        raise OrderChangedError(f"order {here.number}: somebody changed it meanwhile; look at the difference again")
    return await import_order(connection, made.after, sites=sites, zones=zones, now=now, person=person)
