"""What `plumbline bench ingest` needs of ingest's own parts: CPU µs per event by stage, and a count in the embedded store."""

import gc
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from ingest import benchmark
from ingest.deadletters import LIMIT_BYTES, Retention
from ingest.ledger.account import Account
from ingest.ledger.streams import Entry, sort
from ingest.migrate import migrate
from ingest.operations.metrics import Metrics
from ingest.pipeline import Pipeline
from ingest.projection.points import PointMaker
from ingest.receiving.gathering import Grouping
from ingest.receiving.parcel import Parcel, open_group
from ingest.registry.desks import Desks
from ingest.series import open_store
from ingest.series.embedded import EmbeddedStore
from ingest.series.line_protocol import LineEncoder
from plumbline import site
from plumbline.bench.ingest.load import COUNTED, MEASUREMENT, SITE, Load
from plumbline.command.sql import opened
from plumbline.delivery import StreamKey
from plumbline.errors import PlumblineError
from plumbline.mqtt import Message
from plumbline.ranges import Pairs
from plumbline.series import Point, RefusedPoint
from plumbline.site import SiteFile

_REPEATS: Final = 3
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
        self._began = 0.0

    def begin(self) -> None:
        """A stage begins; what those before it left behind is cleared first."""
        gc.collect()
        self._began = time.process_time()

    def end(self, name: str, *, but: Sequence[str] = ()) -> None:
        """The stage ends; what the stages in `but` take was in it. Of one that ran before, the lesser figure counts."""
        us = (time.process_time() - self._began) / self._events * 1e6 - sum(self.figures[other] for other in but)
        self.figures[name] = round(min(max(0.0, us), self.figures.get(name, us)), 3)


async def stages(folder: Path, load: Load, series: str) -> dict[str, float]:
    """CPU µs per event of each stage but MQTT's, one after the other in this process, in groups as a lane makes them.

    Opening is `ingest.benchmark`'s to measure. `store` is what the store at the URL takes beyond making the lines, `sql` what a
    group's transactions take beyond the arithmetic of the ledger (SQLite).
    """
    folder.mkdir(parents=True)
    (folder / "bench.toml").write_text(load.site_file(), encoding="utf-8")
    sites = {SITE: site.load(folder / "bench.toml")}
    took = _Took(load.events)
    took.figures |= benchmark.stages(load.per_message, load.events // load.per_message, repeats=_REPEATS)
    groups = _groups(load, sites)
    maker = PointMaker(sites[SITE])
    points = [maker.points([event for parcel in group for event in parcel.events]) for group in groups]
    for _ in range(_REPEATS):
        encoder = LineEncoder(portable=True)
        took.begin()
        for some in points:
            _ = encoder.encode(some).body
        took.end("lines")
    store = await open_store(series)
    try:
        took.begin()
        for some in points:
            if refused := await store.write(some):
                raise PlumblineError(f"bench: a point of the benchmark was refused: {refused[0].reason}")
        took.end("store", but=("lines",))
    finally:
        await store.aclose()
    took.begin()
    _enter(groups, sites)
    took.end("ledger")
    async with opened(f"sqlite:///{folder}/stages.db") as engine:
        await migrate(engine)
        took.begin()
        await _commit(engine, groups, sites)
        took.end("sql", but=("points", "ledger"))
    return took.figures


def _groups(load: Load, sites: Mapping[str, SiteFile]) -> list[list[Parcel]]:
    limits = Grouping()
    size = max(1, min(limits.messages, limits.events // load.per_message))
    messages = [Message(topic=one.topic, payload=one.payload, qos=1, retain=False) for one in load.messages()]
    return [
        open_group(messages[first : first + size], sites=sites, received_at=time.time_ns())
        for first in range(0, len(messages), size)
    ]


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


async def points(file: Path) -> int:
    """How many points of the load are in a file of the embedded store."""
    async with EmbeddedStore(file) as store:
        end = time.time_ns()
        buckets = await store.history(SITE, MEASUREMENT, COUNTED, start=end - 1000 * _HOUR, end=end, every_ns=_HOUR)
        return sum(bucket.samples for bucket in buckets)
