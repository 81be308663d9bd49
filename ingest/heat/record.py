"""Presence → SQL, in the transaction that enters its events in the ledger.

A row says how much a device weighs in a cell, a minute and a source: the largest weight that came, whoever brought it and how
often. Each commit that brings something new leaves a mark for each minute it touched; marks are only added here, so that
workers never wait for each other's. `ingest.heat.projector` takes them away.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from ingest.heat.presence import Found, Weights
from ingest.heat.tables import heat_mark, heat_presence
from ingest.registry.desks import Desks
from ingest.upsert import Insert, insert_of
from plumbline.event import Event
from plumbline.prepared import Prepared

#: Presence that is remembered as committed; beyond, all is forgotten and each device writes one row more.
MOST: Final = 20_000


class Recorder:
    """Writes the presence of one stream of commits, and remembers what it has written lately.

    A device that reports each second so costs one row a minute.
    """

    def __init__(self) -> None:
        self._written: dict[str, Weights] = {}
        self._count = 0

    def new(self, events: Sequence[Event], desks: Desks, sites: Collection[str] | None = None) -> dict[str, Found]:
        """By site: what of the events' presence is not known to be in the table already; `sites`: all that they are of."""
        sites = sites or {event.site for event in events}
        news: dict[str, Found] = {}
        for site in sites:
            maker = desks.of(site).heat
            some = events if len(sites) == 1 else [event for event in events if event.site == site]
            if maker is None:
                continue
            found = maker.presence(some)
            found.weights = self._unknown(site, found.weights)
            if found.weights:
                news[site] = found
            else:  # nothing of it counts, or all is in the table
                found.remember()
        return news

    def _unknown(self, site: str, weights: Weights) -> Weights:
        written = self._written.get(site)
        if not written:
            return weights
        known = written.get
        return {presence: weight for presence, weight in weights.items() if known(presence, 0) < weight}

    async def record(self, connection: AsyncConnection, new: Mapping[str, Found]) -> None:
        """Write the presence of sites, and mark its minutes."""
        if not new:
            return
        rows = [(site, *one, weight) for site in sorted(new) for one, weight in sorted(new[site].weights.items())]
        await _PRESENCE.write(connection, rows)
        await mark(connection, [(site, one.minute) for site, found in new.items() for one in found.weights])

    def remember(self, new: Mapping[str, Found]) -> None:
        """It is committed."""
        fresh = sum(len(found.weights) for found in new.values())
        if self._count + fresh > MOST:
            self._written.clear()
            self._count = 0
        self._count += fresh
        for site, found in new.items():
            self._written.setdefault(site, {}).update(found.weights)
            found.remember()


async def mark(connection: AsyncConnection, minutes: Sequence[tuple[str, int]], *, anew: bool = False) -> None:
    """Ask for the heat of minutes of sites to be written; `anew`: also what seems to be written already."""
    await _MARKS.write(connection, [(site, minute, anew) for site, minute in sorted(set(minutes))])


def _upsert(postgresql: bool) -> Insert:
    """In the order of the key, so that two workers take the rows' locks in one order."""
    insert = insert_of(heat_presence, postgresql=postgresql)
    return insert.on_conflict_do_update(
        index_elements=list(heat_presence.primary_key.columns),
        set_={"weight": insert.excluded.weight},
        where=insert.excluded.weight > heat_presence.c.weight,
    )


_PRESENCE: Final = Prepared(_upsert, "site", "minute", "cell_column", "cell_row", "source", "device", "weight")
_MARKS: Final = Prepared(lambda postgresql: insert_of(heat_mark, postgresql=postgresql), "site", "minute", "anew")
