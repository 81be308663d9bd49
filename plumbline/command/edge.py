"""`plumbline edge`: the agent of a gateway."""

import asyncio
import logging
import os
import re
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated, Any, Final

import structlog
import typer
from rich.console import Console
from rich.table import Table

from edge_agent import config as configuration
from edge_agent.agent import Agent
from edge_agent.config import Config
from plumbline.address import Address

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Run the agent of a gateway, or check its configuration.",
)

ConfigFile = Annotated[Path, typer.Option("--config", metavar="FILE", help="The gateway's TOML file.")]

#: A stop that takes longer (a device that does not let go) ends the hard way: every accepted event is on the disk.
_STOP_S: Final = 15.0
#: The password in a URL, which no table shows.
_PASSWORD: Final = re.compile(r"(://[^:/@\s]*):[^/\s]*@")


@app.command()
def run(config: ConfigFile) -> None:
    """Read the devices, keep every event, bring it to ingest; until SIGTERM or SIGINT.

    Logs go to the standard error: readable on a terminal, JSON a line otherwise.
    """
    checked = configuration.load(config)
    _set_up_logging()
    asyncio.run(_run(checked))


@app.command()
def check(config: ConfigFile) -> None:
    """Check a configuration and show what it comes to. Opens no device; exit code 2 with every mistake listed."""
    checked = configuration.load(config)
    console = Console()
    console.print(_summary(checked))
    if checked.readers:
        console.print(_readers(checked))


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


def _summary(config: Config) -> Table:
    table = Table(box=None, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    up = config.uplink
    rows = {
        "configuration": f"{config.path}: no mistakes",
        "site / gateway": f"{config.site} / {config.gateway}",
        "data": str(config.data),
        "profiles": f"{config.profiles_folder or 'none'}: {', '.join(sorted(config.profiles)) or 'none'}",
        "brokers": f"{', '.join(str(Address.parse(url)) for url in config.server.brokers)} (MQTT {config.server.version})",
        "batches": f"{up.batch_events} events or {up.batch_bytes} bytes, after {up.linger_ms.business} ms (business)"
        f" or {up.linger_ms.telemetry} ms (telemetry); {up.window} under way",
        "sent again": f"after {up.resend_after_s:g} s without being committed",
        "fsync": f"business {config.outbox.fsync.business}, telemetry {config.outbox.fsync.telemetry}",
        "history": f"{config.outbox.history_bytes} bytes per class",
    }
    for key, value in rows.items():
        table.add_row(key, value)
    return table


def _readers(config: Config) -> Table:
    table = Table("reader", "type", "settings", box=None)
    for entry in config.readers:
        given = {field: getattr(entry.settings, field) for field in entry.settings.__struct_fields__}
        table.add_row(
            entry.name, entry.type, ", ".join(f"{key}={_short(value)}" for key, value in given.items() if value is not None)
        )
    return table


def _short(value: object) -> str:
    text = _PASSWORD.sub(r"\1:…@", str(value))
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= 60 else text[:59] + "…"
