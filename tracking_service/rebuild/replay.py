"""Replay the log: the code that made the live state, in the log's order; what follows is computed once at the end."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import tzinfo
from itertools import groupby
from typing import Final, NamedTuple

from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plumbline.event import Event
from plumbline.site import SiteFile
from tracking_service import acts, office, progress
from tracking_service.checking import placed_again
from tracking_service.draft import Draft
from tracking_service.geofence import room as geofence
from tracking_service.intake import decoded
from tracking_service.log import Entry, pages
from tracking_service.rooms import check_ins, counting, machines, minutes
from tracking_service.rooms.ground import Ground, from_inbox, portions
from tracking_service.tables import material_line, milestone

#: Entries that are taken in at once.
PAGE: Final = 5_000
#: Milestones that are evaluated at once.
_EVALUATED: Final = 200
#: Lines that are counted at once.
_COUNTED: Final = 200

Told = Callable[[str, int, int], None]
"""Hears how far it is: what is being done, how much of it is done, how much there is."""


class _Refused(NamedTuple):
    """An entry as `Draft.refuse` reads it."""

    event_id: str
    site: str
    device: str
    at: int


class Replay:
    """One replay into a shadow.

    Args:
        engine: the shadow.
        live: a connection to the live database, in one transaction: it is read as it is at one moment.
        sites: as the service has them.
        told: hears how far it is.
    """

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        live: AsyncConnection,
        sites: Mapping[str, SiteFile],
        zones: Mapping[str, tzinfo],
        told: Told,
    ) -> None:
        self._engine = engine
        self._live = live
        self._sites = sites
        self._zones = zones
        self._told = told
        self.lost: list[str] = []
        """Events that stand in the log and not in the inbox any more."""
        self.entries = 0

    async def run(self, *, after: int, until: int) -> None:
        """Take in the entries behind `after`, up to `until`."""
        async for page in pages(self._live, after=after, until=until, size=PAGE):
            for kind, some in groupby(page, key=lambda entry: entry.kind):
                if kind == "event":
                    await self._events(list(some))
                else:
                    await self._acts(list(some))
            self.entries += len(page)
            self._told("log", page[-1].position, until)

    async def finish(self, now: int) -> None:
        """Compute what follows from all that was taken in."""
        ground = self._ground(now)
        async with self._engine.begin() as connection:
            await minutes.lend(self._live, connection)
            await check_ins.follow(connection)
            await machines.follow(connection)
            await geofence.follow(connection, sites=self._sites)
            lines = (await connection.execute(select(material_line.c.id).order_by(material_line.c.id))).scalars().all()
        for done, some in enumerate(portions(lines, _COUNTED)):
            async with self._engine.begin() as connection:
                await counting.settle_lines(connection, some)
            self._told("lines", min(len(lines), (done + 1) * _COUNTED), len(lines))
        async with self._engine.begin() as connection:
            ids = (await connection.execute(select(milestone.c.id).order_by(milestone.c.id))).scalars().all()
        for done, some in enumerate(portions(ids, _EVALUATED)):
            await self._evaluate(some, ground)
            self._told("milestones", min(len(ids), (done + 1) * _EVALUATED), len(ids))

    async def _evaluate(self, ids: Collection[str], ground: Ground) -> None:
        async with self._engine.begin() as connection:
            found = await progress.evaluate(connection, ids, ground)
            values = [{"b_id": one.plan.row.id, **one.values, "wake_at": one.result.wake_at} for one in found]
            await connection.execute(update(milestone).where(milestone.c.id == bindparam("b_id")), values)

    async def _events(self, entries: Sequence[Entry]) -> None:
        read = [(entry, self._read(entry)) for entry in entries]
        known = [(entry, event) for entry, event in read if event is not None]
        try:
            async with self._engine.begin() as connection:
                await self._store(connection, known)
        except SQLAlchemyError as error:
            if len(known) == 1:
                await self._set_aside(known[0][0], error)
                return
            await self._one_by_one(known)
        except Exception as error:  # noqa: BLE001 - as the intake: what a hostile event provokes is found and set aside
            if len(known) == 1:
                await self._set_aside(known[0][0], error)
                return
            await self._one_by_one(known)

    async def _one_by_one(self, known: Sequence[tuple[Entry, Event | str]]) -> None:
        for one in known:
            try:
                async with self._engine.begin() as connection:
                    await self._store(connection, [one])
            except Exception as error:  # noqa: BLE001 - the same
                await self._set_aside(one[0], error)

    async def _store(self, connection: AsyncConnection, known: Sequence[tuple[Entry, Event | str]]) -> None:
        draft = Draft(self._ground(known[-1][0].recorded_at if known else 0))
        for entry, event in known:
            if isinstance(event, str):
                draft.refuse(_Refused(entry.ref, entry.site, entry.device, entry.at), event)
            else:
                draft.add(event)
        await draft.store(connection)

    async def _set_aside(self, entry: Entry, error: Exception) -> None:
        async with self._engine.begin() as connection:
            await self._store(connection, [(entry, f"{type(error).__name__}: {error}"[:400])])

    def _read(self, entry: Entry) -> Event | str | None:
        if entry.event is None:
            self.lost.append(entry.ref)
            return None
        return decoded(entry.event, entry.ref, entry.site)

    async def _acts(self, entries: Sequence[Entry]) -> None:
        async with self._engine.begin() as connection:
            for entry in entries:
                assert entry.act is not None
                done = acts.read(entry.act, f"the log at {entry.position}")
                placed = await placed_again(connection, done, site=entry.site, recorded_at=entry.recorded_at)
                await office.enter(connection, done, placed, entry.position, self._ground(entry.recorded_at))

    def _ground(self, now: int) -> Ground:
        async def bodies(_shadow: AsyncConnection, ids: Collection[str]) -> Sequence[bytes]:
            return await from_inbox(self._live, ids)

        return Ground(self._sites, self._zones, now, bodies, deferred=True)


def silent(_what: str, _done: int, _whole: int) -> None:
    """Tell nobody."""
