"""Orders, their milestones and lines as points, so that one datasource drives a whole board."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plumbline.series import FieldValue, Point
from tracking_service import gateways
from tracking_service.document.policy import is_seen
from tracking_service.domain.milestone import Assessment, Rag, Silence, hiding, worst
from tracking_service.domain.order import line_standing, on_time, order_percent
from tracking_service.mirror.lately import Lately
from tracking_service.mirror.send import Send
from tracking_service.planning.colour import assess
from tracking_service.tables import material_line, milestone, orders

#: Colours as numbers, for a board's thresholds. What is unknown has no number.
RAG: Final[Mapping[Rag, float]] = {"green": 0.0, "yellow": 1.0, "red": 2.0}
#: Orders that are read at once.
PAGE: Final = 100


async def mirror_orders(reader: AsyncEngine, send: Send, lately: Lately, *, numbers: Collection[str] | None, now: int) -> int:
    """Write how these orders (`None`: all) stand now; returns how many points. Raises what `Send` raises.

    Orders and milestones are always written, lines where they say something new or were not written lately.
    """
    written = 0
    async with reader.connect() as connection:
        silent = gateways.by_site(await gateways.read(connection))
    last = ""
    while True:
        async with reader.connect() as connection:
            rows = (await connection.execute(page(numbers, last))).all()
            lines, points = await _points(connection, rows, silent, now)
        news = lately.news(lines)
        written += await send([*news, *points])
        lately.wrote(news)
        if len(rows) < PAGE:
            return written
        last = rows[-1].number


def page(numbers: Collection[str] | None, last: str) -> Any:
    """The next orders after the number `last`, by number."""
    columns = (orders.c.number, orders.c.site, orders.c.title_en, orders.c.title_zh)
    statement = select(*columns).where(orders.c.number > last).order_by(orders.c.number).limit(PAGE)
    return statement if numbers is None else statement.where(orders.c.number.in_(numbers))


async def _points(
    connection: AsyncConnection, rows: Sequence[Row[Any]], silent: Mapping[str, Sequence[Silence]], now: int
) -> tuple[list[Point], list[Point]]:
    """The lines, and what else there is."""
    numbers = [row.number for row in rows]
    lines: dict[str, list[Row[Any]]] = defaultdict(list)
    for line in await connection.execute(select(material_line).where(material_line.c.order_number.in_(numbers))):
        lines[line.order_number].append(line)
    plans: dict[str, list[Row[Any]]] = defaultdict(list)
    for plan in await connection.execute(select(milestone).where(milestone.c.order_number.in_(numbers))):
        plans[plan.order_number].append(plan)
    material: list[Point] = []
    points: list[Point] = []
    for row in rows:
        quiet = silent.get(row.site, ())
        material += [_material(row.site, line, quiet, now) for line in lines[row.number]]
        points += [_milestone(row.site, plan, quiet, now) for plan in plans[row.number]]
        points.append(_order(row, lines[row.number], plans[row.number], quiet, now))
    return material, points


def _material(site: str, row: Row[Any], silent: Sequence[Silence], now: int) -> Point:
    standing = line_standing(expected=row.expected, arrived=row.arrived, needed_by=row.needed_by, now=now, silent=silent)
    fields: dict[str, FieldValue] = {
        "expected": float(row.expected),
        "arrived": float(row.arrived),
        "percent": float(min(row.arrived / row.expected, 1) * 100),
        "title": row.title_en,
        "title_zh": row.title_zh,
        "unit": row.unit,
        "state": standing.state,
    }
    fields |= {**times(due=row.needed_by), **colour(standing.rag)}
    return Point("material", {"site": site, "order": row.order_number, "line": row.line}, fields, now)


def colour_of(plan: Row[Any], silent: Sequence[Silence], now: int) -> Assessment:
    """A milestone's colour, as the wall shows it."""
    silent = hiding(silent, seen=is_seen(plan.policy))
    return assess(percent=plan.percent, done_at=plan.done_at, start=plan.start, due=plan.due, now=now, silent=silent)


def _milestone(site: str, row: Row[Any], silent: Sequence[Silence], now: int) -> Point:
    found = colour_of(row, silent, now)
    fields: dict[str, FieldValue] = {
        "percent": float(row.percent),
        "state": found.state,
        "title": row.title_en,
        "title_zh": row.title_zh,
    }
    fields |= {**times(due=row.due, done_at=row.done_at), **colour(found.rag)}
    return Point("milestone", {"site": site, "order": row.order_number, "milestone": key_of(row.id)}, fields, now)


def _order(row: Row[Any], lines: Sequence[Row[Any]], plans: Sequence[Row[Any]], silent: Sequence[Silence], now: int) -> Point:
    found: list[Rag] = [colour_of(plan, silent, now).rag for plan in plans]
    percents = [float(plan.percent) for plan in plans]
    if not percents:  # an order without milestones is as far as its material
        percents = [float(min(line.arrived / line.expected, 1) * 100) for line in lines]
    fields: dict[str, FieldValue] = {
        "percent": order_percent(percents),
        "milestones": float(len(plans)),
        "late": float(found.count("red")),
        "title": row.title_en,
        "title_zh": row.title_zh,
    }
    if (kept := on_time([(plan.due, plan.done_at) for plan in plans])) is not None:
        fields["on_time"] = float(kept)
    return Point("order", {"site": row.site, "order": row.number}, {**fields, **colour(worst(found))}, now)


def key_of(milestone_id: str) -> str:
    """The milestone's own name within its order."""
    return milestone_id.partition("~")[2]


def times(**named: int | None) -> Mapping[str, FieldValue]:
    """Times as a board reads them: milliseconds since 1970; those that are not known are left out."""
    return {name: float(at // 1_000_000) for name, at in named.items() if at is not None}


def colour(rag: Rag) -> Mapping[str, FieldValue]:
    """A colour as a number; the unknown one is left out."""
    return {"rag": RAG[rag]} if rag in RAG else {}
