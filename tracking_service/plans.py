"""Milestones with their policies, bound to what the database and the site files know of their orders."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, tzinfo
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.among import among
from plumbline.site import SiteFile
from plumbline.text import Text
from tracking_service import company
from tracking_service.document.policy import PolicyDocument, parse
from tracking_service.domain.policies import Line, Policy
from tracking_service.domain.policies.scope import Scope, Thing
from tracking_service.rooms.ground import Ground, portions
from tracking_service.tables import material_line, milestone, orders


class Place(NamedTuple):
    """Where a milestone belongs."""

    site: str
    order: str
    milestone: str
    zone: tzinfo


class Points(NamedTuple):
    """An order's inspection and test plan, as policies see it."""

    titles: Mapping[tuple[Thing, str], Text]
    pictured: frozenset[str]


_MILESTONES: Final = (
    select(milestone, orders.c.site)
    .join(orders, orders.c.number == milestone.c.order_number)
    .where(among(milestone.c.id, "some"))
    .order_by(milestone.c.id)
)
_LINES: Final = (
    select(material_line)
    .where(among(material_line.c.order_number, "some"))
    .order_by(material_line.c.order_number, material_line.c.ordinal)
)
_NO_POINTS: Final = Points({}, frozenset())


class Plan(NamedTuple):
    """A milestone, and what completes it."""

    row: Row[Any]
    """Of `milestone`, with the order's `site`."""
    policy: Policy


class Plans(NamedTuple):
    """Milestones, and the lines of their orders."""

    plans: Sequence[Plan]
    lines: Mapping[str, Row[Any]]
    """By id."""


async def read(connection: AsyncConnection, ids: Collection[str], ground: Ground) -> Plans:
    """These milestones with their policies, by id."""
    rows: list[Row[Any]] = []
    for some in portions(sorted(set(ids))):
        rows += (await connection.execute(_MILESTONES, {"some": some})).all()
    numbers = sorted({row.order_number for row in rows})
    lines: dict[str, list[Row[Any]]] = defaultdict(list)
    for some in portions(numbers):
        for line in await connection.execute(_LINES, {"some": some}):
            lines[line.order_number].append(line)
    checks = await _checks(connection, {row.order_number for row in rows if "inspection" in row.policy})
    titles = {site: _titles(ground.sites.get(site)) for site in {row.site for row in rows}}
    named_lines = {number: lines_of(lines[number]) for number in numbers}
    said = await company.roles(connection) if any('"role"' in row.policy for row in rows) else dict[str, Text]()
    roles: dict[tuple[Thing, str], Text] = {("role", name): title for name, title in said.items()}
    plans: list[Plan] = []
    for row in rows:
        points = checks.get(row.order_number, _NO_POINTS)
        named = {**titles[row.site], **points.titles, **roles}
        place = Place(row.site, row.order_number, row.id, ground.zones.get(row.site, UTC))
        scope = scope_of(place, named_lines[row.order_number], named, points.pictured)
        plans.append(Plan(row, bound(row.policy, scope)))
    return Plans(plans, {line.id: line for some in lines.values() for line in some})


def scope_of(
    where: Place,
    lines: Mapping[str, Line],
    titles: Mapping[tuple[Thing, str], Text],
    pictured: frozenset[str] = frozenset(),
) -> Scope:
    """Where a milestone's policy stands."""
    return Scope(where.site, where.order, where.milestone, where.zone, lines, titles, pictured)


def lines_of(rows: Sequence[Row[Any]]) -> Mapping[str, Line]:
    """Rows of `material_line`, in their order, as policies know them, by number."""
    return {row.line: Line(row.id, Text(row.title_en, row.title_zh), row.unit) for row in rows}


def bound(policy: str, scope: Scope) -> Policy:
    """A declared policy (JSON) in its place."""
    return _parsed(policy).bind(scope)


@lru_cache(maxsize=4096)
def _parsed(policy: str) -> PolicyDocument:
    return parse(policy)


def _titles(site: SiteFile | None) -> dict[tuple[Thing, str], Text]:
    if site is None:
        return {}
    found = dict[tuple[Thing, str], Text]()
    for zone in site.zones:
        found["place", zone.id] = Text(zone.title_en, zone.title_zh)
    for device in site.devices:
        found["device", device.id] = Text(device.title_en, device.title_zh)
    return found


async def _checks(connection: AsyncConnection, numbers: Collection[str]) -> Mapping[str, Points]:
    """The points of orders' inspection and test plans."""
    found: dict[str, Points] = {}
    for number in sorted(numbers):
        document = (await connection.execute(select(orders.c.document).where(orders.c.number == number))).scalar_one()
        points = json.loads(document).get("inspections", ())
        found[number] = Points(
            {("check", one["check"]): Text(one["title"]["en"], one["title"]["zh"]) for one in points},
            frozenset(one["check"] for one in points if one.get("photo_required")),
        )
    return found
