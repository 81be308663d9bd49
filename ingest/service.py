"""The ingest service: two lanes, presence, clocks, projector and replayer in one task group."""

import asyncio
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog
from prometheus_client import start_http_server
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest.clocks import CLOCK, ClockKeeper
from ingest.corrections import Corrector
from ingest.deadletters import LIMIT_BYTES, Retention
from ingest.metrics import Metrics
from ingest.patience import Patience, Stop
from ingest.pipeline import Checkpoint, Pipeline, pass_by
from ingest.presence import PRESENCE
from ingest.projector import Projector
from ingest.receive import Grouping, Lane
from ingest.reload import Watcher
from ingest.replay import Replayer
from ingest.retained import RetainedLane, W, Word
from plumbline.address import Address
from plumbline.event import CLASSES, EventClass
from plumbline.mqtt import Connection, Version
from plumbline.series import Point, RefusedPoint, SeriesWriter
from plumbline.site import SiteFile

_log: Final = structlog.get_logger()


class _OneAtATime:
    """The series store as its contract wants it: called from one task at a time."""

    def __init__(self, store: SeriesWriter) -> None:
        self._store = store
        self._turn = asyncio.Lock()

    async def write(self, points: Sequence[Point]) -> Sequence[RefusedPoint]:
        async with self._turn:
            return await self._store.write(points)


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
        worker: names the persistent sessions; unique among the workers of one broker.
        on_commit: called in the event loop after each commit, so that tracking wakes at once.
        inbound: messages of each class that may be taken from the broker and not yet be committed.
        session_expiry_s: how long the broker keeps messages for a worker that is away; gateways send again anyway.
        metrics_port: serve Prometheus metrics there (loopback); `None`: not at all.
        dead_letter_bytes: retention of dead letters.
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
        inbound: int = 128,
        session_expiry_s: int = 300,
        metrics_port: int | None = None,
        dead_letter_bytes: int = LIMIT_BYTES,
        grouping: Grouping | None = None,
        patience: Patience | None = None,
        clock: Callable[[], int] = time.time_ns,
        checkpoint: Checkpoint = pass_by,
    ) -> None:
        self._address = Address.parse(broker)
        self._version: Version = version
        self._worker = worker or socket.gethostname()
        self._inbound = inbound
        self._expiry_s = session_expiry_s
        self._metrics_port = metrics_port
        self._told = on_commit
        self._stop = Stop()
        self._watcher = watcher
        self.metrics: Final = Metrics()
        if watcher is not None:
            self.metrics.site_files_wrong.set_function(lambda: float(watcher.mistake is not None))
            self.metrics.registry_version.set_function(lambda: float(watcher.registry.version))
        patience = patience or Patience()
        grouping = grouping or Grouping()
        store = _OneAtATime(store)
        retention = Retention(dead_letter_bytes)
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
        pipelines: dict[EventClass, Pipeline] = {
            event_class: Pipeline(
                engine=engine,
                store=store,
                sites=sites,
                event_class=event_class,
                metrics=self.metrics,
                retention=retention,
                clock=clock,
                checkpoint=checkpoint,
            )
            for event_class in CLASSES
        }
        self._lanes = {
            event_class: Lane(
                event_class=event_class,
                connect=lambda name=event_class: self._connect(name, self._expiry_s),
                share=share,
                pipeline=pipeline,
                sites=sites,
                stop=self._stop,
                metrics=self.metrics,
                on_commit=self._committed,
                grouping=grouping,
                patience=patience,
                clock=clock,
                checkpoint=checkpoint,
            )
            for event_class, pipeline in pipelines.items()
        }
        self._clocks = ClockKeeper(
            Corrector(engine=engine, clock=clock),
            stop=self._stop,
            metrics=self.metrics,
            on_commit=self._committed,
            patience=patience,
        )

        def listener(word: Word[W], on_said: Callable[[], None]) -> RetainedLane[W]:
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

        self._listeners = (listener(PRESENCE, self._committed), listener(CLOCK, self._clocks.hurry))
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
        )

    def stop(self) -> None:
        """End in order: what was taken from the broker is committed and answered first. `run` returns then."""
        self._stop.set()

    async def run(self) -> None:
        """Serve until stopped. A broker, database or store that is away is waited for."""
        exporter = None
        if self._metrics_port is not None:
            exporter = start_http_server(self._metrics_port, "127.0.0.1", self.metrics.registry)
        _log.info("ingest starts", broker=str(self._address), worker=self._worker)
        try:
            async with asyncio.TaskGroup() as group:
                for event_class, lane in self._lanes.items():
                    group.create_task(lane.run(), name=f"ingest-{event_class}")
                group.create_task(self._listen(), name="ingest-listeners")
                group.create_task(self._projector.run(), name="ingest-projector")
                group.create_task(self._replayer.run(), name="ingest-replayer")
        finally:
            if exporter is not None:
                server, thread = exporter
                server.shutdown()
                server.server_close()
                await asyncio.to_thread(thread.join)
        _log.info("ingest ended", worker=self._worker)

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
            client_id=f"plumbline-ingest-{self._worker}-{purpose}",
            version=self._version,
            session_expiry_s=expiry_s,
            inbound=self._inbound,
        )

    def _committed(self) -> None:
        self._projector.wake()
        if self._told is not None:
            self._told()
