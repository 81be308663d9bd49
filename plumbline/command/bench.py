"""`plumbline bench`: figures, medians, ratios; with `--json` for machines."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from plumbline.bench import e2e
from plumbline.bench.figures import show

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.callback()
def bench() -> None:
    """Measure: each benchmark prints its figures beside a peer or the limit of the same run."""


@app.command("e2e")
def end_to_end(
    seconds: Annotated[float, typer.Option(help="Length of the steady part.", min=1)] = 20,
    scans_per_s: Annotated[float, typer.Option(help="Scans in the steady part.", min=0.1)] = 20,
    readings_per_s: Annotated[float, typer.Option(help="Sensor readings in the steady part.", min=0)] = 200,
    flood: Annotated[int, typer.Option(help="Readings sent as fast as they go in the second part.", min=1000)] = 50_000,
    keep: Annotated[Path | None, typer.Option(help="Keep data and logs in this new folder.")] = None,
    as_json: Json = False,
) -> None:
    """Through the whole chain: events/s, and time from capture to committed and to visible on the wall's stream."""
    with tempfile.TemporaryDirectory(prefix="plumbline-bench-") as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        figures = asyncio.run(
            e2e.measure(folder.resolve(), seconds=seconds, scans_per_s=scans_per_s, readings_per_s=readings_per_s, flood=flood)
        )
    if as_json:
        print(json.dumps(figures))
    else:
        show("Through the whole chain", figures)
