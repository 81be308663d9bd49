"""`plumbline up`: a whole site on this machine, in one process: broker, ingest, tracking and screens."""

import asyncio
import contextlib
import shutil
import signal
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Annotated

import structlog
import typer

import ingest
import tracking_service
from ingest.registry.reload import Watcher
from ingest.rollups import Keep
from ingest.series import open_store
from ingest.service import IngestService
from plumbline import database, logs, profile
from plumbline.broker import OwnBroker, free_port, own_broker
from plumbline.command import notices
from plumbline.command.bridges import MissingByGateway
from plumbline.command.site_files import note
from plumbline.errors import SettingsError
from plumbline.lock import exclusive
from plumbline.memory import calm
from plumbline.profile import DeviceProfile
from plumbline.site import Plans
from tracking_service.service import TrackingService

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

_log = structlog.get_logger()


@app.command()
def up(
    site: Annotated[
        list[Path] | None, typer.Option(help="A site file; repeat for more sites. It may change: it is read again.")
    ] = None,
    data: Annotated[Path, typer.Option(help="Where everything is kept.")] = Path("var/plumbline"),
    host: Annotated[str, typer.Option(help="Address of the screens and the API.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the screens and the API.", min=1, max=65535)] = 8080,
    broker_host: Annotated[str, typer.Option(help="Address on which gateways reach the broker.")] = "127.0.0.1",
    broker_port: Annotated[int | None, typer.Option(help="Port of the broker; default 1883, with --demo any free one.")] = None,
    smtp: Annotated[
        str | None, typer.Option(help="Where notices go: smtp://user:password@host:25?from=site@example.org")
    ] = None,
    ways: notices.Ways = None,
    public_url: notices.PublicUrl = None,
    webhook_networks: notices.WebhookNetworks = "",
    direct: Annotated[
        Path | None, typer.Option(help="File of devices that publish straight to the broker; docs/direct.md.")
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Add a lifelike demo site, played by simulated devices.")] = False,
    speed: Annotated[
        float, typer.Option(help="How fast the demo's day is told: 1 is real time, 30 a day in 20 minutes.", min=1, max=600)
    ] = 30,
    keep: Annotated[
        bool, typer.Option("--keep", help="Continue on the last demo's data instead of starting the day anew.")
    ] = False,
) -> None:
    """Run a whole site on this machine; stop it with Ctrl-C."""
    logs.configure()
    if demo and site:
        raise SettingsError("--demo brings its own site; leave out --site or --demo")
    if not demo and not site:
        raise SettingsError("no site; name its file with --site FILE, or look around first with --demo")
    if broker_port is None:
        broker_port = free_port() if demo else 1883
    with exclusive(data, "up"):
        if demo:
            data /= "demo"
            if not keep:
                shutil.rmtree(data, ignore_errors=True)
        telling = notices.telling(smtp, ways, public_url, webhook_networks)
        runner = _Up(data=data, host=host, port=port, telling=telling, direct=direct)
        asyncio.run(runner.run(site or [], broker_host, broker_port, demo_speed=speed if demo else None))


class _Up:
    """The wiring of one machine."""

    def __init__(self, *, data: Path, host: str, port: int, telling: notices.Telling, direct: Path | None) -> None:
        self._data = data
        self._host = host
        self._port = port
        self._telling = telling
        self._direct = direct

    async def run(self, files: list[Path], broker_host: str, broker_port: int, *, demo_speed: float | None) -> None:
        """Start everything in the order of the data's way, and stop it in the opposite one."""
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        if demo_speed is not None:
            from plumbline.demo import stage  # noqa: PLC0415 - Pillow and segno are needed by the demo alone

            files = [stage.SITE_FILE]
        watcher = Watcher(files)
        note(self._data, files)
        loop.add_signal_handler(signal.SIGHUP, watcher.hurry)
        async with contextlib.AsyncExitStack() as stack:
            folder = self._data / "broker"
            broker = await stack.enter_async_context(own_broker(folder=folder, host=broker_host, port=broker_port))
            await stack.enter_async_context(self._services(broker, watcher))
            pages: Mapping[str, int] = {}
            if demo_speed is not None:
                from plumbline.demo import gateways, stage  # noqa: PLC0415

                site = next(iter(watcher.registry.values()))
                pages = gateways.page_ports()
                playing = stage.playing(
                    site=site, folder=self._data / "gateways", broker=broker, api=self._api, speed=demo_speed, pages=pages
                )
                await stack.enter_async_context(playing)
            self._welcome(broker, pages)
            await stopped.wait()
            _log.info("stopping")

    @contextlib.asynccontextmanager
    async def _services(self, broker: OwnBroker, watcher: Watcher) -> AsyncGenerator[None]:
        engine = database.open_engine(f"sqlite:///{self._data}/plumbline.db")
        store = await open_store(f"embedded:{self._data}/series.duckdb")
        sites = watcher.registry
        try:
            await ingest.migrate(engine)
            await tracking_service.migrate(engine)
            tracking = TrackingService(
                engine=engine,
                series=store,
                writer=store,
                sites=sites,
                profiles=_profiles(),
                plans=Plans(sites),
                **self._telling._asdict(),
                broker=broker.url,
                broker_version=broker.version,
                ledger=MissingByGateway(engine),
                host=self._host,
                port=self._port,
            )
            intake = IngestService(
                broker=broker.url,
                version=broker.version,
                share=broker.share,
                direct=self._direct,
                engine=engine,
                store=store,
                sites=sites,
                watcher=watcher,
                on_commit=tracking.wake,
                keep=Keep(),
            )
            async with asyncio.TaskGroup() as tasks:
                serving = tasks.create_task(tracking.run(), name="tracking")
                taking_in = tasks.create_task(intake.run(), name="ingest")
                await tracking.ready()
                calm()
                yield
                intake.stop()
                await taking_in
                serving.cancel()
        finally:
            await store.aclose()
            await engine.dispose()

    @property
    def _api(self) -> str:
        host = "127.0.0.1" if self._host in {"0.0.0.0", "::"} else self._host  # noqa: S104 - compared, not bound
        return f"http://{host}:{self._port}"

    def _welcome(self, broker: OwnBroker, pages: Mapping[str, int]) -> None:
        lines = [
            f"The wall      {self._api}/",
            f"The API       {self._api}/docs",
            *(
                f"The page of   {gateway}: http://127.0.0.1:{port}/  (what who scans there is told)"
                for gateway, port in pages.items()
            ),
            f"The broker    {broker.url}  ({broker.kind}; gateways connect here)",
            f"The data      {self._data.resolve()}",
            "Stop it with Ctrl-C.",
        ]
        print("\n".join(lines), flush=True)


def _profiles() -> Mapping[str, DeviceProfile]:
    """The device profiles of this installation, for titles and units; none where it was installed without them."""
    folder = Path(__file__).parents[2] / "firmware_configs"
    return profile.load_all(folder) if folder.is_dir() else {}
