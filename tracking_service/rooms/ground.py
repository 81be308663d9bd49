"""What rooms stand on beside their tables: the site files, the time, the events that were taken in before."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Final, TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.codec import decode_event
from plumbline.errors import CodecError
from plumbline.event import Event
from plumbline.inbox import inbox
from plumbline.linking import Known
from plumbline.site import SiteFile
from tracking_service import catalogue

T = TypeVar("T")

#: The most values of one `IN (…)`: SQLite takes 32,766 parameters.
SOME: Final = 500

Bodies = Callable[[AsyncConnection, Collection[str]], Awaitable[Sequence[bytes]]]


async def from_inbox(connection: AsyncConnection, ids: Collection[str]) -> Sequence[bytes]:
    """The events of these ids, in the order in which they came; those that are not there are left out."""
    found: list[tuple[int, bytes]] = []
    for some in portions(sorted(ids)):
        statement = select(inbox.c.position, inbox.c.body).where(inbox.c.event_id.in_(some))
        found += [(row.position, row.body) for row in await connection.execute(statement)]
    return [body for _, body in sorted(found)]


@dataclass(frozen=True, slots=True)
class Ground:
    """What is given while a transaction is written.

    Args:
        sites: titles of devices and places.
        zones: the sites' time zones.
        now: UTC, ns.
        bodies: events that were taken in before, by id.
        deferred: what follows from what is stored is computed at the end (`follow`), as when the log is replayed.
    """

    sites: Mapping[str, SiteFile]
    zones: Mapping[str, tzinfo]
    now: int
    bodies: Bodies = from_inbox
    deferred: bool = False
    names: Mapping[tuple[str, str], Known] = field(init=False)
    """Badges and tags by site and code."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", catalogue.names_of(self.sites.values()))

    async def events(self, connection: AsyncConnection, ids: Collection[str]) -> Sequence[Event]:
        """The events of these ids that can be read."""
        found: list[Event] = []
        for body in await self.bodies(connection, ids):
            try:
                found.append(decode_event(body))
            except CodecError:  # it stands among the unreadable, and moves nothing
                continue
        return found


def portions(values: Iterable[T], size: int = SOME) -> Iterator[list[T]]:
    """A long list in parts that a query can take."""
    rows = list(values)
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
