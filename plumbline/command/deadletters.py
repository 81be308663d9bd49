"""`plumbline deadletters`: look at what ingest could not take, mend the cause, replay."""

import asyncio
import json
import re
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest import deadletters as letters
from ingest.deadletters import Choice, Pile, Progress
from plumbline.command.letter_view import text_of, view
from plumbline.command.sql import OF_UP, Database, opened
from plumbline.errors import PlumblineError
from plumbline.text import visible

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Reason = Annotated[str | None, typer.Option(help="Only letters with this reason; docs/deadletters.md explains each.")]
Site = Annotated[str | None, typer.Option(help="Only of this site.")]
Gateway = Annotated[str | None, typer.Option(help="Only of this gateway.")]
Device = Annotated[str | None, typer.Option(help="Only of this device.")]
Since = Annotated[str | None, typer.Option(help="Only what came since then: 90m, 2h, 3d, or a date and time (UTC).")]
Numbers = Annotated[list[int] | None, typer.Argument(metavar="[ID]...")]
Number = Annotated[int, typer.Argument(metavar="ID")]

#: How often a waiting command looks, and when it says that nobody is at work.
_LOOK_S: Final = 0.3
_IDLE_S: Final = 30.0
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@app.callback()
def deadletters() -> None:
    """What ingest could not take, with the reason: look, mend the cause, replay."""


@app.command("list")
def list_letters(
    database: Database = OF_UP,
    reason: Reason = None,
    site: Site = None,
    gateway: Gateway = None,
    device: Device = None,
    since: Since = None,
    each: Annotated[bool, typer.Option("--each", help="One after the other, the newest first, replayed ones too.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many lines.")] = 100,
    as_json: Json = False,
) -> None:
    """What waits, by reason, site and device, with what to do; `--each`: single letters."""
    choice = _choice(reason, site, gateway, device, since)
    if each:
        rows = asyncio.run(_each(database, limit, choice))
        print(json.dumps(rows)) if as_json else _print_each(rows)
    else:
        piles = asyncio.run(_piles(database, limit, choice))
        print(msgspec.json.encode(piles).decode()) if as_json else _print_piles(piles)


@app.command()
def show(
    number: Number,
    database: Database = OF_UP,
    every: Annotated[bool, typer.Option("--all", help="All bytes, however many.")] = False,
    as_json: Json = False,
) -> None:
    """One letter with its bytes, and the place of the mistake where it is known."""
    row = asyncio.run(_show(database, number))
    payload, original = row.pop("payload"), row.pop("original")
    if as_json:
        texts = {"payload": payload, "original": original}
        told = {name: None if one is None else text_of(one) for name, one in texts.items()}
        print(json.dumps(row | told | {"remedy": letters.remedy_of(row["reason"])}))
        return
    for name, value in row.items():
        if value is not None:
            print(f"{name:20} {_when(value) if name.endswith('_at') else visible(str(value), 4000)}")
    print(f"{'means':20} {letters.meaning_of(row['reason'])}")
    print(f"{'to do':20} {letters.remedy_of(row['reason'])}")
    for title, one in (("As it came:", original), ("As it was mended:" if original else "", payload)):
        if one is not None:
            print(f"\n{title}".rstrip())
            print("\n".join(view(one, row["detail"], every=every)))


@app.command()
def export(
    number: Number,
    to: Annotated[Path, typer.Option(help="The file to write; it must not exist.")],
    database: Database = OF_UP,
) -> None:
    """Write one letter's bytes to a file, as they came; mended there, `replay ID --corrected FILE` takes them."""
    row = asyncio.run(_show(database, number))
    try:
        with to.open("xb") as file:
            file.write(row["payload"])
    except FileExistsError:
        raise PlumblineError(f"{to}: is there already; name a new file") from None
    except OSError as error:
        raise PlumblineError(f"{to}: cannot be written ({error.strerror}); name a file in a folder of yours") from None
    print(f"{len(row['payload'])} bytes in {to}")


@app.command()
def replay(
    numbers: Numbers = None,
    database: Database = OF_UP,
    reason: Reason = None,
    site: Site = None,
    gateway: Gateway = None,
    device: Device = None,
    since: Since = None,
    every: Annotated[bool, typer.Option("--all", help="Every letter that was not replayed.")] = False,
    corrected: Annotated[
        Path | None, typer.Option(help="With one ID: take the mended content of this file; what came is kept beside it.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the running ingest and tell what became of them.")] = False,
) -> None:
    """Hand letters to the running ingest once more. With --wait, exit code 1: some were refused again, or nobody took them."""
    choice = _choice(reason, site, gateway, device, since)
    choice["numbers"] = numbers
    if not numbers and not every and not any(choice.values()):
        raise PlumblineError("which letters? give their ids, --reason WORD, --site, --gateway, --device, --since or --all")
    if corrected is not None and len(numbers or []) != 1:
        raise PlumblineError("--corrected mends one letter; give its id alone")
    count, outcome = asyncio.run(_replay(database, choice, corrected, wait=wait))
    if outcome is None:
        print(f"{count} letters wait for the running ingest; 'plumbline deadletters list' shows what became of them")
        return
    print(f"{outcome.taken} of {count} letters taken" + (f", {outcome.gone} gone" if outcome.gone else ""))
    for word, times in sorted(outcome.refused.items()):
        print(f"{times} refused again, {word}: {letters.remedy_of(word)}")
    if outcome.waiting:
        print(f"{outcome.waiting} wait still: no running ingest takes them up; start 'plumbline ingest run' or 'plumbline up'")
    if outcome.refused or outcome.waiting:
        raise typer.Exit(1)


@app.command()
def drop(
    numbers: Numbers = None,
    database: Database = OF_UP,
    reason: Reason = None,
    site: Site = None,
    gateway: Gateway = None,
    device: Device = None,
    since: Since = None,
    every: Annotated[bool, typer.Option("--all", help="Every letter there is.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove letters for good. The ledger goes on counting them as dead. Nothing brings them back."""
    choice = _choice(reason, site, gateway, device, since)
    choice["numbers"] = numbers
    if not numbers and not every and not any(choice.values()):
        raise PlumblineError("which letters? give their ids, --reason WORD, --site, --gateway, --device, --since or --all")
    count = asyncio.run(_count(database, choice))
    if count and not yes:
        if not sys.stdin.isatty():
            raise PlumblineError(f"{count} letters would be gone for good; add --yes if that is meant")
        typer.confirm(f"Remove {count} letters for good?", abort=True)
    print(f"{asyncio.run(_drop(database, choice)) if count else 0} letters removed")


async def _piles(database: str, limit: int, choice: Choice) -> list[Pile]:
    async with opened(database, existing=True) as engine:
        return await letters.overview(engine, limit=limit, **choice)


async def _each(database: str, limit: int, choice: Choice) -> list[dict[str, Any]]:
    async with opened(database, existing=True) as engine:
        return [dict(row) for row in await letters.listing(engine, limit=limit, **choice)]


async def _show(database: str, number: int) -> dict[str, Any]:
    async with opened(database, existing=True) as engine:
        row = await letters.show(engine, number)
    if row is None:
        raise PlumblineError(f"there is no dead letter {number}; 'plumbline deadletters list --each' shows which there are")
    return {str(name): value for name, value in row.items()}


async def _count(database: str, choice: Choice) -> int:
    async with opened(database, existing=True) as engine:
        return await letters.count(engine, **choice)


async def _drop(database: str, choice: Choice) -> int:
    async with opened(database, existing=True) as engine:
        return await letters.drop(engine, **choice)


async def _replay(database: str, choice: Choice, corrected: Path | None, *, wait: bool) -> tuple[int, Progress | None]:
    async with opened(database, existing=True) as engine:
        now = time.time_ns()
        if corrected is not None:
            try:
                content = await asyncio.to_thread(corrected.read_bytes)
            except OSError as error:
                raise PlumblineError(f"{corrected}: cannot be read ({error.strerror}); name the file that was mended") from None
            await letters.correct(engine, (choice.get("numbers") or [0])[0], content, now=now)
        asked = await letters.asked(engine, now=now, **choice)
        return len(asked), await _waited(engine, asked) if wait else None


async def _waited(engine: AsyncEngine, numbers: list[int]) -> Progress:
    """Until every letter was taken up, or nothing has moved for a while."""
    console = Console(stderr=True)
    moved_at, before = time.monotonic(), -1
    with console.status("waiting for the running ingest") as status:
        while True:
            found = await letters.progress(engine, numbers)
            if found.waiting != before:
                moved_at, before = time.monotonic(), found.waiting
                status.update(f"{len(numbers) - found.waiting} of {len(numbers)} taken up")
            if not found.waiting or time.monotonic() - moved_at > _IDLE_S:
                return found
            await asyncio.sleep(_LOOK_S)


def _choice(reason: str | None, site: str | None, gateway: str | None, device: str | None, since: str | None) -> Choice:
    return {
        "reason": reason,
        "site": site,
        "gateway": gateway,
        "device": device,
        "since": None if since is None else _since(since),
    }


def _since(text: str) -> int:
    """Nanoseconds of a time given as an age or as a date and time."""
    try:
        if age := re.fullmatch(r"(\d{1,6})([smhdw])", text):
            at = datetime.now(UTC) - timedelta(**{_UNITS[age[2]]: int(age[1])})
        else:
            at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise PlumblineError(f"--since '{text}' is no time; write 90m, 2h, 3d or 2026-06-11T08:00") from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()) * 10**9


def _print_piles(piles: list[Pile]) -> None:
    console = Console(markup=False, highlight=False)
    if not piles:
        console.print("no letter waits")
        return
    table = Table(box=SIMPLE, padding=0, pad_edge=False)
    for name in ("reason", "site", "device", "letters", "first", "last", "newest"):
        table.add_column(name, no_wrap=name in {"reason", "site", "newest"})
    for pile in piles:
        many = f"{pile.letters:,}" + (f" ({pile.times:,} times)" if pile.times > pile.letters else "")
        many += f", {pile.waiting:,} wait for ingest" if pile.waiting else ""
        place = pile.site or "?", pile.device or ""
        times = _minute(pile.first_at), _minute(pile.last_at)
        table.add_row(pile.reason, *map(visible, place), many, *times, str(pile.newest))
    console.print(table)
    for reason in dict.fromkeys(pile.reason for pile in piles):
        console.print(f"{reason}: {letters.meaning_of(reason)}", soft_wrap=True)
        console.print(f"    to do: {letters.remedy_of(reason)}", soft_wrap=True)


def _print_each(rows: list[dict[str, Any]]) -> None:
    table = Table(box=SIMPLE, padding=0, pad_edge=False)
    for name in ("id", "received", "times", "reason", "detail", "state"):
        table.add_column(name, no_wrap=name in {"id", "reason"})
    for row in rows:
        detail = visible(row["detail"], 2000)
        table.add_row(str(row["id"]), _minute(row["received_at"]), str(row["times"]), row["reason"], detail, _state(row))
    Console(markup=False, highlight=False).print(table)


def _when(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns / 1e9, UTC).isoformat(timespec="seconds")


def _minute(at_ns: int) -> str:
    """A time in UTC that a table has room for; `show` says it to the second."""
    return f"{datetime.fromtimestamp(at_ns / 1e9, UTC):%Y-%m-%d %H:%MZ}"


def _state(row: dict[str, Any]) -> str:
    mended = "mended, " if row["corrected_at"] is not None else ""
    if row["replayed_at"] is not None:
        return f"{mended}replayed {_when(row['replayed_at'])}"
    return mended + ("waits for ingest" if row["replay_requested_at"] is not None else "")
