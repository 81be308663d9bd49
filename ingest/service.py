"""The ingest service: its tasks in one group, its name, its end."""

import asyncio
import hashlib
import itertools
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest.clocks.corrections import Corrector
from ingest.clocks.watch import CLOCK, ClockKeeper
from ingest.deadletters import LIMIT_BYTES, overview
from ingest.deadletters.replay import Replayer
from ingest.direct.again import Again
from ingest.direct.lane import Surroundings
from ingest.direct.metrics import DirectMetrics
from ingest.direct.service import Direct
from ingest.heat.projector import HeatProjector
from ingest.ledger.gaps import Asking, GapKeeper
from ingest.operations import probes
from ingest.operations.metrics import Metrics
from ingest.operations.mirror import SeriesMirror
from ingest.operations.page import Operations
from ingest.operations.presence import PRESENCE
from ingest.operations.refusals import Refusals, TellingRetention
from ingest.operations.standing import Standing
from ingest.patience import Patience, Stop
from ingest.pipeline import Beside, Checkpoint, Pipeline, pass_by
from ingest.projection.projector import Projector
from ingest.receiving.drain import DRAIN_S, Drain
from ingest.receiving.receive import Grouping, Lane
from ingest.receiving.retained import RetainedLane, W, Word
from ingest.registry.reload import Watcher
from ingest.rollups import Keep, Roller
from ingest.workers import Lease
from plumbline.address import Address
from plumbline.delivery import Presence
from plumbline.event import CLASSES, EventClass
from plumbline.mqtt import Connection, Version
from plumbline.series import SeriesRollups, SeriesWriter
from plumbline.site import SiteFile

_log: Final = structlog.get_logger()


class IngestService:
    """Takes in what the gateways send until `stop` is called or the task is cancelled. Any number may share the work.

    Args:
        broker: URL of the MQTT broker.
        engine: the SQL database, migrated (`ingest.migrate`).
        store: the series store; the caller closes it and the engine.
        sites: site files by id; events of other sites become dead letters.
        watcher: what keeps `sites` at what the files say; runs as long as the service.
        share: name of the shared subscription; `None` where the broker has none (amqtt).
        version: of MQTT.
        worker: names the persistent sessions; `None`: the lowest number that no live worker on this database has.
        on_commit: called in the event loop after each commit, so that tracking wakes at once.
        inbound: messages of each class that may be taken from the broker and not yet be committed.
        session_expiry_s: how long the broker keeps messages for a worker that is away; gateways send again anyway.
        metrics_port: serve `ingest.operations.page` there; 0: on any free port, `None`: not at all.
        metrics_host: the address for that.
        asking: when gateways are asked for what is missing.
        direct: the file of devices that publish straight to the broker (`ingest.direct.settings`); `None`: there are none.
        drain_s: how long what was taken may take to be committed after `stop`; what is not is the broker's still.
        dead_letter_bytes: retention of dead letters.
        keep: how long points and rollups are kept; `None`: for ever.
        grouping: how messages are committed together.
        patience: how long to wait for a store or a broker that is away.
        clock: UTC in ns.
        checkpoint: see `ingest.pipeline.STEPS`.
    """

    def __init__(
        self,
        *,
        broker: str,
        engine: AsyncEngine,
        store: SeriesWriter,
        sites: Mapping[str, SiteFile],
        watcher: Watcher | None = None,
        share: str | None = "ingest",
        version: Version = "5",
        worker: str | None = None,
        on_commit: Callable[[], None] | None = None,
        inbound: int = 8192,
        session_expiry_s: int = 300,
        metrics_port: int | None = None,
        metrics_host: str = "127.0.0.1",
        asking: Asking | None = None,
        direct: Path | None = None,
        drain_s: float = DRAIN_S,
        dead_letter_bytes: int = LIMIT_BYTES,
        keep: Keep | None = None,
        grouping: Grouping | None = None,
        patience: Patience | None = None,
        clock: Callable[[], int] = time.time_ns,
        checkpoint: Checkpoint = pass_by,
    ) -> None:
        self._address = Address.parse(broker)
        self._version: Version = version
        self._engine = engine
        self._database = _named(engine)
        self._lease = Lease(engine, worker)
        self._inbound = inbound
        self._expiry_s = session_expiry_s
        self._told = on_commit
        self._stop = Stop()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._watcher = watcher
        self.metrics: Final = Metrics()
        self._drain = Drain(self._stop, self.metrics, worker=lambda: self._lease.name, at_most_s=drain_s)
        if watcher is not None:
            self.metrics.site_files_wrong.set_function(lambda: float(watcher.mistake is not None))
            self.metrics.registry_version.set_function(lambda: float(watcher.registry.version))
        self._patience = patience = patience or Patience()
        grouping = grouping or Grouping()
        self._refusals = Refusals()
        retention = TellingRetention(self._refusals, dead_letter_bytes)
        self._projector = Projector(
            engine=engine,
            store=store,
            sites=sites,
            stop=self._stop,
            metrics=self.metrics,
            retention=retention,
            patience=patience,
            clock=clock,
        )
        self._heat = HeatProjector(
            engine=engine,
            store=store,
            sites=sites,
            stop=self._stop,
            metrics=self.metrics,
            patience=patience,
            clock=clock,
            checkpoint=checkpoint,
        )

        def pipeline(event_class: EventClass, beside: Beside | None = None) -> Pipeline:
            return Pipeline(
                engine=engine,
                store=store,
                sites=sites,
                event_class=event_class,
                metrics=self.metrics,
                retention=retention,
                clock=clock,
                checkpoint=checkpoint,
                beside=beside,
            )

        pipelines: dict[EventClass, Pipeline] = {event_class: pipeline(event_class) for event_class in CLASSES}
        self._direct = direct and Direct(
            direct,
            Surroundings(
                address=self._address,
                version=version,
                engine=engine,
                pipeline=pipeline,
                sites=sites,
                worker=lambda: self._lease.name,
                metrics=DirectMetrics(self.metrics.registry),
                on_commit=self._committed,
                failed=lambda away: self.metrics.retries.labels(away).inc(),
                patience=patience,
                clock=clock,
                checkpoint=checkpoint,
            ),
            self._stop,
        )
        self._lanes = {
            event_class: Lane(
                event_class=event_class,
                connect=lambda name=event_class: self._connect(name, self._expiry_s),
                share=share,
                others=self._lease.others,
                pipeline=pipeline,
                sites=sites,
                stop=self._stop,
                metrics=self.metrics,
                on_commit=self._committed if event_class == "business" else self._tell,
                grouping=grouping,
                patience=patience,
                clock=clock,
                checkpoint=checkpoint,
            )
            for event_class, pipeline in pipelines.items()
        }
        for event_class, lane in self._lanes.items():
            self.metrics.connected.labels(event_class).set_function(lambda lane=lane: float(lane.connected))
        self._clocks = ClockKeeper(
            Corrector(engine=engine, clock=clock),
            stop=self._stop,
            metrics=self.metrics,
            on_commit=self._committed,
            patience=patience,
        )

        def listener(word: Word[W], on_said: Callable[[W, bool], None]) -> RetainedLane[W]:
            return RetainedLane(
                word,
                connect=lambda: self._connect(word.name, 0),
                engine=engine,
                stop=self._stop,
                metrics=self.metrics,
                retention=retention,
                on_said=on_said,
                patience=patience,
                clock=clock,
            )

        self._presence = listener(PRESENCE, self._heard)
        self._listeners = (self._presence, listener(CLOCK, lambda _said, _kept: self._clocks.hurry()))
        self._gaps = GapKeeper(
            engine=engine,
            say=self._presence.say,
            stop=self._stop,
            metrics=self.metrics,
            patience=patience,
            asking=asking,
            clock=clock,
        )
        self._standing = Standing(
            engine=engine,
            stop=self._stop,
            metrics=self.metrics,
            patience=patience,
            still_since=self._gaps.still_since,
            clock=clock,
        )
        self._mirror = SeriesMirror(
            engine=engine,
            store=store,
            sites=sites,
            stop=self._stop,
            metrics=self.metrics,
            patience=patience,
            still_since=self._gaps.still_since,
            worker=lambda: self._lease.name,
            token=self._lease.token,
            clock=clock,
        )
        self._roller = (
            Roller(
                engine=engine,
                store=store,
                token=self._lease.token,
                stop=self._stop,
                metrics=self.metrics,
                patience=patience,
                keep=keep,
                clock=clock,
            )
            if isinstance(store, SeriesRollups)
            else None
        )
        self._probed = itertools.cycle(range(10))
        self._operations: Operations | None = None
        if metrics_port is not None:
            self._operations = Operations(
                host=metrics_host,
                port=metrics_port,
                registry=self.metrics.registry,
                probes=self._probes(store),
                dead=self._dead,
                draining=self._stop.is_set,
                engine=engine,
                letters=lambda site: overview(engine, site=site),
                remarks=lambda: {"site_files": watcher.state()} if watcher is not None else {},
                waiting=lambda: list(patience.waiting.values()),
            )
        self._replayer = Replayer(
            engine=engine,
            store=store,
            sites=sites,
            pipelines=pipelines,
            stop=self._stop,
            metrics=self.metrics,
            on_commit=self._committed,
            patience=patience,
            clock=clock,
            elsewhere=self._again(store, sites, clock),
        )

    def _again(self, store: SeriesWriter, sites: Mapping[str, SiteFile], clock: Callable[[], int]) -> Again | None:
        """Who takes dead letters of direct devices once more."""
        direct = self._direct
        return direct and Again(
            tables=lambda: direct.file.tables,
            engine=self._engine,
            store=store,
            sites=sites,
            address=self._address,
            version=self._version,
            clock=clock,
        )

    @property
    def port(self) -> int:
        """Where `ingest.operations.page` is served; 0: nowhere."""
        return self._operations.port if self._operations else 0

    @property
    def stopping(self) -> bool:
        """Whether it was told to end."""
        return self._stop.is_set()

    def stop(self) -> None:
        """End in order: what was taken from the broker is committed and answered first. `run` returns then."""
        self._drain.begin()

    async def run(self) -> None:
        """Serve until stopped. A broker, database or store that is away is waited for.

        Raises `NameTakenError` where another live worker has the name, `PlumblineError` where the port is taken.
        """
        serving: asyncio.Task[None] | None = None
        if self._operations is not None:
            self._operations.open()
            serving = asyncio.create_task(self._operations.run(), name="ingest-operations")
            self._tasks["operations"] = serving
        try:
            if await self._insist(lambda: self._lease.take(self._stop), "lease"):
                await self._serve()
        finally:
            await self._lease.release()
            if serving is not None:
                serving.cancel()
                await asyncio.wait([serving])

    async def _serve(self) -> None:
        _log.info("ingest starts", broker=str(self._address), worker=self._lease.name)
        try:
            async with self._drain.bounding(), asyncio.TaskGroup() as group:
                works = {f"lane {event_class}": lane.run() for event_class, lane in self._lanes.items()} | {
                    "listeners": self._listen(),
                    "projector": self._projector.run(),
                    "heat": self._heat.run(),
                    "replayer": self._replayer.run(),
                    "gaps": self._gaps.run(),
                    "standing": self._standing.run(),
                    "mirror": self._mirror.run(),
                    "refusals": self._refusals.run(self._stop),
                    "lease": self._lease.keep(self._stop),
                }
                if self._direct is not None:
                    works["direct"] = self._direct.run()
                if self._roller is not None:
                    works["rollups"] = self._roller.run()
                for name, work in works.items():
                    self._tasks[name] = group.create_task(work, name=f"ingest-{name}")
        finally:
            self._refusals.summarise(every=True)
        self._drain.tell()
        _log.info("ingest ended", worker=self._lease.name)

    async def _insist(self, act: Callable[[], Awaitable[bool]], task: str) -> bool | None:
        failed = self.metrics.retries.labels
        return await self._patience.insist(act, task=task, stop=self._stop, failed=lambda away: failed(away).inc())

    def _dead(self) -> list[str]:
        """Tasks that ended although nobody stopped the service."""
        return [] if self._stop.is_set() else sorted(name for name, task in self._tasks.items() if task.done())

    def _away(self) -> list[str]:
        """Lanes and listeners that have no connection now."""
        lanes = [*self._lanes.items(), *((one.name, one) for one in self._listeners)]
        return [f"{name}" for name, lane in lanes if not lane.connected]

    async def _listen(self) -> None:
        """Hear what gateways say of themselves, and act on it, until told to stop."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one.run(), name=f"ingest-{one.name}") for one in self._listeners]
            tasks.append(group.create_task(self._clocks.run(), name="ingest-clock-keeper"))
            if self._watcher is not None:
                tasks.append(group.create_task(self._watcher.run(), name="ingest-site-files"))
            await self._stop.wait()
            for task in tasks:
                task.cancel()

    def _connect(self, purpose: str, expiry_s: int) -> Connection:
        return Connection(
            address=self._address,
            client_id=f"plumbline-ingest-{self._database}-{self._lease.name}-{purpose}",
            version=self._version,
            session_expiry_s=expiry_s,
            inbound=self._inbound,
        )

    def _probes(self, store: SeriesWriter) -> Sequence[probes.Probe]:
        found = [
            probes.broker(lambda: self._connect(f"probe-{self._lease.token[:8]}-{next(self._probed)}", 0), self._away),
            probes.database(self._engine),
        ]
        return [*found, probes.series(store)] if isinstance(store, probes.Readable) else found

    def _heard(self, presence: Presence, kept: bool) -> None:
        self._gaps.said(presence, kept)
        self._committed()

    def _committed(self) -> None:
        self._projector.wake()
        self._tell()

    def _tell(self) -> None:
        if self._told is not None:
            self._told()


def _named(engine: AsyncEngine) -> str:
    """A short name for a database, so that workers on two databases may share a broker: a file is one machine's."""
    place = engine.url.render_as_string(hide_password=True)
    if engine.url.get_backend_name() == "sqlite":
        place = f"{socket.gethostname()}:{Path(engine.url.database or '').absolute()}"
    return hashlib.sha256(place.encode()).hexdigest()[:6]
