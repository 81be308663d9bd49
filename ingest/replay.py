"""Replaying dead letters: those that somebody asked for are taken once more, with the software and the sites of today.

The running service does it, since it holds the series store; `plumbline deadletters replay` only leaves the wish in the
table. A letter that is refused again keeps its new reason and waits for the next wish.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog
from sqlalchemy import RowMapping, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ingest import ledger, mail
from ingest.days import SiteDays
from ingest.metrics import Metrics
from ingest.parcel import class_in, open_parcel, wrong_with
from ingest.patience import Patience, Stop
from ingest.pipeline import Pipeline
from ingest.points import PointMaker
from ingest.tables import dead_letter
from plumbline import codec
from plumbline.delivery import StreamKey
from plumbline.errors import CodecError
from plumbline.event import Event, EventClass, Fix
from plumbline.series import SeriesWriter
from plumbline.site import SiteFile

_log: Final = structlog.get_logger()
#: How often the table is looked at for wishes.
EVERY_S: Final = 2.0
_AT_ONCE: Final = 100


class Replayer:
    """Carries out wishes for a replay until told to stop."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        store: SeriesWriter,
        sites: Mapping[str, SiteFile],
        pipelines: Mapping[EventClass, Pipeline],
        stop: Stop,
        metrics: Metrics,
        on_commit: Callable[[], None],
        patience: Patience,
        clock: Callable[[], int],
    ) -> None:
        self._engine = engine
        self._store = store
        self._sites = sites
        self._pipelines = pipelines
        self._stop = stop
        self._metrics = metrics
        self._on_commit = on_commit
        self._patience = patience
        self._clock = clock

    async def run(self) -> None:
        """Serve until told to stop."""
        while True:
            done = await self._patience.insist(
                self.replay, task="replay", stop=self._stop, failed=lambda away: self._metrics.retries.labels(away).inc()
            )
            if done is None or (done == 0 and await self._stop.pause(EVERY_S)) or self._stop.is_set():
                return

    async def replay(self) -> int:
        """Take up the letters that were asked for; returns how many. Raises what `Patience.insist` waits out."""
        table = dead_letter.c
        wanted = select(dead_letter).where(table.replay_requested_at.is_not(None)).order_by(table.id).limit(_AT_ONCE)
        async with self._engine.connect() as connection:
            await connection.execution_options(read_only=True)
            letters = (await connection.execute(wanted)).mappings().all()
        for letter in letters:
            wrong = await (self._whole(letter) if letter["seq"] is None else self._event(letter))
            if wrong is not None:
                await self._close(letter, {"reason": wrong[0], "detail": wrong[1][:2000].replace("\0", "\ufffd")})
            _log.info("dead letter replayed", id=letter["id"], again_refused=wrong and wrong[0])
        if letters:
            self._on_commit()
        return len(letters)

    async def _whole(self, letter: RowMapping) -> tuple[str, str] | None:
        """A message whose numbers were not known: through the pipeline once more."""
        event_class = class_in(letter["topic"])
        if event_class is None:
            return letter["reason"], f"{letter['topic']} is not a topic with events: there is nothing to replay"
        if letter["size"] > len(letter["payload"]):
            return letter["reason"], f"only {len(letter['payload'])} of {letter['size']} bytes were kept: cannot be replayed"
        parcel = open_parcel(
            letter["topic"], letter["payload"], sites=self._sites, received_at=letter["received_at"], ack=lambda: None
        )
        if parcel.header is None:
            return parcel.letters[0].reason, parcel.letters[0].detail
        await self._pipelines[event_class].commit([parcel], trusted=True)
        await self._close(letter, {"replayed_at": self._clock()})
        return None

    async def _event(self, letter: RowMapping) -> tuple[str, str] | None:
        """One event whose number the ledger knows already."""
        try:
            event = codec.decode_event(letter["payload"])
        except CodecError as error:
            return error.reason, error.detail
        stream = StreamKey(letter["site"], letter["gateway"], letter["epoch"], letter["event_class"])
        if (event.site, event.gateway, event.epoch, event.event_class, event.seq) != (*_parts(stream), letter["seq"]):
            return (
                "invalid",
                f"the event says {event.site}/{event.gateway}/{event.epoch} #{event.seq}, its batch said otherwise",
            )
        site = self._sites.get(event.site)
        wrong = wrong_with(event, site, self._clock())
        if wrong is not None or site is None:
            return wrong
        if event.event_class == "telemetry":
            for _, reason in await self._store.write(PointMaker(site).points([event])):
                return "point_refused", reason
        now = self._clock()
        async with self._engine.begin() as connection:
            if await self._mark(connection, letter, {"replayed_at": now}):
                await self._take(connection, letter, event, stream, SiteDays(site.timezone))
        return None

    async def _take(
        self, connection: AsyncConnection, letter: RowMapping, event: Event, stream: StreamKey, calendar: SiteDays
    ) -> None:
        now = self._clock()
        if letter["booked_day"] is not None:
            accounts = await ledger.lock(connection, [stream], now)
            accounts[stream].revive(event, letter["booked_day"], calendar)
            await ledger.save(connection, accounts, now)
        telemetry = event.event_class == "telemetry"
        if not telemetry or type(event) is Fix:
            await mail.deliver(connection, [event], now=now, projected=telemetry)

    async def _close(self, letter: RowMapping, values: Mapping[str, Any]) -> None:
        async with self._engine.begin() as connection:
            await self._mark(connection, letter, values)

    @staticmethod
    async def _mark(connection: AsyncConnection, letter: RowMapping, values: Mapping[str, Any]) -> bool:
        """Close the wish; false where another worker was faster."""
        statement = (
            update(dead_letter)
            .where(dead_letter.c.id == letter["id"], dead_letter.c.replay_requested_at.is_not(None))
            .values(replay_requested_at=None, **values)
        )
        return (await connection.execute(statement)).rowcount == 1


def _parts(stream: StreamKey) -> tuple[str, str, str, str]:
    return stream.site, stream.gateway, stream.epoch, stream.event_class
