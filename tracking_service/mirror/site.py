"""How a site stands as a whole, and how many people are on it."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Column, Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plumbline.series import FieldValue, Point
from plumbline.site import SiteFile
from tracking_service import gateways
from tracking_service.api.reading import read_people
from tracking_service.domain.milestone import Rag, Silence, worst
from tracking_service.mirror.orders import colour, colour_of
from tracking_service.mirror.send import Send
from tracking_service.tables import milestone, orders

#: The pseudo-zones: the whole site, and all places that are no zone of the site file.
ALL: Final = "all"
ELSEWHERE: Final = "elsewhere"
#: Milestones of the last 90 days count for the on-time rate.
WINDOW_NS: Final = 90 * 24 * 3_600_000_000_000
MINUTE: Final = 60_000_000_000


async def mirror_sites(reader: AsyncEngine, send: Send, *, sites: Mapping[str, SiteFile], now: int) -> int:
    """Write how every site stands in this minute; returns how many points. Raises what `Send` raises."""
    at = now // MINUTE * MINUTE
    points: list[Point] = []
    async with reader.connect() as connection:
        known = await gateways.read(connection)
        silent = gateways.by_site(known)
        counted = select(orders.c.site, func.count().label("orders")).group_by(orders.c.site)
        numbers = {row.site: row.orders for row in await connection.execute(counted)}
        plans = await _plans(connection)
        for name in sorted({*sites, *numbers}):
            site = sites.get(name)
            people: Mapping[str, int] = await _people(connection, site, now) if site is not None else {}
            points += [
                Point("people", {"site": name, "zone": zone}, {"on_site": float(many)}, at) for zone, many in people.items()
            ]
            online = [gateway.online for gateway in known if gateway.site == name]
            fields: dict[str, FieldValue] = {
                "orders": float(numbers.get(name, 0)),
                "gateways": float(len(online)),
                "gateways_online": float(online.count(True)),
                "people": float(people.get(ALL, 0)),
                "title": site.title_en if site is not None else name,
                "title_zh": site.title_zh if site is not None else name,
            }
            points.append(
                Point("site_state", {"site": name}, {**fields, **_milestones(plans[name], silent.get(name, ()), now)}, at)
            )
    return await send(points)


async def _plans(connection: AsyncConnection) -> Mapping[str, Sequence[Row[Any]]]:
    told = milestone.c
    columns: list[Column[Any]] = [orders.c.site, told.percent, told.done_at, told.start, told.due, told.policy]
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in await connection.execute(select(*columns).join(orders, orders.c.number == milestone.c.order_number)):
        found[row.site].append(row)
    return found


def _milestones(plans: Sequence[Row[Any]], silent: Sequence[Silence], now: int) -> Mapping[str, FieldValue]:
    found: list[Rag] = [colour_of(plan, silent, now).rag for plan in plans]
    counts = Counter(found)
    colours: tuple[Rag, ...] = ("green", "yellow", "red", "unknown")
    fields: dict[str, FieldValue] = {f"milestones_{rag}": float(counts[rag]) for rag in colours}
    dated = [(plan.due, plan.done_at) for plan, rag in zip(plans, found, strict=True) if rag != "unknown"]
    if (rate := on_time_rate(dated, now)) is not None:
        fields["on_time_rate"] = rate
    return {**fields, **colour(worst(found))}


def on_time_rate(plans: Sequence[tuple[int | None, int | None]], now: int) -> float | None:
    """Per cent of milestones done in time, by (due, done at), of those that were due or done in the last 90 days.

    A milestone that is past its date and not done was not in time. `None`: there was none.
    """
    since = now - WINDOW_NS
    kept = [
        done is not None and done <= due
        for due, done in plans
        if due is not None and (since < due <= now or (done is not None and since < done <= now))
    ]
    return 100 * kept.count(True) / len(kept) if kept else None


async def _people(connection: AsyncConnection, site: SiteFile, now: int) -> Mapping[str, int]:
    """People by zone: every zone of the site file, also the empty ones, the rest, and all together."""
    people = await read_people(connection, site, now=now)
    found = dict.fromkeys((zone.id for zone in site.zones), 0) | {ELSEWHERE: 0}
    for place in people.by_place:
        found[place.place if place.place in site.zones_by_id else ELSEWHERE] += place.count
    return found | {ALL: people.on_site}
