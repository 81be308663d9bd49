"""`plumbline ingest`: the server's intake."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Annotated, Final

import structlog
import typer

import ingest as service
from ingest import settings
from ingest.reload import Watcher
from ingest.series import open_store
from plumbline import logs
from plumbline.command.sql import opened

_log: Final = structlog.get_logger()

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
    logs.configure()
    asyncio.run(_run(chosen))


async def _run(chosen: settings.IngestSettings) -> None:
    watcher = Watcher([settings.folder_of_sites(chosen)])
    async with opened(chosen.database) as engine:
        await service.migrate(engine)
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
            )
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, _end, worker, number)
            loop.add_signal_handler(signal.SIGHUP, watcher.hurry)
            await worker.run()
        finally:
            await store.aclose()


def _end(worker: service.IngestService, number: signal.Signals) -> None:
    """End in order; told a second time, at once: what was not committed is the broker's still."""
    if worker.stopping:
        _log.warning("ended at once", signal=number.name)
        os._exit(128 + number)
    worker.stop()
