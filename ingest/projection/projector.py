"""Business events → series store: what the inbox holds is projected into points and heat, behind the commit and at its own pace.

A store that is away delays this and nothing else. Rows are read and marked without a lock between: writing points again
changes nothing, and a lock held while a store is slow would make tracking wait. On PostgreSQL an advisory lock lets one
worker project at a time, only to save work.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import structlog
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ingest import deadletters
from ingest.heat.record import Recorder
from ingest.operations.metrics import Metrics
from ingest.patience import Patience, Stop
from ingest.pipeline import refused_point
from ingest.projection.origins import origins
from ingest.receiving.parcel import Letter
from ingest.registry.desks import Desks
from ingest.upsert import is_postgresql
from plumbline import codec, topics
from plumbline.errors import CodecError
from plumbline.event import Event
from plumbline.inbox import inbox
from plumbline.series import SeriesWriter
from plumbline.site import SiteFile

_log: Final = structlog.get_logger()
#: Rows projected at once.
ROWS: Final = 1000
#: Without a word of a commit the inbox is looked into after this time: another worker may have died before projecting.
IDLE_S: Final = 5.0
#: PostgreSQL's advisory lock: any number, as long as nobody else uses it.
_ADVISORY: Final = 0x506C756D_62_01


class _Waiting(NamedTuple):
    position: int
    body: bytes


class Projector:
    """Projects the inbox until told to stop; `wake` says that there is something new."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        store: SeriesWriter,
        sites: Mapping[str, SiteFile],
        stop: Stop,
        metrics: Metrics,
        retention: deadletters.Retention,
        patience: Patience,
        clock: Callable[[], int],
    ) -> None:
        self._engine = engine
        self._store = store
        self._desks = Desks(sites)
        self._heat = Recorder()
        self._stop = stop
        self._metrics = metrics
        self._retention = retention
        self._patience = patience
        self._clock = clock
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Business events were committed."""
        self._news.set()

    async def run(self) -> None:
        """Serve until told to stop."""
        while not self._stop.is_set():
            self._news.clear()
            done = await self._patience.insist(
                self.project, task="projector", stop=self._stop, failed=lambda away: self._metrics.retries.labels(away).inc()
            )
            if done == 0:
                await self._rest()

    async def _rest(self) -> None:
        waits = [asyncio.ensure_future(self._news.wait()), asyncio.ensure_future(self._stop.wait())]
        try:
            await asyncio.wait(waits, timeout=IDLE_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def project(self) -> int:
        """Project the oldest rows that wait; returns how many. Raises what `Patience.insist` waits out."""
        async with self._engine.connect() as leader:
            if is_postgresql(leader):
                free = await leader.scalar(text("SELECT pg_try_advisory_xact_lock(:number)"), {"number": _ADVISORY})
                if not free:
                    return 0
                return await self._round(leader)
        return await self._round(None)

    async def _round(self, leader: AsyncConnection | None) -> int:
        rows = await self._waiting(leader)
        if not rows:
            return 0
        by_site, letters = _decoded(rows)
        letters += await self._write(by_site)
        heat = self._heat.new([event for events in by_site.values() for event in events], self._desks)
        async with self._engine.begin() as connection:
            chosen = select(inbox.c.position).where(inbox.c.position.in_([row.position for row in rows]))
            if is_postgresql(connection):  # a row that tracking holds right now is left for the next round
                chosen = chosen.with_for_update(skip_locked=True)
            await connection.execute(update(inbox).where(inbox.c.position.in_(chosen)).values(projected=True))
            await deadletters.keep(connection, [(letter, None) for letter in letters], now=self._clock())
            await self._heat.record(connection, heat)
        self._heat.remember(heat)
        if letters:
            await self._retention.added(self._engine, letters)
            for letter in letters:
                self._metrics.letters.labels(letter.reason).inc()
        return len(rows)

    async def _waiting(self, leader: AsyncConnection | None) -> Sequence[_Waiting]:
        statement = select(inbox.c.position, inbox.c.body).where(~inbox.c.projected).order_by(inbox.c.position).limit(ROWS)
        if leader is not None:
            return [_Waiting(*row) for row in (await leader.execute(statement)).all()]
        async with self._engine.connect() as connection:
            await connection.execution_options(read_only=True)
            return [_Waiting(*row) for row in (await connection.execute(statement)).all()]

    async def _write(self, by_site: Mapping[str, Sequence[Event]]) -> list[Letter]:
        """Write the points of events; letters for those that the store refuses."""
        letters: list[Letter] = []
        makers = {site: self._desks.of(site).maker for site in by_site}
        for site in (site for site, maker in makers.items() if maker is None):
            _log.warning("events of a site without a file make no points", site=site, count=len(by_site[site]))
        points = [point for site, events in by_site.items() if (maker := makers[site]) for point in maker.points(events)]
        refused = await self._store.write(points) if points else ()
        events = (event for site, some in by_site.items() if makers[site] for event in some)
        found = origins(
            [point for point, _ in refused],
            events,
            lambda event: maker.points([event]) if (maker := makers[event.site]) else (),
        )
        for (point, reason), event in zip(refused, found, strict=True):
            site = point.tags.get("site", "")
            topic = topics.events(site, event.gateway, event.event_class) if event else f"series/{site}"
            letters.append(refused_point(point, reason, event, topic))
        return letters


def _decoded(rows: Sequence[_Waiting]) -> tuple[Mapping[str, list[Event]], list[Letter]]:
    """The rows' events by site, and letters for rows that cannot be read."""
    letters: list[Letter] = []
    by_site: defaultdict[str, list[Event]] = defaultdict(list)
    for row in rows:
        try:
            event = codec.decode_event(row.body)
        except CodecError as error:  # written by a newer ingest than this one
            letters.append(Letter(f"inbox/{row.position}", error.reason, error.detail, row.body))
            continue
        by_site[event.site].append(event)
    return by_site, letters
