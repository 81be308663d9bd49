"""`plumbline ledger`: prove what arrived."""

import asyncio
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from ingest.ledger_report import StreamReport, report
from plumbline.command.sql import OF_UP, Database, opened

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def ledger(
    database: Database = OF_UP,
    site: Annotated[str | None, typer.Option(help="Only this site.")] = None,
    gateway: Annotated[str | None, typer.Option(help="Only this gateway.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """Per gateway, epoch, class and day: received, duplicate, late, thinned, dead, missing. Exit code 1: something is missing."""
    streams = asyncio.run(_report(database, site, gateway))
    if as_json:
        print(msgspec.json.encode(streams).decode())
    else:
        _print(streams)
    if any(stream.missing for stream in streams):
        raise typer.Exit(1)


async def _report(database: str, site: str | None, gateway: str | None) -> list[StreamReport]:
    async with opened(database, existing=True) as engine:
        return await report(engine, site=site, gateway=gateway)


def _print(streams: list[StreamReport]) -> None:
    console = Console()
    counts = ("received", "duplicate", "late", "thinned", "dead", "missing")
    for stream in streams:
        table = Table("day", title_justify="left", title_style="bold", show_footer=True)
        table.title = f"{stream.site} / {stream.gateway}: {stream.event_class}, epoch {stream.epoch}"
        table.columns[0].footer = "all"
        for name in counts:
            table.add_column(name, footer=f"{getattr(stream, name):,}", justify="right", no_wrap=True)
        for day in stream.days:
            table.add_row(day.day, *(f"{getattr(day, name):,}" for name in counts))
        console.print(table)
        console.print(f"committed up to {stream.watermark:,} of {stream.highest:,}\n")
    if not streams:
        console.print("nothing has arrived yet")
