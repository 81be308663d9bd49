"""`plumbline ingest`: the server's intake."""

import asyncio
import itertools
import os
import random
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final

import structlog
import typer
from prometheus_client import disable_created_metrics
from sqlalchemy.ext.asyncio import AsyncEngine

import ingest as service
from ingest import direct, settings
from ingest.operations import probes
from ingest.patience import DATABASE_AWAY, not_there_yet
from ingest.registry.reload import Watcher
from ingest.rollups import Keep
from ingest.series import described as store_described
from ingest.series import open_store
from plumbline import database, logs
from plumbline.address import Address
from plumbline.backoff import delay_s
from plumbline.command.sql import opened
from plumbline.memory import calm, frugal
from plumbline.repeats import Repeats, tell
from plumbline.series import SeriesStore
from plumbline.site import SiteFile

_log: Final = structlog.get_logger()

#: Signals this close to the first are the same wish: a wrapper (`uv run`, `timeout`) passes on what we were told too.
_ONE_WISH_S: Final = 0.3

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.callback()
def ingest() -> None:
    """Take in what the gateways send: MQTT to the series store, the inbox and the ledger."""


@app.command()
def run(
    config: Annotated[Path | None, typer.Option(help="TOML file; PLUMBLINE_… in the environment win over it.")] = None,
    worker: Annotated[str | None, typer.Option(help="This worker's name; default: the lowest number that is free.")] = None,
) -> None:
    """Run one worker until SIGTERM or Ctrl-C; any number of them share the work. Brings the database to this version first.

    Site files may change while it runs: they are read again within seconds, and at once on SIGHUP. At the first SIGTERM or Ctrl-C
    what was taken from the broker is committed and answered (20 s at most), at the second it ends at once.
    """
    environment = dict(os.environ)
    if worker is not None:
        environment["PLUMBLINE_WORKER"] = worker
    chosen = settings.load(config, environment)
    repeats = logs.configure()
    disable_created_metrics()  # a second series beside each counter, which nobody asks for
    for sentence in settings.misspelt(environment):
        _log.warning("unknown variable", what=sentence)
    asyncio.run(_run(chosen, repeats))


@app.command()
def check(
    config: Annotated[Path | None, typer.Option(help="TOML file; PLUMBLINE_… in the environment win over it.")] = None,
) -> None:
    """Read the settings, the site files and the file of direct devices, and say what would be taken; connects to nothing.

    Exit code 2 where something is wrong.
    """
    chosen = settings.load(config, dict(os.environ))
    sites = settings.load_sites(Path(chosen.sites))
    lines = [*asyncio.run(_servers(chosen)), *described(chosen, sites)]
    print("\n".join([*lines, *(f"warning: {sentence}" for sentence in settings.misspelt(os.environ))]))


async def _servers(chosen: settings.IngestSettings) -> list[str]:
    """What ingest would connect to, for people. Raises `SettingsError`."""
    shared = f"shared subscription '{chosen.share}'" if chosen.share else "no shared subscription: one worker alone"
    port = chosen.metrics_port
    return [
        f"broker {Address.parse(chosen.broker)}, MQTT {chosen.mqtt}, {shared}",
        f"database {database.parse(chosen.database).render_as_string(hide_password=True)}",
        f"series store: {await store_described(chosen.series)}",
        "operations: no port" if port is None else f"operations on {chosen.metrics_host}, port {port or 'any'}",
    ]


def described(chosen: settings.IngestSettings, sites: Mapping[str, SiteFile]) -> Iterator[str]:
    """What ingest would take, for people. Raises `SettingsError`."""
    if not sites:
        yield f"warning: {chosen.sites}: holds no site file (*.toml): every event would be a dead letter 'unknown_site'"
    for site in sites.values():
        yield f"site {site.id}: {len(site.zones)} zones, {len(site.devices)} devices ({site.file})"
    if chosen.direct is None:
        yield "direct devices: none (no file is named: 'direct', PLUMBLINE_DIRECT)"
        return
    found = direct.load(Path(chosen.direct), sites)
    for table in found.tables:
        entry = table.entry()
        take = table.unknown_devices or ("take" if sites[table.site].takes_unknown_devices(direct=True) else "set_aside")
        yield f"{table.where}: {table.dialect} of site {table.site}, in the ledger as {table.name}"
        yield f"  takes {', '.join(entry.dialect.filters)}"
        kept = "counts" if entry.accept_retained else "is passed over"
        strangers = "are taken" if take == "take" else "are set aside as dead letters unknown_device"
        yield f"  what was kept from before {kept}; devices that the site file does not name {strangers}"
    if not found.tables:
        yield f"{chosen.direct}: no [[direct]] table"
    for warning in found.warnings:
        yield f"warning: {warning}"


async def _run(chosen: settings.IngestSettings, repeats: Repeats) -> None:
    frugal()
    watcher = Watcher([settings.folder_of_sites(chosen)])
    async with opened(chosen.database) as engine:
        await _migrate(engine)
        store = await open_store(chosen.series)
        try:
            worker = service.IngestService(
                broker=chosen.broker,
                engine=engine,
                store=store,
                sites=watcher.registry,
                watcher=watcher,
                share=chosen.share or None,
                version=chosen.mqtt,
                worker=chosen.worker,
                metrics_port=chosen.metrics_port,
                metrics_host=chosen.metrics_host,
                direct=Path(chosen.direct) if chosen.direct else None,
                keep=Keep(chosen.keep_raw_days, chosen.keep_rollup_days),
            )
            loop = asyncio.get_running_loop()
            told: list[float] = []
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, _end, worker, number, told)
            loop.add_signal_handler(signal.SIGHUP, watcher.hurry)
            calm()
            beside = [
                asyncio.create_task(_tell(repeats), name="ingest-log"),
                asyncio.create_task(_look(store), name="ingest-first-look"),
            ]
            await worker.run()
            for task in beside:
                task.cancel()
        finally:
            await store.aclose()


async def _migrate(engine: AsyncEngine) -> None:
    """Bring the database to this version; wait for one that is not there yet."""
    for attempt in itertools.count(1):
        try:
            await service.migrate(engine)
        except DATABASE_AWAY as error:
            if not not_there_yet(error):
                raise
            wait_s = delay_s(attempt, random.random)
            why = str(getattr(error, "orig", None) or error).partition("\n")[0][:300]
            _log.warning("store away, will try again", task="start", store="database", error=why, wait_s=round(wait_s, 3))
            await asyncio.sleep(wait_s)
        else:
            return


async def _look(store: SeriesStore) -> None:
    """Say at once where the series store does not answer: otherwise only the first readings would show it."""
    answer = await probes.series(store).ask()
    if not answer.ok:
        _log.warning("series store does not answer", error=answer.error, check=answer.check)


async def _tell(repeats: Repeats) -> None:
    """Say every minute how often lines came that were held back."""
    while True:
        await asyncio.sleep(logs.REPEATS_S)
        tell(repeats)


def _end(worker: service.IngestService, number: signal.Signals, told: list[float]) -> None:
    """End in order; told a second time, at once: what was not committed is the broker's still."""
    told.append(time.monotonic())
    if told[-1] - told[0] < _ONE_WISH_S and worker.stopping:
        return
    if worker.stopping:
        _log.warning("ended at once", signal=number.name)
        os._exit(128 + number)
    worker.stop()
