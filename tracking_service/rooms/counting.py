"""What of the arrivals counts: how much of each line is there, and since when so much as some policy asks for.

Kept beside the evidence, from which it follows: a scan is added to what is there, and only what came late, went back or was
corrected is summed up again.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final, NamedTuple

from sqlalchemy import Row as Record
from sqlalchemy import bindparam, delete, func, literal_column, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.among import among
from plumbline.prepared import Prepared, together
from plumbline.prepared import Row as Written
from tracking_service.domain.condensed import Total
from tracking_service.domain.facts import Arrival
from tracking_service.domain.policies import Level, counted
from tracking_service.rooms import arrivals
from tracking_service.rooms.arrivals import Alone, Row, Stored
from tracking_service.rooms.ground import portions
from tracking_service.rooms.tables import line_level
from tracking_service.tables import evidence, insert_all, material_line, millionths

_NOTHING: Final = Decimal(0)
#: Later than any time.
_LAST: Final = 2**63 - 1
_MILLIONTH: Final = Decimal("0.000001")
_COLUMNS: Final = (
    evidence.c.at,
    evidence.c.event_id,
    evidence.c.line_id,
    evidence.c.piece,
    evidence.c.quantity,
    evidence.c.certified,
    evidence.c.certified_at,
)
_READ: Final[Any] = select(*_COLUMNS, evidence.c.counted)
_OF_LINES: Final = _READ.where(among(evidence.c.line_id, "some"))
_OF_PIECES: Final = _READ.where(tuple_(evidence.c.line_id, evidence.c.piece).in_(bindparam("some", expanding=True)))
#: The line is found by what no index holds: before PostgreSQL has statistics it takes the index over lines instead of the key's,
#: and reads all that came of the line for each row (5 ms where that was 2,000).
_COUNT: Final = update(evidence).where(
    evidence.c.event_id == bindparam("b_event"), func.coalesce(evidence.c.line_id, literal_column("''")) == bindparam("b_line")
)
#: What counting says of a row, and which row; of what is a piece's own return, its certificate is the piece's.
_COUNTED_AS: Final = ("certified", "certified_at", "counted", "b_event", "b_line")
_SET_COUNT: Final = Prepared(
    lambda _: _COUNT.values({name: bindparam(name) for name in ("certified", "certified_at", "counted")}), *_COUNTED_AS
)
_LINE: Final = material_line.c
_TOTALS: Final = (
    select(
        *(_LINE.id, _LINE.arrived, _LINE.certified, _LINE.pieces, _LINE.certified_pieces, _LINE.expected),
        *(line_level.c.quantity, line_level.c.certified.label("only"), line_level.c.reached_at),
    )
    .outerjoin(line_level, line_level.c.line_id == _LINE.id)
    .where(among(_LINE.id, "some"))
)
_SET_TOTAL: Final = Prepared(
    lambda _: (
        update(material_line).where(_LINE.id == bindparam("b_id")).values({name: bindparam(name) for name in Total._fields})
    ),
    *(*Total._fields, "b_id"),
)
_LEVELS: Final = select(line_level).where(among(line_level.c.line_id, "some"))
_SET_LEVEL: Final = update(line_level).where(
    line_level.c.line_id == bindparam("b_line"),
    line_level.c.quantity == bindparam("b_quantity"),
    line_level.c.certified == bindparam("b_only"),
)
#: Since when the sum was never again less than asked for. A time at which several came counts once.
_REACHED: Final = text(
    """
    WITH moved AS (
        SELECT CASE WHEN :certified AND certified_at > at THEN certified_at ELSE at END AS at, counted
        FROM evidence WHERE line_id = :line AND counted <> 0 AND (certified OR NOT :certified)
    ), there AS (
        SELECT at, SUM(SUM(counted)) OVER (ORDER BY at) AS total FROM moved GROUP BY at
    )
    SELECT MIN(at) FROM there WHERE at > COALESCE((SELECT MAX(at) FROM there WHERE total < :quantity), -1)
    """
)


class Settled(NamedTuple):
    """What counting found."""

    lines: frozenset[str] = frozenset()
    """Lines that were counted."""
    counted: frozenset[tuple[str, str]] = frozenset()
    """(event id, line id) of what came and counts."""
    over: frozenset[str] = frozenset()
    """Lines of which more is there than the order asks for."""


class _Known(NamedTuple):
    """A line as it stands."""

    total: Total
    expected: Decimal
    levels: dict[Level, int | None]
    """Since when each was reached."""


class _Moved(NamedTuple):
    """What changed of a line."""

    total: Total
    since: int
    """The earliest time at which something changed; what lies before is as it was."""
    only_more: bool
    expected: Decimal = _NOTHING
    levels: Mapping[Level, int | None] = {}


_NOT_MOVED: Final = _Moved(Total(), _LAST, only_more=True)


class _Counts(NamedTuple):
    """What counting says of rows."""

    counting: set[tuple[str, str]]
    updates: list[Written]


async def settle(connection: AsyncConnection, stored: Stored) -> Settled:
    """Count what was stored. Lines of which something was taken away are counted from the start."""
    anew = set(stored.lines)
    fresh = {row for row in stored.fresh if row.line not in anew}
    counts = _Counts(set(), [])
    moved = await _counted_anew(connection, anew, counts)
    moved |= await _added(connection, fresh, [one for one in stored.alone if one.line not in anew], counts)
    if not moved:
        return Settled()
    async with together(connection):
        await _SET_COUNT.write(connection, counts.updates)
        await _store_totals(connection, {line: found.total for line, found in moved.items()})
    await _store_levels(connection, moved)
    over = frozenset(line for line, found in moved.items() if found.total.arrived > found.expected)
    return Settled(frozenset(moved), frozenset(counts.counting), over)


async def settle_lines(connection: AsyncConnection, lines: Collection[str]) -> None:
    """Count these lines from the start."""
    await settle(connection, Stored(lines=frozenset(lines)))


async def settle_levels(connection: AsyncConnection, number: str, wanted: Iterable[Level]) -> None:
    """Keep for an order's lines the levels that its milestones ask for now."""
    lines = select(material_line.c.id).where(material_line.c.order_number == number)
    await connection.execute(delete(line_level).where(line_level.c.line_id.in_(lines)))
    rows = {(level.line, ceiling(level.quantity), level.certified_only) for level in wanted}
    await insert_all(
        connection,
        line_level,
        [
            {"line_id": line, "quantity": quantity, "certified": only, "reached_at": None}
            for line, quantity, only in sorted(rows)
        ],
    )
    known = await _totals(connection, {line for line, _, _ in rows})
    await _store_levels(
        connection, {line: _Moved(one.total, 0, only_more=False, levels=one.levels) for line, one in known.items()}
    )


async def certify(connection: AsyncConnection, lines: Collection[str]) -> Stored:
    """Look again at the certificates of what arrived of these lines."""
    changed: set[str] = set()
    there = await arrivals.certificates(connection, lines)
    for some in portions(sorted(lines)):
        statement = (
            select(evidence, material_line.c.certificate_required, material_line.c.batch.label("own"))
            .join(material_line, material_line.c.id == evidence.c.line_id)
            .where(evidence.c.line_id.in_(some))
        )
        updates: list[dict[str, Any]] = []
        for row in (await connection.execute(statement)).all():
            held = arrivals.holds(there[row.line_id], row.batch or row.own) if row.certificate_required else (True, 0)
            if held != (row.certified, row.certified_at):
                changed.add(row.line_id)
                updates.append({"b_event": row.event_id, "b_line": row.line_id, "certified": held[0], "certified_at": held[1]})
        if updates:
            await connection.execute(_COUNT, updates)
    return Stored(lines=frozenset(changed))


async def _totals(connection: AsyncConnection, lines: Collection[str]) -> Mapping[str, "_Known"]:
    found: dict[str, _Known] = {}
    for some in portions(sorted(lines)):
        for row in await connection.execute(_TOTALS, {"some": some}):
            known = found.setdefault(row.id, _Known(Total(*row[1:5]), row.expected, {}))
            if row.quantity is not None:
                known.levels[Level(row.id, row.quantity, row.only)] = row.reached_at
    return found


async def reached_of(connection: AsyncConnection, lines: Collection[str]) -> Mapping[Level, int | None]:
    """Since when each level of these lines was reached."""
    found: dict[Level, int | None] = {}
    for some in portions(sorted(lines)):
        for row in await connection.execute(_LEVELS, {"some": some}):
            found[Level(row.line_id, row.quantity, row.certified)] = row.reached_at
    return found


def ceiling(quantity: Decimal) -> Decimal:
    """A level as it is kept: sums are millionths, so the next millionth above is reached with it."""
    return quantity.quantize(_MILLIONTH, ROUND_CEILING)


async def _counted_anew(connection: AsyncConnection, lines: Collection[str], counts: _Counts) -> dict[str, _Moved]:
    known = await _totals(connection, lines)
    found = {line: _Moved(Total(), 0, False, one.expected, one.levels) for line, one in known.items()}
    for some in portions(sorted(known), 50):
        rows = (await connection.execute(_OF_LINES, {"some": some})).all()
        for line, delta in _recount(rows, counts, before=False).items():
            found[line] = found[line]._replace(total=delta.total)
    return found


async def _added(
    connection: AsyncConnection, fresh: Collection[Row], alone: Iterable[Alone], counts: _Counts
) -> dict[str, _Moved]:
    rows: list[Record[Any]] = []
    for some in portions(sorted(fresh), 400):
        rows += (await connection.execute(_OF_PIECES, {"some": some})).all()
    deltas = _recount(rows, counts, before=True)
    for one in alone:
        counts.counting.add((one.event, one.line))
        delta = deltas.get(one.line, _NOT_MOVED)
        total = _sum(delta.total, _weight(one.quantity, one.certified))
        deltas[one.line] = delta._replace(total=total, since=min(delta.since, one.at))
    known = await _totals(connection, deltas)
    return {
        line: _Moved(_sum(known[line].total, delta.total), delta.since, delta.only_more, *known[line][1:])
        for line, delta in deltas.items()
    }


def _recount(rows: Sequence[Record[Any]], counts: _Counts, *, before: bool) -> dict[str, _Moved]:
    """Say of each row what of it counts; what changed by line, from nothing or from what counted before."""
    by_line: dict[str, list[Record[Any]]] = defaultdict(list)
    for row in rows:
        by_line[row.line_id].append(row)
    found: dict[str, _Moved] = {}
    for line, theirs in by_line.items():
        ours = {one.id: one for one in counted(_arrival(row) for row in theirs)}
        counts.counting.update((event_id, line) for event_id in ours)
        total, since, only_more = Total(), _LAST, True
        for row in theirs:
            one = ours.get(row.event_id)
            was = (row.counted, row.certified, row.certified_at)
            now = (one.quantity, one.certified, one.certified_at) if one is not None else (Decimal(0), *was[1:])
            if now != was:
                counts.updates.append((*now[1:], millionths(now[0]), row.event_id, line))
                since, only_more = min(since, row.at), only_more and now[0] > was[0]
            total = _sum(total, _weight(*now[:2]))
            if before:
                total = _sum(total, _weight(*was[:2]), -1)
        found[line] = _Moved(total, since, only_more)
    return found


def _arrival(row: Record[Any]) -> Arrival:
    return Arrival(row.at, row.event_id, row.line_id, row.piece, row.quantity, row.certified, row.certified_at)


def _weight(quantity: Decimal, certified: bool) -> Total:
    piece = 1 if quantity else 0
    return Total(quantity, quantity, piece, piece) if certified else Total(quantity, Decimal(0), piece, 0)


def _sum(one: Total, other: Total, sign: int = 1) -> Total:
    return Total(
        one.arrived + sign * other.arrived,
        one.certified + sign * other.certified,
        one.pieces + sign * other.pieces,
        one.certified_pieces + sign * other.certified_pieces,
    )


async def _store_totals(connection: AsyncConnection, totals: Mapping[str, Total]) -> None:
    rows = [
        (millionths(total.arrived), millionths(total.certified), total.pieces, total.certified_pieces, line)
        for line, total in sorted(totals.items())
    ]
    await _SET_TOTAL.write(connection, rows)


async def _store_levels(connection: AsyncConnection, moved: Mapping[str, _Moved]) -> None:
    updates: list[dict[str, Any]] = []
    for found, level, was in [(one, *each) for one in moved.values() for each in one.levels.items()]:
        there = found.total.certified if level.certified_only else found.total.arrived
        if there < level.quantity:
            since = None
        elif was is not None and found.only_more and found.since > was:
            continue
        else:
            asked = {"line": level.line, "quantity": int(level.quantity * 1_000_000), "certified": level.certified_only}
            since = (await connection.execute(_REACHED, asked)).scalar_one()
        if since != was:
            updates.append(
                {"b_line": level.line, "b_quantity": level.quantity, "b_only": level.certified_only, "reached_at": since}
            )
    if updates:
        await connection.execute(_SET_LEVEL, updates)
