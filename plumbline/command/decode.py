"""`plumbline decode`: read the barcodes in photos, one answer a photo, and go on past the unreadable ones."""

import base64
import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from edge_agent.decode import DecodeError, Symbol, decode
from edge_agent.decode.header import SUFFIXES

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

#: From so many photos on, progress is shown where standard error is a terminal.
_LONG = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found in one file, or why it could not be opened."""

    file: Path
    symbols: list[Symbol]
    ms: float
    error: str | None = None


@app.command()
def read_photos(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO…", help="Pictures, or folders of pictures (walked through).")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line for each photo.")] = False,
    budget_ms: Annotated[int, typer.Option(min=1, max=60_000, help="Milliseconds to spend on a hard photo.")] = 250,
) -> None:
    """Read every code in each PHOTO. Exit code 1: at least one photo could not be opened."""
    files = list(_walk(photos))
    failed = False
    if as_json:
        for answer in _with_progress(_answers(files, budget_ms), len(files)):
            failed |= answer.error is not None
            sys.stdout.write(json.dumps(_to_json(answer)) + "\n")
            sys.stdout.flush()
    else:
        answers = list(_with_progress(_answers(files, budget_ms), len(files)))
        failed = any(answer.error is not None for answer in answers)
        Console().print(_to_table(answers))
    if failed:
        raise typer.Exit(1)


def _walk(photos: Iterable[Path]) -> Iterator[Path]:
    for photo in photos:
        if photo.is_dir():
            yield from sorted(p for p in photo.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        else:
            yield photo


def _answers(files: Iterable[Path], budget_ms: int) -> Iterator[Answer]:
    for file in files:
        start = time.perf_counter()
        try:
            symbols, error = decode(file, budget_ms=budget_ms), None
        except DecodeError as refusal:
            symbols, error = [], str(refusal)
        yield Answer(file, symbols, (time.perf_counter() - start) * 1e3, error)


def _with_progress(answers: Iterable[Answer], total: int) -> Iterator[Answer]:
    console = Console(stderr=True)
    if total < _LONG or not console.is_terminal:
        yield from answers
        return
    with Progress(console=console, transient=True) as progress:
        yield from progress.track(answers, total=total, description="Reading photos")


def _to_json(answer: Answer) -> dict[str, Any]:
    line: dict[str, Any] = {
        "file": str(answer.file),
        "symbols": [
            {
                "format": symbol.format,
                "text": symbol.text,
                "bytes": base64.b64encode(symbol.bytes).decode("ascii"),
                "gs1": symbol.gs1,
                "points": [[round(x, 1), round(y, 1)] for x, y in symbol.points],
            }
            for symbol in answer.symbols
        ],
        "ms": round(answer.ms, 1),
    }
    return line if answer.error is None else line | {"error": answer.error}


def _to_table(answers: Iterable[Answer]) -> Table:
    table = Table("photo", "format", "content", "ms")
    for answer in answers:
        ms = f"{answer.ms:.0f}"
        if answer.error is not None:
            table.add_row(Text(str(answer.file)), Text("unreadable", style="red"), Text(answer.error), ms)
        elif not answer.symbols:
            table.add_row(Text(str(answer.file)), Text("-", style="dim"), Text("no code found", style="dim"), ms)
        for i, symbol in enumerate(answer.symbols):
            content = "".join(f"({ai}){value}" for ai, value in symbol.gs1) if symbol.gs1 else _printable(symbol)
            table.add_row(Text(str(answer.file) if i == 0 else ""), Text(symbol.format), Text(content), ms if i == 0 else "")
    return table


def _printable(symbol: Symbol) -> str:
    """The text with control characters made visible (a label must not write to the terminal), or the bytes in hex."""
    if not symbol.text:
        return f"{symbol.bytes.hex()} (hex)"
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in symbol.text)
