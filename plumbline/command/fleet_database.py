"""What the database of ingest tells of gateways: for head office."""

from typing import Any

import structlog
from sqlalchemy import Row, select

from plumbline import codec, inbox
from plumbline.command.fleet_view import Known
from plumbline.command.sql import OF_UP, opened
from plumbline.errors import CodecError
from plumbline.event import Health

_log = structlog.get_logger(__name__)


async def from_database(url: str | None, site: str | None) -> list[Known]:
    """What ingest knows; without a URL that of `plumbline up`."""
    statement = select(inbox.gateway)
    if site is not None:
        statement = statement.where(inbox.gateway.c.site == site)
    async with opened(url or OF_UP, existing=True) as engine, engine.connect() as link:
        return [_known(row) for row in await link.execute(statement)]


def _known(row: Row[Any]) -> Known:
    known = Known(row.site, row.gateway, row.online, row.since, row.last_seen, row.agent)
    if row.health is None:
        return known
    try:
        event = codec.decode_event(row.health)
    except CodecError as error:
        _log.warning("fleet.unreadable", gateway=f"{row.site}/{row.gateway}", error=str(error))
        return known
    if isinstance(event, Health):
        known.values, known.readers, known.texts = event.values, event.readers, event.texts
        if "config" in event.texts:
            known.take_text(event.texts["config"])
    return known
