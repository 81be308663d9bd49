"""What is known of some needs, out of the rooms that keep it."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.inbox import gateway
from tracking_service.domain.condensed import Total, condensed
from tracking_service.domain.facts import Arrival, Facts, Need
from tracking_service.domain.policies import Level, levels
from tracking_service.geofence import room as geofence
from tracking_service.plans import Plan, Plans
from tracking_service.rooms import check_ins, counting, inspections, machines, minutes, sign_offs
from tracking_service.rooms.ground import Ground, portions
from tracking_service.tables import evidence

#: Kinds of needs of which it matters how far a gateway has told.
_BY_GATEWAY = frozenset(("machine", "place", "metric"))


class Seen(NamedTuple):
    """The facts of a milestone."""

    facts: Facts
    weights: Mapping[str, int]
    """For how many arrivals a piece of evidence stands, by its id; absent: for itself."""


async def read(connection: AsyncConnection, plans: Plans, ground: Ground, *, whole: bool = False) -> Mapping[str, Seen]:
    """The facts of each of these milestones, by its id; `whole`: every arrival by itself, as evidence is told."""
    needs = {one.row.id: one.policy.needs() for one in plans.plans}
    every = set[Need]().union(*needs.values())
    shared = await _shared(connection, every, ground)
    told = any(need.kind in _BY_GATEWAY for need in every)
    until = await _known_until(connection) if told else dict[str, dict[str, int]]()
    by_line = await _of_lines(connection, plans, {need.key for need in every if need.kind == "line"}, whole=whole)
    found: dict[str, Seen] = {}
    for one in plans.plans:
        facts, weights = by_line[one.row.id]
        found[one.row.id] = Seen(
            Facts(
                ground.now,
                arrivals=facts,
                expected={need.key: plans.lines[need.key].expected for need in needs[one.row.id] if need.key in plans.lines},
                known_until=until.get(one.row.site, {}),
                **shared,
            ),
            weights,
        )
    return found


async def _shared(connection: AsyncConnection, needs: Collection[Need], ground: Ground) -> dict[str, Any]:
    """What more than one milestone may look at."""
    kinds = {need.kind for need in needs}
    found: dict[str, Any] = {}
    if "machine" in kinds:
        found["states"] = await machines.facts(connection, needs)
        found["visits"] = await geofence.facts(connection, needs, sites=ground.sites)
    if "place" in kinds:
        found["check_ins"] = await check_ins.facts(connection, needs)
    if "metric" in kinds:
        found["minutes"] = await minutes.facts(connection, needs)
    if "check" in kinds:
        found["inspections"] = await inspections.facts(connection, needs)
    if "role" in kinds:
        found["sign_offs"] = await sign_offs.facts(connection, needs)
    return found


async def _of_lines(
    connection: AsyncConnection, plans: Plans, lines: Collection[str], *, whole: bool
) -> Mapping[str, tuple[Mapping[str, Any], Mapping[str, int]]]:
    """The arrivals of each milestone's lines, by the milestone's id."""
    reached = dict[Level, int | None]() if whole else await counting.reached_of(connection, lines)
    found: dict[str, tuple[Mapping[str, Any], Mapping[str, int]]] = {}
    left: list[Plan] = []
    for one in plans.plans:
        expected: dict[str, Decimal] = {
            need.key: plans.lines[need.key].expected for need in one.policy.needs() if need.key in plans.lines
        }
        asked = {level._replace(quantity=counting.ceiling(level.quantity)) for level in levels(one.policy, expected)}
        steps = None if whole else condensed(asked, {line: _total(plans.lines[line]) for line in expected}, reached)
        if steps is None:
            left.append(one)
        else:
            found[one.row.id] = steps.arrivals, steps.weights
    asked_of = {need.key for one in left for need in one.policy.needs() if need.kind == "line"}
    arrivals = await arrivals_of(connection, asked_of)
    return found | {one.row.id: (arrivals, dict[str, int]()) for one in left}


async def arrivals_of(connection: AsyncConnection, lines: Collection[str]) -> Mapping[str, list[Arrival]]:
    """Everything that came of lines or went back, by line."""
    table = evidence.c
    columns = (table.at, table.event_id, table.line_id, table.piece, table.quantity, table.certified, table.certified_at)
    found: dict[str, list[Arrival]] = {}
    for some in portions(sorted(lines)):
        for row in await connection.execute(select(*columns).where(table.line_id.in_(some))):
            found.setdefault(row.line_id, []).append(Arrival(*row))
    return found


def _total(row: Row[Any]) -> Total:
    return Total(row.arrived, row.certified, row.pieces, row.certified_pieces)


async def _known_until(connection: AsyncConnection) -> Mapping[str, Mapping[str, int]]:
    """How far the gateways of each site have told; under an empty name the least of the site's."""
    found: dict[str, dict[str, int]] = {}
    table = gateway.c
    for row in await connection.execute(
        select(table.site, table.gateway, table.data_until).where(table.data_until.is_not(None))
    ):
        here = found.setdefault(row.site, {})
        here[f"{row.site}/{row.gateway}"] = row.data_until
        here[""] = min(row.data_until, here.get("", row.data_until))
    return found
