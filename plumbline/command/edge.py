"""`plumbline edge`: the agent of a gateway."""

import asyncio
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated, Any, Final

import structlog
import typer

from edge_agent import config as configuration
from edge_agent.agent import Agent
from edge_agent.config import Config
from plumbline.command.edge_check import check
from plumbline.command.edge_devices import devices

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


@app.command()
def run(config: ConfigFile) -> None:
    """Read the devices, keep every event, bring it to ingest; until SIGTERM or SIGINT.

    Logs go to the standard error: readable on a terminal, JSON a line otherwise.
    """
    checked = configuration.load(config)
    _set_up_logging()
    asyncio.run(_run(checked))


app.command()(check)
app.command()(devices)


async def _run(config: Config) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stop.is_set():
            return
        stop.set()
        hard_end = threading.Timer(_STOP_S, os._exit, [1])
        hard_end.daemon = True
        hard_end.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    await Agent(config).run(stop)


def _set_up_logging() -> None:
    renderer: Any = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *([] if sys.stderr.isatty() else [structlog.processors.format_exc_info]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
