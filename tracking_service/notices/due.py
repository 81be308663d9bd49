"""Dates that come while a milestone is open: it is late, or, while a gateway that may know better is silent, unknown."""

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tracking_service import gateways
from tracking_service.document.policy import is_seen
from tracking_service.domain import notice as words
from tracking_service.domain.milestone import ShortAtDue, hiding, quietest
from tracking_service.domain.notice import Change, Unknown
from tracking_service.notices import briefs
from tracking_service.notices.tables import due_told
from tracking_service.notices.telling import tell
from tracking_service.tables import insert, milestone, orders

#: So many are told in one transaction; the next look finds the rest.
_AT_ONCE: Final = 500


async def anything_due(connection: AsyncConnection, now: int) -> bool:
    """Whether some milestone's date has come and there is something new to say of it. Reads only."""
    return bool(await _news(connection, now))


async def tell_due(connection: AsyncConnection, now: int, *, zones: Mapping[str, tzinfo]) -> Sequence[Change]:
    """Tell of milestones whose date has come: once that they are unknown, where they are, and once that they are late."""
    news = await _news(connection, now)
    standing = await briefs.read(connection, news, zones=zones)
    changes = [words.of_milestone(news[milestone], brief, at=now) for milestone, brief in standing.items()]
    await tell(connection, changes, now, zones=zones)
    for one, event in news.items():
        values = {"due": event.due, "what": "unknown" if isinstance(event, Unknown) else "late"}
        statement = insert(connection, due_told).values(milestone_id=one, **values)
        await connection.execute(statement.on_conflict_do_update(index_elements=["milestone_id"], set_=values))
    return changes


async def _news(connection: AsyncConnection, now: int) -> Mapping[str, ShortAtDue | Unknown]:
    rows = (await connection.execute(_untold(now))).all()
    if not rows:
        return {}
    silent = gateways.by_site(await gateways.read(connection))
    news: dict[str, ShortAtDue | Unknown] = {}
    for row in rows:
        quiet = quietest(hiding(silent.get(row.site, ()), seen=is_seen(row.policy)), row.due)
        if quiet is None:
            news[row.id] = ShortAtDue(row.due)
        elif row.what is None or row.told_due != row.due:
            news[row.id] = Unknown(row.due, quiet.gateway, quiet.since)
    return news


def _untold(now: int) -> Select[Any, Any, Any, Any, Any, Any]:
    late: ColumnElement[bool] = (due_told.c.what == "late") & (due_told.c.due == milestone.c.due)
    columns = (milestone.c.id, milestone.c.due, milestone.c.policy, orders.c.site, due_told.c.what)
    return (
        select(*columns, due_told.c.due.label("told_due"))
        .join(orders, orders.c.number == milestone.c.order_number)
        .outerjoin(due_told, due_told.c.milestone_id == milestone.c.id)
        .where(milestone.c.done_at.is_(None), milestone.c.due <= now, due_told.c.milestone_id.is_(None) | ~late)
        .order_by(milestone.c.id)
        .limit(_AT_ONCE)
    )
