"""Move milestones on evidence: recompute, store, and put the notices into the outbox, all in the caller's transaction."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, tzinfo
from decimal import Decimal
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Row, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.text import Text
from tracking_service import gateways
from tracking_service.domain.milestone import (
    Arrival,
    MaterialArrived,
    MilestoneEvent,
    Progress,
    Reopened,
    Required,
    ShortAtDue,
    advance,
    arrived,
    count,
    quietest,
)
from tracking_service.domain.notice import LineStanding, MilestoneBrief, compose, dedup_key, headline
from tracking_service.tables import (
    evidence,
    insert_new,
    material_line,
    milestone,
    milestone_line,
    notice,
    orders,
    subscription,
)

#: A mail lists at most so many lines.
_LISTED: Final = 40


class Change(NamedTuple):
    """Something about a milestone that people should hear."""

    event: MilestoneEvent
    site: str
    headline: Text
    milestone: str


class Recomputed(NamedTuple):
    """What a recomputation found."""

    changes: Sequence[Change]
    counted: frozenset[tuple[str, str]]
    """(event id, line id) of the scans that count, of the lines in question."""
    over: frozenset[str]
    """Lines of which more has arrived than was expected."""
    orders: frozenset[str]


async def recompute(connection: AsyncConnection, lines: Iterable[str], *, zones: Mapping[str, tzinfo], now: int) -> Recomputed:
    """Bring these lines and every milestone that counts on them up to date with the evidence.

    Whoever else moves the same orders waits until this transaction ends (their rows are locked in the order of their
    numbers); the evidence must be in the database before.
    """
    touched = set(lines)
    if not touched:
        return Recomputed((), frozenset(), frozenset(), frozenset())
    numbers = select(material_line.c.order_number).where(material_line.c.id.in_(touched))
    locked = select(orders.c.number).where(orders.c.number.in_(numbers)).order_by(orders.c.number).with_for_update()
    order_numbers = frozenset((await connection.execute(locked)).scalars())
    ids = select(milestone_line.c.milestone_id).where(milestone_line.c.line_id.in_(touched))
    plans = await _plans(connection, milestone.c.id.in_(ids))
    needed = touched.union(*(plan.lines for plan in plans))
    arrivals = await _arrivals(connection, needed)
    counted = count(arrival for line in needed for arrival in arrivals[line])
    sums = arrived(counted.values())
    over = await _store_lines(connection, touched, sums)
    events: list[tuple[_Plan, MilestoneEvent]] = []
    updates: list[dict[str, Any]] = []
    for plan in plans:
        before = Progress(percent=plan.row.percent)
        after, happened = advance(plan.policy, before, (arrival for line in plan.lines for arrival in arrivals[line]))
        updates.append(
            {"b_id": plan.row.id, "percent": after.percent, "done_at": after.done_at, "evidence": len(after.counted)}
        )
        events += [(plan, event) for event in happened]
    if updates:
        statement = update(milestone).where(milestone.c.id == bindparam("b_id"))
        await connection.execute(statement, updates)  # the other keys are the columns to set
    by_id = {entry["b_id"]: entry for entry in updates}
    briefs = [(plan, event, by_id[plan.row.id]["percent"], by_id[plan.row.id]["evidence"]) for plan, event in events]
    changes = await _tell(connection, briefs, zones=zones, now=now)
    return Recomputed(
        changes,
        frozenset((arrival.event_id, arrival.line) for arrival in counted.values()),
        over,
        order_numbers,
    )


async def anything_due(connection: AsyncConnection, *, now: int) -> bool:
    """Whether some milestone's date has come without its material, and nobody was told."""
    return (await connection.execute(select(milestone.c.id).where(_due(now)).limit(1))).first() is not None


async def tell_short(connection: AsyncConnection, *, zones: Mapping[str, tzinfo], now: int) -> Sequence[Change]:
    """Tell of milestones whose date has come without their material, unless a silent gateway may know better."""
    silent = gateways.by_site(await gateways.read(connection))
    plans = await _plans(connection, _due(now))
    short = [plan for plan in plans if not quietest(silent.get(plan.row.site, ()), plan.row.due)]
    for plan in short:
        await connection.execute(update(milestone).where(milestone.c.id == plan.row.id).values(short_told=plan.row.due))
    return await _tell(
        connection,
        [(plan, ShortAtDue(plan.row.due), plan.row.percent, plan.row.evidence) for plan in short],
        zones=zones,
        now=now,
    )


def _due(now: int) -> ColumnElement[bool]:
    told = milestone.c.short_told.is_not(None) & (milestone.c.short_told == milestone.c.due)
    return milestone.c.done_at.is_(None) & (milestone.c.due <= now) & ~told


class _Plan(NamedTuple):
    row: Row[Any]
    standings: dict[str, LineStanding]

    @property
    def lines(self) -> Iterable[str]:
        return self.standings.keys()

    @property
    def policy(self) -> MaterialArrived:
        required = tuple(Required(line, standing.expected) for line, standing in self.standings.items())
        return MaterialArrived(required, self.row.ratio)


async def _plans(connection: AsyncConnection, which: ColumnElement[bool]) -> list[_Plan]:
    statement = (
        select(milestone, orders.c.site, orders.c.title_en.label("order_en"), orders.c.title_zh.label("order_zh"))
        .join(orders, orders.c.number == milestone.c.order_number)
        .where(which)
        .order_by(milestone.c.id)
    )
    plans = {row.id: _Plan(row, {}) for row in await connection.execute(statement)}
    for line in await connection.execute(
        select(milestone_line.c.milestone_id, material_line)
        .join(material_line, material_line.c.id == milestone_line.c.line_id)
        .where(milestone_line.c.milestone_id.in_(plans))
        .order_by(material_line.c.ordinal)
    ):
        plans[line.milestone_id].standings[line.id] = LineStanding(
            line.line, Text(line.title_en, line.title_zh), line.unit, line.expected, line.arrived
        )
    return list(plans.values())


async def _arrivals(connection: AsyncConnection, lines: Iterable[str]) -> Mapping[str, list[Arrival]]:
    by_line: dict[str, list[Arrival]] = defaultdict(list)
    columns = (evidence.c.at, evidence.c.event_id, evidence.c.line_id, evidence.c.piece, evidence.c.quantity)
    for row in await connection.execute(select(*columns).where(evidence.c.line_id.in_(set(lines)))):
        by_line[row.line_id].append(Arrival(*row))
    return by_line


async def _store_lines(connection: AsyncConnection, lines: Iterable[str], sums: Mapping[str, Decimal]) -> frozenset[str]:
    values = [{"b_id": line, "b_arrived": sums.get(line, Decimal(0))} for line in sorted(lines)]
    statement = update(material_line).where(material_line.c.id == bindparam("b_id")).values(arrived=bindparam("b_arrived"))
    await connection.execute(statement, values)
    over = select(material_line.c.id).where(material_line.c.id.in_(lines), material_line.c.arrived > material_line.c.expected)
    return frozenset((await connection.execute(over)).scalars())


async def _tell(
    connection: AsyncConnection,
    happened: Sequence[tuple[_Plan, MilestoneEvent, Decimal, int]],
    *,
    zones: Mapping[str, tzinfo],
    now: int,
) -> Sequence[Change]:
    if not happened:
        return ()
    people: dict[str, list[Row[Any]]] = defaultdict(list)
    numbers = {plan.row.order_number for plan, *_ in happened}
    for person in await connection.execute(select(subscription).where(subscription.c.order_number.in_(numbers))):
        people[person.order_number].append(person)
    fresh = await _plans(connection, milestone.c.id.in_({plan.row.id for plan, *_ in happened}))
    standings = {plan.row.id: plan.standings for plan in fresh}
    notices: list[dict[str, Any]] = []
    changes: list[Change] = []
    for plan, event, percent, scans in happened:
        row = plan.row
        brief = MilestoneBrief(
            id=row.id,
            order=row.order_number,
            order_title=Text(row.order_en, row.order_zh),
            title=Text(row.title_en, row.title_zh),
            percent=percent,
            due=row.due,
            evidence=scans,
            lines=list(standings[row.id].values())[:_LISTED],
            zone=zones.get(row.site, UTC),
        )
        changes.append(Change(event, row.site, headline(event, brief), row.id))
        if isinstance(event, Reopened):
            continue
        for person in people[row.order_number]:
            message = compose(event, brief, person.language)
            notices.append(
                {
                    "dedup_key": dedup_key(event, row.id),
                    "recipient": person.email,
                    "name": person.name,
                    "language": person.language,
                    "subject": message.subject[:512],
                    "body": message.body,
                    "state": "waiting",
                    "attempts": 0,
                    "created_at": now,
                    "next_attempt_at": now,
                }
            )
    await insert_new(connection, notice, notices)
    return changes
