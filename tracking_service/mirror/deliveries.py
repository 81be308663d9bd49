"""Today's deliveries: lines that are due today by the site's calendar, and lines of which some arrived today."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plumbline.series import FieldValue, Point
from tracking_service import gateways
from tracking_service.domain.facts import Arrival
from tracking_service.domain.milestone import Silence
from tracking_service.domain.order import line_standing
from tracking_service.mirror.orders import times
from tracking_service.mirror.send import Send
from tracking_service.tables import evidence, material_line, orders

#: Lines that are read at once.
_PAGE: Final = 500


class Day(NamedTuple):
    """A day of a site's calendar: UTC, ns; its end belongs to the next one."""

    start: int
    end: int


def day_of(now: int, zone: tzinfo) -> Day:
    """The day that `now` lies in; 23 or 25 hours long where the clocks change."""
    local = datetime.fromtimestamp(now // 1_000_000_000, zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    following = datetime.combine(midnight.date() + timedelta(days=1), midnight.timetz())
    return Day(_ns(midnight), _ns(following))


def _ns(time: datetime) -> int:
    return round(time.timestamp()) * 1_000_000_000


async def mirror_deliveries(
    reader: AsyncEngine, send: Send, *, zones: Mapping[str, tzinfo], numbers: Collection[str] | None, now: int
) -> int:
    """Write today's deliveries of these orders (`None`: all); returns how many points. Raises what `Send` raises."""
    async with reader.connect() as connection:
        silent = gateways.by_site(await gateways.read(connection))
        sites = (await connection.execute(select(orders.c.site).distinct())).scalars().all()
    written = 0
    for site in sites:
        day, last = day_of(now, zones.get(site, UTC)), ""
        while True:
            async with reader.connect() as connection:
                lines = (await connection.execute(_lines(site, day, numbers, last))).all()
                arrivals = await _arrivals(connection, [line.id for line in lines])
            points = [_delivery(line, arrivals[line.id], day, silent.get(site, ()), now) for line in lines]
            written += await send([point for point in points if point is not None])
            if len(lines) < _PAGE:
                break
            last = lines[-1].id
    return written


def _lines(site: str, day: Day, numbers: Collection[str] | None, last: str) -> Any:
    touched = select(evidence.c.line_id).where(evidence.c.site == site, evidence.c.at >= day.start, evidence.c.at < day.end)
    due = (material_line.c.needed_by >= day.start) & (material_line.c.needed_by < day.end)
    statement = (
        select(material_line, orders.c.site)
        .join(orders, orders.c.number == material_line.c.order_number)
        .where(orders.c.site == site, material_line.c.id > last, or_(due, material_line.c.id.in_(touched)))
        .order_by(material_line.c.id)
        .limit(_PAGE)
    )
    return statement if numbers is None else statement.where(material_line.c.order_number.in_(numbers))


async def _arrivals(connection: AsyncConnection, lines: Sequence[str]) -> Mapping[str, Sequence[Arrival]]:
    """What counts of each line, by time."""
    columns = (evidence.c.at, evidence.c.event_id, evidence.c.line_id, evidence.c.piece, evidence.c.counted)
    found = await connection.execute(select(*columns).where(evidence.c.line_id.in_(lines), evidence.c.counted != 0))
    by_line: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in sorted(Arrival(*row) for row in found):
        by_line[arrival.line].append(arrival)
    return by_line


def _delivery(row: Row[Any], arrivals: Sequence[Arrival], day: Day, silent: Sequence[Silence], now: int) -> Point | None:
    today = [arrival for arrival in arrivals if day.start <= arrival.at < day.end]
    due = row.needed_by is not None and day.start <= row.needed_by < day.end
    if not today and not due:
        return None  # what was scanned today had arrived before
    standing = line_standing(expected=row.expected, arrived=row.arrived, needed_by=row.needed_by, now=now, silent=silent)
    fields: dict[str, FieldValue] = {
        "expected": float(row.expected),
        "arrived_today": float(sum((arrival.quantity for arrival in today), Decimal(0))),
        "arrived": float(row.arrived),
        "title": row.title_en,
        "title_zh": row.title_zh,
        "unit": row.unit,
        "state": standing.state,
    }
    fields |= times(due=row.needed_by, last_at=arrivals[-1].at if arrivals else None)
    return Point("delivery", {"site": row.site, "order": row.order_number, "line": row.line}, fields, now)
