"""What happened lately: the list on the wall, kept short."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.text import Text, visible
from tracking_service import gateways
from tracking_service.domain.milestone import Completed, Passed
from tracking_service.domain.notice import Change, Moved
from tracking_service.domain.wording import gateway_turned
from tracking_service.tables import activity, insert

Kind = Literal["scan", "check_in", "state", "milestone", "gateway", "unlinked", "inspection"]
Level = Literal["info", "good", "warn", "bad"]

#: So many entries are kept of each site, beside those that came since the list was last trimmed.
KEPT: Final = 200
#: So many a screen gets.
SHOWN: Final = 30


class Entry(NamedTuple):
    """One thing that happened."""

    id: str
    site: str
    at: int
    kind: Kind
    text: Text
    level: Level


async def add(connection: AsyncConnection, entries: Sequence[Entry]) -> Sequence[Entry]:
    """Put entries on the list; returns those that were not there yet. The oldest go with `trim`."""
    if not entries:
        return ()
    told: dict[str, Entry] = {}
    for entry in entries:
        told.setdefault(entry.id, entry)
    rows = [
        {
            "id": entry.id,
            "site": entry.site,
            "at": entry.at,
            "kind": entry.kind,
            "text_en": visible(entry.text.en, 512),
            "text_zh": visible(entry.text.zh, 512),
            "level": entry.level,
        }
        for entry in told.values()
    ]
    statement = insert(connection, activity).on_conflict_do_nothing().returning(activity.c.id)
    new = set((await connection.execute(statement, rows)).scalars())
    return [entry for entry in told.values() if entry.id in new]


async def overfull(connection: AsyncConnection) -> Sequence[str]:
    """The sites whose lists `trim` shortens. Reads only."""
    statement = select(activity.c.site).group_by(activity.c.site).having(func.count() > KEPT)
    return (await connection.execute(statement)).scalars().all()


async def trim(connection: AsyncConnection, sites: Sequence[str]) -> None:
    """Drop what is older than the newest `KEPT` entries of each of these sites."""
    for site in sites:
        oldest = select(activity.c.at).where(activity.c.site == site).order_by(activity.c.at.desc()).offset(KEPT - 1).limit(1)
        await connection.execute(delete(activity).where(activity.c.site == site, activity.c.at < oldest.scalar_subquery()))


async def newest(connection: AsyncConnection, site: str) -> Sequence[Entry]:
    """The newest entries of a site, newest first."""
    statement = (
        select(activity).where(activity.c.site == site).order_by(activity.c.at.desc(), activity.c.id.desc()).limit(SHOWN)
    )
    return [
        Entry(row.id, row.site, row.at, row.kind, Text(row.text_en, row.text_zh), row.level)
        for row in await connection.execute(statement)
    ]


async def move(connection: AsyncConnection, entry: str, at: int) -> None:
    """Give an entry that is on the list another time."""
    await connection.execute(update(activity).where(activity.c.id == entry).values(at=at))


def of_changes(changes: Sequence[Change], now: int) -> Sequence[Entry]:
    """Milestone events as entries."""
    return [
        Entry(
            f"{change.subject}|{type(change.event).__name__.lower()}|{now}",
            change.site,
            now,
            "milestone",
            change.headline,
            "good" if isinstance(change.event, Completed) else "info" if isinstance(change.event, Passed) else "bad",
        )
        for change in changes
        if not isinstance(change.event, Moved)  # a percentage that moved is on the wall anyway
    ]


class GatewayTurns:
    """Notices gateways that went silent or came back since they were last read."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], int] = {}

    async def read(self, connection: AsyncConnection) -> Sequence[Entry]:
        """Entries for the gateways whose state changed; the same ones again until `told`."""
        return [
            Entry(
                f"gateway|{gateway.site}|{gateway.id}|{gateway.since}",
                gateway.site,
                gateway.since,
                "gateway",
                gateway_turned(gateway.id, online=gateway.online),
                "good" if gateway.online else "warn",
            )
            for gateway in await gateways.read(connection)
            if self._told.get((gateway.site, gateway.id)) != gateway.since
        ]

    def told(self, entries: Sequence[Entry]) -> None:
        """The entries are on the list."""
        for entry in entries:
            _, site, gateway, since = entry.id.split("|")
            self._told[site, gateway] = int(since)
