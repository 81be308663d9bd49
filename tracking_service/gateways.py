"""What is known of a site's gateways, and behind which time nothing is known."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline import inbox
from plumbline.codec import decode_event
from plumbline.errors import CodecError
from plumbline.event import Health
from tracking_service.domain.milestone import Silence

GatewayState = Literal["online", "offline", "catching_up"]

#: The metrics of a gateway's health that count events waiting in its outbox.
BACKLOG_METRICS: Final = ("queue_business_events", "queue_telemetry_events")
#: A gateway tells its health at least every minute: newer than its newest event by more than this, it has old ones to send.
BEHIND_NS: Final = 90_000_000_000


class Gateway(NamedTuple):
    """A gateway as ingest last knew it. Times are UTC, ns."""

    site: str
    id: str
    online: bool
    since: int
    last_seen: int
    data_until: int | None
    backlog: int | None

    @property
    def state(self) -> GatewayState:
        """`catching_up`: it speaks, but what it has told lies well behind."""
        if not self.online:
            return "offline"
        return "catching_up" if self.data_until is not None and self.last_seen - self.data_until > BEHIND_NS else "online"


async def read(connection: AsyncConnection, site: str | None = None) -> Sequence[Gateway]:
    """The gateways of a site (or of all), by name."""
    statement = select(inbox.gateway).order_by(inbox.gateway.c.site, inbox.gateway.c.gateway)
    if site is not None:
        statement = statement.where(inbox.gateway.c.site == site)
    return [
        Gateway(row.site, row.gateway, row.online, row.since, row.last_seen, row.data_until, _backlog(row.health))
        for row in await connection.execute(statement)
    ]


def silences(gateways: Iterable[Gateway]) -> Sequence[Silence]:
    """The gateways that may have seen what they have not told: offline, or catching up."""
    return [
        Silence(gateway.id, gateway.data_until if gateway.data_until is not None else gateway.since)
        for gateway in gateways
        if gateway.state != "online"
    ]


def _backlog(health: bytes | None) -> int | None:
    if health is None:
        return None
    try:
        event = decode_event(health)
    except CodecError:
        return None  # written by a newer agent: nothing is known of its backlog
    if not isinstance(event, Health):
        return None
    waiting = [event.values[metric] for metric in BACKLOG_METRICS if metric in event.values]
    return int(sum(waiting)) if waiting else None


def by_site(gateways: Iterable[Gateway]) -> Mapping[str, Sequence[Silence]]:
    """The silences of each site."""
    grouped: dict[str, list[Gateway]] = defaultdict(list)
    for gateway in gateways:
        grouped[gateway.site].append(gateway)
    return {site: silences(found) for site, found in grouped.items()}
