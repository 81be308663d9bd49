"""The parts of the wall that come from the database."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline import text
from plumbline.site import SiteFile
from tracking_service import activity, company, gateways, plans
from tracking_service.activity import Entry
from tracking_service.api.models import (
    ActivityModel,
    EquipmentModel,
    GatewayModel,
    LineModel,
    MilestoneModel,
    OrderModel,
    People,
    PlaceCount,
    Text,
    UnlinkedModel,
    both,
    iso,
    iso_or_none,
)
from tracking_service.document.policy import is_seen
from tracking_service.domain.milestone import Silence, hiding, longest, worst
from tracking_service.domain.notice import local
from tracking_service.domain.order import line_state, order_percent
from tracking_service.domain.policies import Policy, sentence
from tracking_service.draft import device_title
from tracking_service.planning.colour import DEFAULT, assess, planned
from tracking_service.rooms.ground import Ground
from tracking_service.tables import (
    equipment_state,
    material_line,
    milestone,
    orders,
    presence,
    unlinked_scan,
)

Ledger = Callable[[str], Awaitable[Mapping[str, int]]]
"""Missing events by gateway of a site, as ingest's ledger knows them."""

#: Who checked in longer ago and never left has forgotten to: nobody works longer than this.
_SHIFT_NS: Final = 16 * 3_600_000_000_000
#: A screen shows at most so many orders, those of the newest import.
_ORDERS: Final = 200
_UNLINKED: Final = 500


async def read_orders(
    connection: AsyncConnection, site: SiteFile | None, *, ground: Ground, number: str | None = None
) -> list[OrderModel]:
    """Orders with lines and milestones: of a site, one by number, or all."""
    statement = select(orders).order_by(orders.c.imported_at.desc(), orders.c.number).limit(_ORDERS)
    if site is not None:
        statement = statement.where(orders.c.site == site.id)
    if number is not None:
        statement = statement.where(orders.c.number == number)
    found = sorted((await connection.execute(statement)).all(), key=lambda row: row.number)
    return await _orders(connection, found, site, ground)


async def read_page(
    connection: AsyncConnection, site: SiteFile | None, *, ground: Ground, after: str | None, limit: int
) -> list[OrderModel]:
    """At most `limit` orders of a site or of all, by number in the database's own sequence, those behind `after`."""
    statement = select(orders).order_by(orders.c.number).limit(limit)
    if site is not None:
        statement = statement.where(orders.c.site == site.id)
    if after is not None:
        statement = statement.where(orders.c.number > after)
    return await _orders(connection, (await connection.execute(statement)).all(), site, ground)


async def _orders(
    connection: AsyncConnection, found: Sequence[Row[Any]], site: SiteFile | None, ground: Ground
) -> list[OrderModel]:
    """These orders with their lines and milestones."""
    now, zones = ground.now, ground.zones
    numbers = [row.number for row in found]
    suppliers = await company.suppliers(connection)
    lines: dict[str, list[LineModel]] = defaultdict(list)
    statement = select(material_line).where(material_line.c.order_number.in_(numbers)).order_by(material_line.c.ordinal)
    for row in await connection.execute(statement):
        lines[row.order_number].append(_line(row, now, suppliers))
    said = await _policies(connection, found, ground)
    silent = gateways.by_site(await gateways.read(connection, site.id if site else None))
    milestones: dict[str, list[MilestoneModel]] = defaultdict(list)
    sites = {row.number: row.site for row in found}
    statement = select(milestone).where(milestone.c.order_number.in_(numbers)).order_by(milestone.c.ordinal)
    for row in await connection.execute(statement):
        where = sites[row.order_number]
        quiet = silent.get(where, ())
        milestones[row.order_number].append(_milestone(row, said[row.id], now, quiet, zones.get(where, ZoneInfo("UTC"))))
    return [_order(row, lines[row.number], milestones[row.number]) for row in found]


def _order(row: Row[Any], lines: list[LineModel], milestones: list[MilestoneModel]) -> OrderModel:
    percents = [plan.percent for plan in milestones]
    if not percents:  # an order without milestones is as far as its material
        percents = [min(100.0, 100 * line.arrived / line.expected) for line in lines]
    return OrderModel(
        id=row.number,
        number=row.number,
        site=row.site,
        title=Text(en=row.title_en, zh=row.title_zh),
        customer=row.customer,
        percent=order_percent(percents),
        rag=worst(plan.rag for plan in milestones),
        lines=lines,
        milestones=milestones,
    )


def _line(row: Row[Any], now: int, suppliers: Mapping[str, text.Text]) -> LineModel:
    return LineModel(
        id=row.id,
        title=Text(en=row.title_en, zh=row.title_zh),
        unit=row.unit,
        expected=float(row.expected),
        arrived=float(row.arrived),
        needed_by=iso_or_none(row.needed_by),
        promised=iso_or_none(row.promised),
        supplier=row.supplier,
        supplier_title=both(suppliers[row.supplier]) if row.supplier in suppliers else None,
        state=line_state(expected=row.expected, arrived=row.arrived, needed_by=row.needed_by, now=now),
    )


class _Said(NamedTuple):
    """What a milestone's policy tells people."""

    sentence: text.Text
    roles: Sequence[str]
    titles: Sequence[text.Text]
    """What people call the roles."""


async def _policies(connection: AsyncConnection, found: Sequence[Row[Any]], ground: Ground) -> Mapping[str, _Said]:
    """What each milestone's policy says, by its id."""
    numbers = [row.number for row in found]
    ids = (await connection.execute(select(milestone.c.id).where(milestone.c.order_number.in_(numbers)))).scalars().all()
    read = await plans.read(connection, ids, ground)
    asked = {one.row.id: _roles(one.policy) for one in read.plans}
    called = await company.roles(connection) if any(asked.values()) else dict[str, text.Text]()
    return {
        one.row.id: _Said(sentence(one.policy), asked[one.row.id], [company.called(called, role) for role in asked[one.row.id]])
        for one in read.plans
    }


def _roles(policy: Policy) -> Sequence[str]:
    return sorted(need.key.partition("/")[2] for need in policy.needs() if need.kind == "role")


def _milestone(row: Row[Any], policy: _Said, now: int, silent: Sequence[Silence], zone: tzinfo) -> MilestoneModel:
    silent = hiding(silent, seen=is_seen(row.policy))
    quiet = longest(silent, now)
    clock = local(quiet.since, zone) if quiet else ""
    found = assess(percent=row.percent, done_at=row.done_at, start=row.start, due=row.due, now=now, silent=silent, clock=clock)
    should = planned(row.start, row.due, now)
    return MilestoneModel(
        id=row.id,
        title=Text(en=row.title_en, zh=row.title_zh),
        percent=float(row.percent),
        state=found.state,
        rag=found.rag,
        start=iso_or_none(row.start),
        due=iso_or_none(row.due),
        planned=None if should is None else round(float(should), 1),
        done_at=iso_or_none(row.done_at),
        reason=both(found.reason),
        evidence=row.evidence,
        policy=both(policy.sentence),
        rule=both(DEFAULT.sentence),
        why=Text(en=row.why_en, zh=row.why_zh),
        roles=list(policy.roles),
        role_titles=[both(title) for title in policy.titles],
    )


async def read_gateways(connection: AsyncConnection, site: str, ledger: Ledger | None) -> list[GatewayModel]:
    """The gateways of a site, with what the ledger misses of each where a ledger is at hand."""
    missing = await ledger(site) if ledger is not None else None
    return [
        GatewayModel(
            id=gateway.id,
            online=gateway.online,
            since=iso(gateway.since),
            last_seen=iso(gateway.last_seen),
            data_until=iso_or_none(gateway.data_until),
            missing=missing.get(gateway.id, 0) if missing is not None else None,
            backlog=gateway.backlog,
            state=gateway.state,
        )
        for gateway in await gateways.read(connection, site)
    ]


async def read_equipment(connection: AsyncConnection, site: SiteFile) -> list[EquipmentModel]:
    """Every machine of the site file and every device that told a state; positions are the series store's."""
    statement = select(equipment_state).where(equipment_state.c.site == site.id).order_by(equipment_state.c.device)
    stored = {row.device: row for row in await connection.execute(statement)}
    ids = [device.id for device in site.devices if device.kind == "machine"]
    ids += [device for device in stored if device not in ids]
    sites = {site.id: site}
    models: list[EquipmentModel] = []
    for device in ids:
        row, known = stored.get(device), site.devices_by_id.get(device)
        models.append(
            EquipmentModel(
                device=device,
                title=both(device_title(sites, site.id, device)),
                state=row.state if row else "unknown",
                since=iso(row.since) if row else None,
                lat=None,
                lon=None,
                zone=known.zone if known else None,
            )
        )
    return models


async def read_people(connection: AsyncConnection, site: SiteFile, *, now: int) -> People:
    """Who checked in within a shift's time and has not left, by place."""
    statement = (
        select(presence.c.place, func.count().label("count"))
        .where(presence.c.site == site.id, presence.c.direction == "in", presence.c.at > now - _SHIFT_NS)
        .group_by(presence.c.place)
        .order_by(presence.c.place)
    )
    places: list[PlaceCount] = []
    for place, count in await connection.execute(statement):
        zone = site.zones_by_id.get(place)
        title = Text(en=zone.title_en, zh=zone.title_zh) if zone else Text(en=place, zh=place)
        places.append(PlaceCount(place=place, title=title, count=count))
    return People(on_site=sum(place.count for place in places), by_place=places)


def activity_model(entry: Entry) -> ActivityModel:
    """An entry of the activity list as the API has it."""
    return ActivityModel(id=entry.id, at=iso(entry.at), kind=entry.kind, text=both(entry.text), level=entry.level)


async def read_activity(connection: AsyncConnection, site: str) -> list[ActivityModel]:
    """The newest entries, newest first."""
    return [activity_model(entry) for entry in await activity.newest(connection, site)]


async def count_unlinked(connection: AsyncConnection, site: str) -> int:
    """How many scans wait for a person."""
    statement = select(func.count()).select_from(unlinked_scan).where(unlinked_scan.c.site == site)
    return (await connection.execute(statement)).scalar_one()


async def read_unlinked(connection: AsyncConnection, site: SiteFile) -> list[UnlinkedModel]:
    """The newest scans and inspections that wait for a person."""
    waiting = unlinked_scan.c
    statement = select(unlinked_scan).where(waiting.site == site.id).order_by(waiting.at.desc()).limit(_UNLINKED)
    sites = {site.id: site}
    return [
        UnlinkedModel(
            event_id=row.event_id,
            at=iso(row.at),
            device=row.device,
            device_title=both(device_title(sites, site.id, row.device)),
            text=row.text,
            reason=Text(en=row.reason_en, zh=row.reason_zh),
            kind=row.kind,
        )
        for row in await connection.execute(statement)
    ]
