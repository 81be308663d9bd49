"""`plumbline edge devices`: what is connected to this gateway, and a configuration that reads it."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table

from edge_agent.discovery import Places, Seen, Sureness, look_around
from edge_agent.discovery.proposal import proposed

_LOCAL: Final = "mqtt://127.0.0.1:1883"
_ORDER: Final[dict[Sureness, int]] = {"certain": 0, "likely": 1, "guess": 2, "unknown": 3}
_COLOUR: Final[dict[Sureness, str]] = {"certain": "green", "likely": "green", "guess": "yellow", "unknown": "dim"}


def devices(
    broker: Annotated[
        list[str] | None, typer.Option(metavar="URL", help=f"A broker to listen to, {_LOCAL} by default; may be given again.")
    ] = None,
    modbus: Annotated[
        list[str] | None,
        typer.Option(metavar="WHERE", help="host:port or serial port whose Modbus units 1 to 16 are asked for a register."),
    ] = None,
    patience: Annotated[float, typer.Option(min=1, max=600, metavar="SECONDS", help="How long to listen.")] = 9.0,
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the proposed configuration there; never over a file.")
    ] = None,
    site: Annotated[str, typer.Option(help="The site's id, for the proposal.")] = "my-site",
    gateway: Annotated[str, typer.Option(help="This gateway's id, for the proposal.")] = "gw-1",
    server: Annotated[str, typer.Option(metavar="URL", help="The site's broker, for the proposal.")] = _LOCAL,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """List what this gateway sees on ports, buses and topics, and propose a configuration.

    It only listens; solely a port or host named with --modbus is asked for a register.
    """
    console = Console(stderr=as_json)
    places = Places(brokers=broker or [_LOCAL], modbus=modbus or [])
    seen = asyncio.run(_looked(places, patience, console))
    if as_json:
        typer.echo(json.dumps([msgspec.to_builtins(one) for one in seen], indent=2, ensure_ascii=False))
    else:
        console.print(table(seen))
    text = proposed(seen, site=site, gateway=gateway, server=server)
    if write is not None:
        with write.open("x", encoding="utf-8") as file:
            file.write(text)
        console.print(
            f"\nproposed configuration: {write}; go over it, then: plumbline edge check --config {write}", soft_wrap=True
        )
    elif not as_json:
        console.print("\nproposed configuration (--write FILE keeps it):\n")
        typer.echo(text)


async def _looked(places: Places, patience_s: float, console: Console) -> list[Seen]:
    seen: list[Seen] = []
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), console=console, transient=True) as progress:
        task = progress.add_task(f"listening to ports, buses and topics for {patience_s:g} s …")
        async for one in look_around(places, patience_s):
            seen.append(one)
            progress.update(task, description=f"{len(seen)} seen; {one.where}")
    return sorted(seen, key=lambda one: (_ORDER[one.sure], one.where))


def table(seen: list[Seen]) -> Table:
    """What was seen, a row a thing."""
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("where", "what", "sure", "to do"):
        shown.add_column(title, overflow="fold")  # a port of which half is missing is none
    for one in seen:
        shown.add_row(escape(one.where), escape(one.what), f"[{_COLOUR[one.sure]}]{one.sure}[/]", escape(one.todo))
    return shown
