"""The tracking service: everything built in one place, and run together."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog
import uvicorn
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plumbline.mqtt import Version
from plumbline.profile import DeviceProfile
from plumbline.series import SeriesReader, SeriesWriter
from plumbline.site import SiteFile, Zones
from tracking_service.api import create_app
from tracking_service.api.app import STATIC
from tracking_service.api.company import add_company
from tracking_service.api.cross_origin import ANY
from tracking_service.api.linking import add_linking
from tracking_service.api.notices import add_notices
from tracking_service.api.plan import add_plan
from tracking_service.api.reading import Ledger
from tracking_service.api.wall import Wall
from tracking_service.api.webhooks import add_webhooks
from tracking_service.broadcaster import Broadcaster
from tracking_service.errors import ListenError
from tracking_service.intake import Intake
from tracking_service.live import Live
from tracking_service.mail import Mail
from tracking_service.manifest_publisher import ManifestPublisher
from tracking_service.mirror import Mirror
from tracking_service.notices import Notices, Notifier
from tracking_service.notices.acknowledging import Links
from tracking_service.notices.report import Predicted
from tracking_service.outcome import Outcome
from tracking_service.outlooks import Outlooks, Watch
from tracking_service.retention import Retention
from tracking_service.webhooks.address import Network
from tracking_service.webhooks.sender import Webhooks

_log = structlog.get_logger()

#: How long open requests may take when the service ends.
_GRACE_S: Final = 3
#: Addresses to listen on that are no address to go to.
_EVERYWHERE: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared, not bound


class TrackingService:
    """Intake, notices, mirror, API and screens on one event loop.

    Args:
        engine: the database, migrated by ingest and by `tracking_service.migrate`; stays open.
        series: what the wall reads.
        sites: by id; the first is the default of the API.
        profiles: device profiles by id, for titles and units.
        plans: plan pictures by site id.
        smtp: where notices go by mail (see `mail.Mail`); `None`: they wait in the outbox.
        ways: further ways out of notices, by name (`notices.ways`).
        public_url: the address of this service as its readers reach it, for links in notices; `None`: `host` and `port`.
        webhook_networks: private networks in which webhooks may be called.
        writer: where order state is mirrored to; `None`: nowhere.
        broker: where the sites' manifests are published for the gateways; `None`: nowhere.
        broker_version: what it speaks.
        ledger: what ingest's ledger misses, by gateway of a site.
        host: address to listen on.
        port: TCP port; 0 takes a free one, see `port` after `ready`.
        static: the built wall.
        map_origins: whose web pages may read the sites' maps (`api.cross_origin`).
        keep_minutes_days: how long minutes of metrics stay on which nothing counts any more; 0: for ever (`retention`).
    """

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        series: SeriesReader,
        sites: Mapping[str, SiteFile],
        profiles: Mapping[str, DeviceProfile] | None = None,
        plans: Mapping[str, Path] | None = None,
        smtp: str | None = None,
        ways: Mapping[str, Notifier] | None = None,
        public_url: str | None = None,
        webhook_networks: Sequence[Network] = (),
        writer: SeriesWriter | None = None,
        broker: str | None = None,
        broker_version: Version = "5",
        ledger: Ledger | None = None,
        host: str = "127.0.0.1",
        port: int = 8080,
        static: Path = STATIC,
        map_origins: Sequence[str] = ANY,
        keep_minutes_days: int = 400,
    ) -> None:
        wall = Wall(engine=engine, series=series, sites=sites, profiles=profiles or {}, plans=plans or {}, ledger=ledger)
        self._broadcaster = Broadcaster()
        self._live = Live(wall=wall, broadcaster=self._broadcaster)
        self._intake = Intake(engine=engine, sites=sites, heard=self._heard)
        self._public_url = public_url
        self._outlooks = Outlooks(Zones(sites))
        links = Links(engine=engine, base=self._base)
        self._notices = (
            Notices(
                engine=engine,
                notifier=Mail(smtp) if smtp else None,
                ways=ways,
                zones=Zones(sites),
                forecast=self._predicted,
                links=links if public_url or host not in _EVERYWHERE else None,
            )
            if smtp or ways
            else None
        )
        self._webhooks = Webhooks(engine=engine, allowed=webhook_networks)
        self._mirror = Mirror(engine=engine, writer=writer, sites=sites) if writer is not None else None
        self._manifests = (
            ManifestPublisher(engine=engine, sites=sites, broker=broker, version=broker_version) if broker else None
        )

        self._retention = Retention(engine=engine, keep_days=keep_minutes_days)
        self._watch = Watch(engine=engine, zones=Zones(sites), heard=self._wake_notices)

        def more(app: FastAPI) -> None:
            add_plan(app, wall)
            add_linking(app, wall)
            add_company(app, wall, self._heard)
            add_notices(app, wall, links=links, ways=tuple(ways or ()), wake=self._wake_notices)
            add_webhooks(app, wall, allowed=webhook_networks, wake=self._webhooks.wake)

        self.app = create_app(
            wall=wall, broadcaster=self._broadcaster, heard=self._heard, static=static, map_origins=map_origins, more=more
        )
        self._host = host
        self._port = port
        self._started = asyncio.Event()

    @property
    def port(self) -> int:
        """The TCP port; where 0 was asked for, the one taken (after `ready`)."""
        return self._port

    def wake(self) -> None:
        """Say that the inbox has new rows. Call from the event loop's thread; without it they are found by a poll."""
        self._intake.wake()

    async def ready(self) -> None:
        """Return when the port is open. Call beside `run`, whose failure is its own to tell."""
        await self._started.wait()

    async def run(self) -> None:
        """Run until cancelled. Raises `ListenError` where the port cannot be had."""
        listener = _bind(self._host, self._port)
        self._port = int(listener.getsockname()[1])
        if self._manifests is None:
            _log.warning("tracking.manifest.no_broker", remedy="set PLUMBLINE_BROKER; gateways cannot tell what is expected")
        if self._notices is None:
            _log.warning("tracking.notices.no_mail_server", remedy="set PLUMBLINE_SMTP; notices wait in the outbox until then")
        elif self._public_url is None and self._host in _EVERYWHERE:
            _log.warning("tracking.notices.no_links", remedy="set PLUMBLINE_PUBLIC_URL; without it mails have no links")
        config = uvicorn.Config(
            self.app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=_GRACE_S,
            timeout_keep_alive=30,
        )
        server = _Server(config)
        try:
            async with asyncio.TaskGroup() as tasks:
                serving = tasks.create_task(server.serve(sockets=[listener]), name="tracking-http")
                running = [
                    tasks.create_task(self._intake.run(), name="tracking-intake"),
                    tasks.create_task(self._live.run(), name="tracking-live"),
                ]
                running.append(tasks.create_task(self._webhooks.run(), name="tracking-webhooks"))
                running.append(tasks.create_task(self._watch.run(), name="tracking-watch"))
                running.append(tasks.create_task(self._retention.run(), name="tracking-retention"))
                if self._notices is not None:
                    running.append(tasks.create_task(self._notices.run(), name="tracking-notices"))
                if self._mirror is not None:
                    running.append(tasks.create_task(self._mirror.run(), name="tracking-mirror"))
                if self._manifests is not None:
                    running.append(tasks.create_task(self._manifests.run(), name="tracking-manifests"))
                self._started.set()
                _log.info("tracking.started", url=f"http://{self._host}:{self._port}/")
                try:
                    await asyncio.shield(serving)
                except asyncio.CancelledError:
                    self._broadcaster.close()
                    server.should_exit = True
                    for task in running:
                        task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await asyncio.wait([serving], timeout=_GRACE_S + 2)
                    raise
        finally:
            listener.close()

    def _heard(self, outcome: Outcome) -> None:
        self._live.heard(outcome)
        if outcome.notices:
            self._wake_notices()
        if self._mirror is not None:
            self._mirror.changed(outcome.orders)
        if self._manifests is not None:
            self._manifests.changed(outcome.orders)

    async def _predicted(self, connection: AsyncConnection, number: str) -> Predicted | None:
        return await self._outlooks.predicted(connection, number, time.time_ns())

    def _wake_notices(self) -> None:
        self._webhooks.wake()
        if self._notices is not None:
            self._notices.wake()

    def _base(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return self._public_url or f"http://{host}:{self._port}"


class _Server(uvicorn.Server):
    """A server among others in one process: signals are the command's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signals alone."""
        yield


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.set_inheritable(True)
    except OSError as error:
        listener.close()
        raise ListenError(
            f"cannot listen on {host}:{port}: {error.strerror}; stop whoever does, or choose another --port or --host"
        ) from None
    return listener
