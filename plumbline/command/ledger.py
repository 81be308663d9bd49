"""`plumbline ledger`: prove what arrived."""

import asyncio
from datetime import date
from typing import Annotated

import msgspec
import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from ingest.ledger.report import StreamReport, report, said_of
from plumbline.command.sql import OF_UP, Database, opened
from plumbline.errors import PlumblineError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

_COUNTS = ("received", "duplicate", "late", "thinned", "dead", "lost", "missing")


@app.command()
def ledger(
    database: Database = OF_UP,
    site: Annotated[str | None, typer.Option(help="Only this site.")] = None,
    gateway: Annotated[str | None, typer.Option(help="Only this gateway.")] = None,
    day: Annotated[str | None, typer.Option(help="Only this day of the site, such as 2026-06-11.")] = None,
    since: Annotated[str | None, typer.Option(help="Only days from this one on.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit code 1 where anything is missing, or the books do not balance.")
    ] = False,
) -> None:
    """Per gateway, epoch, class and day: received, duplicate, late, thinned, dead, lost, missing, asked for; and a verdict."""
    for option, text in (("--day", day), ("--since", since)):
        _is_day(option, text)
    streams = asyncio.run(_report(database, site, gateway, day, since))
    if as_json:
        print(msgspec.json.encode(streams).decode())
    else:
        _print(streams, filtered=day is not None or since is not None)
    if check and any(_is_wrong(stream, filtered=day is not None or since is not None) for stream in streams):
        raise typer.Exit(1)


def _is_day(option: str, text: str | None) -> None:
    if text is None:
        return
    try:
        if date.fromisoformat(text).isoformat() == text:
            return
    except ValueError:
        pass
    raise PlumblineError(f"{option}: '{text}' is no day; write it like 2026-06-11")


def _is_wrong(stream: StreamReport, *, filtered: bool) -> bool:
    missing = sum(day.missing or 0 for day in stream.days) if filtered else stream.missing
    return bool(missing or stream.off_by)


async def _report(
    database: str, site: str | None, gateway: str | None, day: str | None, since: str | None
) -> list[StreamReport]:
    async with opened(database, existing=True) as engine:
        return await report(engine, site=site, gateway=gateway, day=day, since=since)


def _count(number: int | None) -> str:
    return "—" if number is None else f"{number:,}"


def _print(streams: list[StreamReport], *, filtered: bool) -> None:
    console = Console()
    for stream in streams:
        table = Table(title_justify="left", title_style="bold", show_footer=not filtered, box=SIMPLE, padding=0, pad_edge=False)
        table.add_column("day", footer="all", no_wrap=True, min_width=10)
        table.title = f"{stream.site} / {stream.gateway}: {stream.event_class}, epoch {stream.epoch}"
        for name in _COUNTS:
            table.add_column(name, footer=_count(getattr(stream, name)), justify="right", no_wrap=True)
        table.add_column("asked", footer=f"{stream.asked.numbers:,}", justify="right", no_wrap=True)
        for day in stream.days:
            table.add_row(day.day, *(_count(getattr(day, name)) for name in (*_COUNTS, "asked")))
        console.print(table)
        console.print(said_of(stream), style="bold red" if stream.off_by else "yellow" if stream.missing else None)
        console.print()
    if not streams:
        console.print("nothing of these days" if filtered else "nothing has arrived yet")
