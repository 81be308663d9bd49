"""`plumbline deadletters`: list, inspect and replay what ingest could not take."""

import asyncio
import contextlib
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ingest import deadletters as letters
from plumbline.codec import MAX_BATCH_BYTES
from plumbline.command.sql import OF_UP, Database, opened
from plumbline.compression import expanded
from plumbline.errors import CodecError, PlumblineError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Reason = Annotated[str | None, typer.Option(help="Only letters with this reason.")]


@app.callback()
def deadletters() -> None:
    """What ingest could not take, with the reason: look, mend the cause, replay."""


@app.command("list")
def list_letters(
    database: Database = OF_UP,
    reason: Reason = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 100,
    as_json: Json = False,
) -> None:
    """The newest letters."""
    rows = [dict(row) for row in asyncio.run(_listing(database, limit, reason))]
    if as_json:
        print(json.dumps(rows))
        return
    table = Table("id", "received", "times", "reason", "detail", "state")
    for row in rows:
        table.add_row(str(row["id"]), _when(row["received_at"]), str(row["times"]), row["reason"], row["detail"], _state(row))
    Console().print(table)


@app.command()
def show(number: Annotated[int, typer.Argument(metavar="ID")], database: Database = OF_UP, as_json: Json = False) -> None:
    """One letter with its bytes."""
    row = asyncio.run(_show(database, number))
    payload: bytes = row.pop("payload")
    with contextlib.suppress(CodecError):  # a damaged stream, or one of which only the beginning was kept: as it is
        payload = expanded(payload, MAX_BATCH_BYTES)
    text = payload.decode("utf-8", "backslashreplace")
    if as_json:
        print(json.dumps(row | {"payload": text}))
        return
    for name, value in row.items():
        print(f"{name:20} {_when(value) if name.endswith('_at') and value else value}")
    print()
    print(text)


@app.command()
def replay(
    database: Database = OF_UP,
    numbers: Annotated[list[int] | None, typer.Argument(metavar="[ID]...")] = None,
    reason: Reason = None,
    every: Annotated[bool, typer.Option("--all", help="Every letter that was not replayed.")] = False,
) -> None:
    """Hand letters to the running ingest once more; `list` shows what became of them."""
    if not numbers and reason is None and not every:
        raise PlumblineError("which letters? give their ids, --reason WORD or --all")
    count = asyncio.run(_request(database, numbers or [], reason))
    print(f"{count} letters wait for the running ingest; 'plumbline deadletters list' shows what became of them")


async def _listing(database: str, limit: int, reason: str | None) -> Sequence[Any]:
    async with opened(database, existing=True) as engine:
        return await letters.listing(engine, limit=limit, reason=reason)


async def _show(database: str, number: int) -> dict[str, Any]:
    async with opened(database, existing=True) as engine:
        row = await letters.show(engine, number)
    if row is None:
        raise PlumblineError(f"there is no dead letter {number}; 'plumbline deadletters list' shows which there are")
    return {str(name): value for name, value in row.items()}


async def _request(database: str, numbers: list[int], reason: str | None) -> int:
    async with opened(database, existing=True) as engine:
        return await letters.request_replay(engine, now=time.time_ns(), numbers=numbers, reason=reason)


def _when(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns / 1e9, UTC).isoformat(timespec="seconds")


def _state(row: dict[str, Any]) -> str:
    if row["replayed_at"] is not None:
        return f"replayed {_when(row['replayed_at'])}"
    return "waits for ingest" if row["replay_requested_at"] is not None else ""
