"""`plumbline bench ingest`: its options, its progress and its table."""

import asyncio
import dataclasses
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from plumbline.bench import folders
from plumbline.bench.figures import show
from plumbline.bench.ingest import run
from plumbline.bench.ingest.run import PARTS, USUAL, Sizes


def ingest(
    only: Annotated[
        str, typer.Option(help=f"Parts, with commas between them, of {', '.join(PARTS)}; what is shown takes five minutes.")
    ] = ",".join(USUAL),
    events: Annotated[
        int | None,
        typer.Option(
            help="Events of limit, sustained, backlog, live, embedded, workers and memory; without it 500,000 to 15,000,000.",
            min=1000,
            show_default=False,
        ),
    ] = None,
    single: Annotated[int, typer.Option(help="Events beside the peers, one a message.", min=1000)] = Sizes.single,
    fifty: Annotated[int, typer.Option(help="Events beside the peers, fifty a message.", min=1000)] = Sizes.fifty,
    workers: Annotated[
        int, typer.Option(help="How many workers stand beside one in the part 'workers' (needs PostgreSQL).", min=1, max=16)
    ] = Sizes.workers,
    loss: Annotated[int, typer.Option(help="Messages sent when loss is counted.", min=1000)] = Sizes.loss,
    seconds: Annotated[float, typer.Option(help="How long the steady flow lasts for the latency.", min=1)] = Sizes.latency_s,
    keep: Annotated[Path | None, typer.Option(help="Keep data and logs in this new folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Ingest beside InfluxDB alone, Node-RED and a naive Python program, in one run. Exit code 1: a part could not be run."""
    parts = [part.strip() for part in only.split(",") if part.strip()]
    if unknown := sorted(set(parts) - set(PARTS)):
        raise typer.BadParameter(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}", param_hint="--only")
    if keep is not None and keep.is_dir() and any(keep.iterdir()):
        raise typer.BadParameter(f"{keep} is not empty; name a new folder", param_hint="--keep")
    sizes = Sizes() if events is None else Sizes.of(events)
    sizes = dataclasses.replace(sizes, single=single, fifty=fifty, loss=loss, latency_s=seconds, workers=workers)
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {what}", file=sys.stderr, flush=True)

    from plumbline.command import bench_stages  # noqa: PLC0415 - needs ingest's packages, which not every benchmark does

    with folders.given(keep) as folder:
        figures = asyncio.run(run.measure(folder, only=parts, sizes=sizes, say=say, own=bench_stages))
    if as_json:
        print(json.dumps(figures))
    else:
        _print(figures)
    if figures["failed"]:
        raise typer.Exit(1)


def _print(figures: dict[str, Any]) -> None:
    goals: Sequence[dict[str, Any]] = figures.pop("goals")
    show("Ingest", {name: part for name, part in figures.items() if part})
    table = Table("goal", "ours", "beside it", "ratio", "should be", "reached", title="Goals", title_justify="left")
    for goal in goals:
        beside, ratio = goal["beside"], goal["ratio"]
        table.add_row(
            goal["title"],
            f"{goal['ours']:,}",
            "" if beside is None else f"{beside:,}",
            "" if ratio is None else f"{ratio:,}",
            f"{goal['sense']} {goal['goal']:,}",
            "yes" if goal["reached"] else "no",
        )
    if goals:
        Console().print(table)
