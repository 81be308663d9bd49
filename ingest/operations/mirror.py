"""What ingest knows of itself, as points in the series store, so that one datasource drives a whole board.

| measurement | tags | when | from |
|---|---|---|---|
| `gateway` | site, gateway | each minute | the table `gateway` |
| `ledger` | site, gateway, class | each minute | the ledger, all epochs of a gateway together |
| `dead_letter` | site, reason | each minute | the dead letters |
| `ingest` | site, worker | every ten seconds | this worker's own metrics; the same for each site that it serves |

All but the last are the same for every worker, so the one that has its name longest writes them; where two do for a moment,
they write the same points. All values are absolute: while the series store is away nothing is queued, the newest comes after.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

import structlog
from sqlalchemy import RowMapping, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ingest.ledger.books import parse
from ingest.operations.metrics import Metrics
from ingest.operations.own_figures import Figures, read_figures
from ingest.patience import DATABASE_AWAY, Patience, Stop
from ingest.tables import COUNTS, dead_letter, ledger_stream, worker_lease
from ingest.workers import LAPSE_S
from plumbline import ranges
from plumbline.delivery import StreamKey
from plumbline.event import EventClass
from plumbline.inbox import gateway
from plumbline.series import FieldValue, Point, SeriesUnavailableError, SeriesWriter
from plumbline.site import SiteFile

_log: Final = structlog.get_logger()

EVERY_S: Final = 10.0
_MINUTE: Final = 60_000_000_000
#: Streams and gateways that are looked at: those that were heard last.
_STREAMS: Final = 20_000
_GATEWAYS: Final = 5_000
#: Sites for which a worker says how it is.
_SITES: Final = 100
#: Piles of dead letters that are remembered, so that one that is gone is said to be empty.
_PILES: Final = 1_000
#: The site of letters that name none that we know: names from outside make no series.
UNKNOWN: Final = "unknown"
#: The reason of no letters: a site without any says so, for 'nothing' and 'no answer' look alike on a board.
NONE: Final = "none"


class SeriesMirror:
    """Writes until told to stop.

    Args:
        engine: the SQL database.
        store: where the points go.
        sites: the sites that this service serves.
        stop: ends it.
        metrics: what this worker counts.
        patience: how long to wait for what is away.
        still_since: since when (ns) a stream with holes has not moved (`GapKeeper.still_since`).
        worker: this worker's name.
        token: by which its lease is known to be its own.
        clock: UTC in ns.
    """

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        store: SeriesWriter,
        sites: Mapping[str, SiteFile],
        stop: Stop,
        metrics: Metrics,
        patience: Patience,
        still_since: Callable[[StreamKey], int | None],
        worker: Callable[[], str],
        token: str,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._engine = engine
        self._store = store
        self._sites = sites
        self._stop = stop
        self._metrics = metrics
        self._patience = patience
        self._still_since = still_since
        self._worker = worker
        self._token = token
        self._clock = clock
        self._figures: Figures | None = None
        self._minute = -1
        self._letters: tuple[int, ...] = ()
        self._piles: dict[tuple[str, str], tuple[int, int]] = {}

    async def run(self) -> None:
        """Serve until told to stop."""
        while not await self._stop.pause(EVERY_S):
            await self._patience.insist(
                self._attempt, task="mirror", stop=self._stop, failed=lambda away: self._metrics.retries.labels(away).inc()
            )

    async def _attempt(self) -> int:
        try:
            return await self.write()
        except (SeriesUnavailableError, *DATABASE_AWAY):
            raise
        except Exception:  # noqa: BLE001 - a mistake of ours must not end ingest, for which this is an extra
            _log.exception("what ingest knows of itself was not written")
            return 0

    async def write(self) -> int:
        """Write what is due now; returns how many points. Raises what `Patience.insist` waits out."""
        now = self._clock()
        minute = now // _MINUTE
        figures = read_figures(self._metrics.registry, now)
        points = own_points(self._worker(), list(self._sites)[:_SITES], figures, self._figures)
        if minute != self._minute:
            async with self._engine.connect() as connection:
                await connection.execution_options(read_only=True)
                if await self._is_first(connection, now):
                    points += await self._shared(connection, now)
        refused = await self._store.write(points) if points else ()
        if refused:
            told = refused[0]
            _log.error("a point about ingest was refused", measurement=told.point.measurement, reason=told.reason)
        self._minute, self._figures = minute, figures
        return len(points)

    async def _is_first(self, connection: AsyncConnection, now: int) -> bool:
        """Whether of all live workers this one has its name longest."""
        lease = worker_lease.c
        living = select(lease.token).where(lease.seen_at >= now - int(LAPSE_S * 1e9)).order_by(lease.since, lease.token)
        first = (await connection.execute(living.limit(1))).scalar()
        return first is None or first == self._token

    async def _shared(self, connection: AsyncConnection, now: int) -> list[Point]:
        lately = select(gateway).order_by(gateway.c.last_seen.desc()).limit(_GATEWAYS)
        rows = (await connection.execute(lately)).mappings().all()
        points = [_gateway(row, now) for row in rows]
        streams = select(ledger_stream).order_by(ledger_stream.c.last_seen.desc()).limit(_STREAMS)
        points += ledger_points((await connection.execute(streams)).mappings().all(), self._still_since, now)
        await self._count_letters(connection)
        at = now // _MINUTE * _MINUTE
        named = {site for site, _ in self._piles}
        without = {(site, NONE): (0, 0) for site in list(self._sites)[:_SITES] if site not in named}
        for (site, reason), (waiting, replayed) in {**self._piles, **without}.items():
            fields = {"waiting": float(waiting), "replayed": float(replayed)}
            points.append(Point("dead_letter", {"site": site, "reason": reason}, fields, at))
        return points

    async def _count_letters(self, connection: AsyncConnection) -> None:
        """Count the letters by site and reason, where any came or went since the last time."""
        table = dead_letter.c
        signs = select(func.count(), func.count(table.replayed_at), func.coalesce(func.max(table.id), 0)).select_from(
            dead_letter
        )
        letters = tuple((await connection.execute(signs)).one())
        if letters == self._letters:
            return
        waiting = func.sum(case((table.replayed_at.is_(None), 1), else_=0))
        piles = (
            select(table.site, table.reason, waiting, func.count(table.replayed_at))
            .group_by(table.site, table.reason)
            .order_by(func.count().desc())
            .limit(_PILES)
        )
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for name, reason, some, done in await connection.execute(piles):
            place = (name if name in self._sites else UNKNOWN, reason)
            before = found.get(place, (0, 0))
            found[place] = (before[0] + int(some), before[1] + int(done))
        emptied = dict.fromkeys([place for place in self._piles if place not in found][:_PILES], (0, 0))
        self._piles, self._letters = emptied | found, letters


def own_points(worker: str, sites: Sequence[str], now: Figures, before: Figures | None) -> list[Point]:
    """How a worker does: what it did since it said so last, and how it stands."""
    fields: dict[str, FieldValue] = {"queue": now.queue, "store_errors": now.store_errors}
    if before is not None and now.at > before.at:
        fields["events_per_s"] = max(0.0, now.events - before.events) * 1e9 / (now.at - before.at)
        if (slow := now.commits.since(before.commits).quantile(0.99)) is not None:
            fields["commit_p99_s"] = slow
    if now.lag_s is not None:
        fields["lag_s"] = now.lag_s
    return [Point("ingest", {"site": site, "worker": worker}, fields, now.at) for site in sites]


def _gateway(row: RowMapping, now: int) -> Point:
    fields: dict[str, FieldValue] = {"online": float(row["online"]), "last_seen": float(row["last_seen"] // 1_000_000)}
    if (until := row["data_until"]) is not None:
        fields |= {"data_until": float(until // 1_000_000), "data_age_s": max(0, now - until) / 1e9}
    if row["agent"]:
        fields["agent"] = row["agent"]
    return Point("gateway", {"site": row["site"], "gateway": row["gateway"]}, fields, now // _MINUTE * _MINUTE)


def ledger_points(rows: Sequence[RowMapping], still_since: Callable[[StreamKey], int | None], now: int) -> list[Point]:
    """The ledger of each gateway and class: counts of all its epochs, watermark and highest number of the newest.

    `watermark_age_s` is 0 where nothing waits behind the watermark.
    """
    by_place: dict[tuple[str, str, str], list[RowMapping]] = {}
    for row in rows:
        by_place.setdefault((row["site"], row["gateway"], row["event_class"]), []).append(row)
    points: list[Point] = []
    for (site, name, event_class), streams in by_place.items():
        newest = max(streams, key=lambda row: (row["first_seen"], row["epoch"]))
        settled = parse(newest["upto"], newest["beyond"])
        key = StreamKey(site, name, newest["epoch"], cast("EventClass", event_class))
        holes = ranges.holes(settled)
        still = still_since(key) if holes else None
        fields: dict[str, FieldValue] = {count: float(sum(row[count] for row in streams)) for count in COUNTS}
        fields |= {
            "missing": float(sum(ranges.count(ranges.holes(parse(row["upto"], row["beyond"]))) for row in streams)),
            "watermark": float(newest["upto"]),
            "highest": float(settled[-1][1] if settled else 0),
            "watermark_age_s": max(0, now - still) / 1e9 if still is not None else 0.0,
        }
        points.append(Point("ledger", {"site": site, "gateway": name, "class": event_class}, fields, now // _MINUTE * _MINUTE))
    return points
