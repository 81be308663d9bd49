"""What notices tell of milestones, read from where they stand."""

from collections.abc import Iterable, Mapping
from datetime import UTC, tzinfo
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.text import Text
from tracking_service.domain.notice import LineStanding, MilestoneBrief
from tracking_service.tables import material_line, milestone, milestone_need, orders

#: A mail lists at most so many lines.
_LISTED: Final = 40


async def read(connection: AsyncConnection, ids: Iterable[str], *, zones: Mapping[str, tzinfo]) -> Mapping[str, MilestoneBrief]:
    """These milestones as they stand in the database now, by id."""
    wanted = sorted(set(ids))
    rows = await connection.execute(
        select(milestone, orders.c.site, orders.c.title_en.label("order_en"), orders.c.title_zh.label("order_zh"))
        .join(orders, orders.c.number == milestone.c.order_number)
        .where(milestone.c.id.in_(wanted))
        .order_by(milestone.c.id)
    )
    lines: dict[str, list[LineStanding]] = {}
    for line in await connection.execute(
        select(milestone_need.c.milestone_id, material_line)
        .join(material_line, (milestone_need.c.kind == "line") & (material_line.c.id == milestone_need.c.key))
        .where(milestone_need.c.milestone_id.in_(wanted))
        .order_by(material_line.c.ordinal)
    ):
        standing = LineStanding(line.line, Text(line.title_en, line.title_zh), line.unit, line.expected, line.arrived)
        lines.setdefault(line.milestone_id, []).append(standing)
    return {
        row.id: MilestoneBrief(
            id=row.id,
            order=row.order_number,
            order_title=Text(row.order_en, row.order_zh),
            title=Text(row.title_en, row.title_zh),
            percent=row.percent,
            due=row.due,
            evidence=row.evidence,
            lines=lines.get(row.id, [])[:_LISTED],
            zone=zones.get(row.site, UTC),
            site=row.site,
            done_at=row.done_at,
            why=Text(row.why_en, row.why_zh) if row.why_en else None,
        )
        for row in rows
    }
