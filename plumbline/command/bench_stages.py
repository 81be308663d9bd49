"""What `plumbline bench ingest` needs of ingest's own parts: CPU µs per event by stage, and a count in the embedded store."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from ingest.account import Account
from ingest.deadletters import LIMIT_BYTES, Retention
from ingest.desks import Desks
from ingest.metrics import Metrics
from ingest.migrate import migrate
from ingest.parcel import Parcel, open_parcel
from ingest.pipeline import Pipeline
from ingest.points import PointMaker
from ingest.series import open_store
from ingest.series.embedded import EmbeddedStore
from ingest.series.line_protocol import LineEncoder
from ingest.streams import Entry, sort
from plumbline import codec, site
from plumbline.bench.ingest.load import COUNTED, MEASUREMENT, SITE, Load
from plumbline.command.sql import opened
from plumbline.compression import expanded
from plumbline.delivery import StreamKey
from plumbline.errors import PlumblineError
from plumbline.ranges import Pairs
from plumbline.series import Point, RefusedPoint
from plumbline.site import SiteFile

#: Messages that are committed together, as a lane does with a backlog.
_GROUP: Final = 64
_HOUR: Final = 3_600_000_000_000


class _Nowhere:
    """A series store that costs nothing."""

    async def write(self, points: Sequence[Point]) -> Sequence[RefusedPoint]:  # noqa: ARG002 - the contract's
        return ()


class _Took:
    """CPU time of this process, all its threads, for each stage."""

    def __init__(self, events: int) -> None:
        self.figures: dict[str, float] = {}
        self._events = events

    def stage(self, name: str, began: float, *, but: Sequence[str] = ()) -> None:
        """A stage ends that began then; what the stages in `but` take was in it."""
        us = (time.process_time() - began) / self._events * 1e6
        self.figures[name] = round(us - sum(self.figures[other] for other in but), 2)


async def stages(folder: Path, events: int, series: str) -> dict[str, Any]:
    """CPU µs per event of each stage, one after the other in this process, on batches of 100 as gateways send them.

    `store` is what the store at the URL takes beyond making the lines, `sql` what a group's transactions take beyond the
    arithmetic of the ledger (SQLite). MQTT is not among them: it is what a whole process takes (`backlog`) beyond these.
    """
    load = Load(events=events)
    folder.mkdir(parents=True)
    (folder / "bench.toml").write_text(load.site_file(), encoding="utf-8")
    sites = {SITE: site.load(folder / "bench.toml")}
    messages = list(load.messages())
    took, now = _Took(events), time.process_time
    began = now()
    texts = [expanded(message.payload, codec.MAX_BATCH_BYTES) for message in messages]
    took.stage("expand", began)
    began = now()
    for text in texts:
        codec.decode_batch(text)
    took.stage("decode", began)
    del texts
    began = now()
    parcels = [
        open_parcel(topic, payload, sites=sites, received_at=time.time_ns(), ack=_ignore) for topic, payload, _ in messages
    ]
    took.stage("validate", began, but=("expand", "decode"))
    groups = [parcels[first : first + _GROUP] for first in range(0, len(parcels), _GROUP)]
    began = now()
    maker = PointMaker(sites[SITE])
    points = [maker.points(event for parcel in group for event in parcel.events) for group in groups]
    took.stage("points", began)
    began = now()
    encoder = LineEncoder(portable=True)
    for some in points:
        _ = encoder.encode(some).body
    took.stage("lines", began)
    began = now()
    await _store(series, points)
    took.stage("store", began, but=("lines",))
    began = now()
    _enter(groups, sites)
    took.stage("ledger", began)
    async with opened(f"sqlite:///{folder}/stages.db") as engine:
        await migrate(engine)
        began = now()
        await _commit(engine, groups, sites)
        took.stage("sql", began, but=("points", "ledger"))
    return {"events": events, "cpu_us_per_event": took.figures | {"together": round(sum(took.figures.values()), 2)}}


async def _store(series: str, groups: Sequence[Sequence[Point]]) -> None:
    store = await open_store(series)
    try:
        for points in groups:
            if refused := await store.write(points):
                raise PlumblineError(f"bench: a point of the benchmark was refused: {refused[0].reason}")
    finally:
        await store.aclose()


def _enter(groups: Sequence[Sequence[Parcel]], sites: Mapping[str, SiteFile]) -> None:
    """What the ledger reckons for each group, without a database."""
    calendar = Desks(sites).of(SITE).calendar
    settled: dict[StreamKey, Pairs] = {}
    for group in groups:
        entry, at = Entry(), time.time_ns()
        for key, stream in sort(group).items():
            account = Account(key, settled.get(key, ()), at, at)
            entry.enter(stream, account, calendar, at)
            settled[key] = account.settled


async def _commit(engine: AsyncEngine, groups: Sequence[Sequence[Parcel]], sites: Mapping[str, SiteFile]) -> None:
    pipeline = Pipeline(
        engine=engine,
        store=_Nowhere(),
        sites=sites,
        event_class="telemetry",
        metrics=Metrics(),
        retention=Retention(LIMIT_BYTES),
    )
    for group in groups:
        await pipeline.commit(group)


def _ignore() -> None:
    """Nobody waits for an acknowledgement here."""


async def points(file: Path) -> int:
    """How many points of the load are in a file of the embedded store."""
    async with EmbeddedStore(file) as store:
        end = time.time_ns()
        buckets = await store.history(SITE, MEASUREMENT, COUNTED, start=end - 1000 * _HOUR, end=end, every_ns=_HOUR)
        return sum(bucket.samples for bucket in buckets)
