"""`plumbline tracking`: the tracking service with its screens, and the import of orders."""

import asyncio
import contextlib
import re
import signal
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from ingest.registry.reload import Watcher
from ingest.series import open_store
from ingest.settings import load_sites
from plumbline import logs, profile
from plumbline.command import notices
from plumbline.command.bridges import MissingByGateway
from plumbline.command.sql import Database
from plumbline.command.tracking_import import import_, migrated
from plumbline.command.tracking_rebuild import rebuild
from plumbline.errors import SettingsError
from plumbline.memory import calm
from plumbline.site import Plans
from tracking_service.service import TrackingService

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+/?")

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)

app.add_typer(notices.commands, name="notices")

Sites = Annotated[Path, typer.Option(envvar="PLUMBLINE_SITES", help="Folder of site files (*.toml).")]


@app.callback()
def tracking() -> None:
    """Orders, milestones, notices, the API and the wall."""


@app.command()
def run(
    database: Database,
    sites: Sites,
    series: Annotated[
        str,
        typer.Option(
            envvar="PLUMBLINE_SERIES", help="influx:http://USER:TOKEN@HOST:8086/DATABASE or embedded:/FOLDER/FILE.duckdb."
        ),
    ],
    smtp: Annotated[
        str | None,
        typer.Option(envvar="PLUMBLINE_SMTP", help="Where notices go: smtp://USER:PASSWORD@HOST:25?from=site@example.org"),
    ] = None,
    ways: notices.Ways = None,
    public_url: notices.PublicUrl = None,
    webhook_networks: notices.WebhookNetworks = "",
    broker: Annotated[
        str | None,
        typer.Option(
            envvar="PLUMBLINE_BROKER",
            help="mqtt://USER:PASSWORD@HOST:1883, where gateways hear what their site expects; without it they are told nothing.",
        ),
    ] = None,
    profiles: Annotated[
        Path | None, typer.Option(envvar="PLUMBLINE_PROFILES", help="Folder of device profiles, for titles and units.")
    ] = None,
    host: Annotated[str, typer.Option(envvar="PLUMBLINE_HOST", help="Address of the screens and the API.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="PLUMBLINE_PORT", help="Port of the screens and the API.", min=1, max=65535)
    ] = 8080,
    map_origins: Annotated[
        str,
        typer.Option(
            envvar="PLUMBLINE_MAP_ORIGINS",
            help="Whose web pages may read the sites' plans and zones: * or origins with commas, https://grafana.example,…",
        ),
    ] = "*",
    keep_minutes_days: Annotated[
        int,
        typer.Option(
            envvar="PLUMBLINE_KEEP_MINUTES_DAYS",
            help="Days that minutes of metrics stay on which no milestone counts any more; 0: for ever.",
            min=0,
            max=36_500,
        ),
    ] = 400,
) -> None:
    """Run the service until SIGTERM or Ctrl-C. Brings the database to this version first."""
    logs.configure()
    with contextlib.suppress(asyncio.CancelledError):
        telling = notices.telling(smtp, ways, public_url, webhook_networks)
        shown = _Shown(host, port, _origins(map_origins))
        asyncio.run(_run(database, series, sites, telling, broker, profiles, shown, keep_minutes_days))


class _Shown(NamedTuple):
    """Where the service is to be seen."""

    host: str
    port: int
    map_origins: list[str]


app.command(name="import")(import_)
app.command(name="rebuild")(rebuild)


async def _run(
    database: str,
    series: str,
    folder: Path,
    telling: notices.Telling,
    broker: str | None,
    profiles: Path | None,
    shown: _Shown,
    keep_minutes_days: int,
) -> None:
    load_sites(folder)  # raises where it is not a folder of site files
    watcher = Watcher([folder])
    sites = watcher.registry
    known = profile.load_all(profiles) if profiles is not None else {}
    async with migrated(database) as engine:
        store = await open_store(series)
        try:
            service = TrackingService(
                engine=engine,
                series=store,
                writer=store,
                sites=sites,
                profiles=known,
                plans=Plans(sites),
                **telling._asdict(),
                broker=broker,
                ledger=MissingByGateway(engine),
                **shown._asdict(),
                keep_minutes_days=keep_minutes_days,
            )
            task = asyncio.current_task()
            assert task is not None
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, watcher.hurry)
            following = asyncio.create_task(watcher.run(), name="tracking-site-files")
            calm()
            try:
                await service.run()
            finally:
                following.cancel()
        finally:
            await store.aclose()


def _origins(told: str) -> list[str]:
    """Origins as browsers say them. Raises `SettingsError` for what can be none."""
    origins = [one.strip() for one in told.split(",") if one.strip()]
    for one in origins:
        if one != "*" and not _ORIGIN.fullmatch(one):
            raise SettingsError(f"map origins: '{one}' is no origin; write * or, for example, https://grafana.example:3000")
    return origins
