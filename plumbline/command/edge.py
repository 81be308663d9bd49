"""`plumbline edge`: the agent of a gateway."""

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated, Final, NoReturn

import structlog
import typer

from edge_agent import config as configuration
from edge_agent.agent import Agent
from edge_agent.config import Config
from edge_agent.fleet import Versions
from edge_agent.logs import Logs
from edge_agent.logs import configure as configure_logs
from edge_agent.notify import Notify
from plumbline.command.edge_check import check
from plumbline.command.edge_devices import devices
from plumbline.errors import SettingsError
from plumbline.lock import LockedError
from plumbline.repeats import tell

_log = structlog.get_logger(__name__)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Run the agent of a gateway, check its configuration and devices, or find what is connected.",
)

ConfigFile = Annotated[Path, typer.Option("--config", metavar="FILE", help="The gateway's TOML file.")]

#: A stop that takes longer (a device that does not let go) ends the hard way: every accepted event is on the disk.
_STOP_S: Final = 15.0
#: How often it is looked which repeated lines of the log are due to be summed up.
_SUMMARIES_S: Final = 10.0


@app.command()
def run(config: ConfigFile) -> None:
    """Read the devices, keep every event, bring it to ingest; until SIGTERM or SIGINT.

    Logs go to the standard error (readable on a terminal, JSON a line otherwise) and to the files of [log]. A configuration that
    the server sends is tried, and undone where the agent does not come back healthy.
    """
    versions, checked = _loaded(config)
    logs = configure_logs(checked.log, checked.data)
    try:
        again = asyncio.run(_run(checked, versions, logs))
    except LockedError:
        _stopped(versions)
        raise
    except Exception as error:
        if versions.record.trial is None:
            raise
        _log.exception("config.failed", version=versions.record.trial.version)
        versions.undo(f"the agent ended: {type(error).__name__}: {error}")
        again = True
    if again:
        logs.close()
        begin_anew()
    _stopped(versions)
    logs.close()


app.command()(check)
app.command()(devices)


def _loaded(config: Path) -> tuple[Versions, Config]:
    """The configuration to run with: the one before, where a new one on trial cannot even be read, or killed us too often."""
    versions = Versions(config)
    try:
        versions.begin()
    except (OSError, UnicodeDecodeError) as error:  # what is wrong with the file itself is told by who loads it
        _log.error("config.begin", error=str(error), check=f"who owns {versions.folder}, and the disk")
    try:
        return versions, configuration.load(config)
    except SettingsError as error:
        if versions.record.trial is None:
            raise
        versions.undo(str(error))
    return versions, configuration.load(config)


def _stopped(versions: Versions) -> None:
    try:
        versions.stopped()
    except OSError as error:
        _log.error("config.stopped", error=str(error), check=f"who owns {versions.folder}, and the disk")


def begin_anew() -> NoReturn:
    """Become a fresh process of the same command line, with the same id: nothing of the old configuration stays behind."""
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - our own command line, without a shell


async def _run(config: Config, versions: Versions, logs: Logs) -> bool:
    """Run the agent; `True` where it ended to begin anew."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    notify = Notify()
    agent = Agent(config, versions=versions, notify=notify)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    async def at_the_end() -> None:
        await stop.wait()
        if agent.restart:
            notify.reloading()
        end, arguments = (begin_anew, ()) if agent.restart else (os._exit, (1,))
        hard_end = threading.Timer(_STOP_S, end, arguments)
        hard_end.daemon = True
        hard_end.start()

    async def summaries() -> None:
        while True:
            await asyncio.sleep(_SUMMARIES_S)
            tell(logs.repeats)

    beside = [asyncio.create_task(at_the_end(), name="hard-end"), asyncio.create_task(summaries(), name="log-summaries")]
    try:
        await agent.run(stop)
    finally:
        for task in beside:
            task.cancel()
    return agent.restart
