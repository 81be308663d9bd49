"""`plumbline nmea`: the fixes in the logs of satellite receivers."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from rich.console import Console
from rich.table import Table

from edge_agent.nmea import Epoch, read_log
from plumbline.errors import PlumblineError

app = typer.Typer(add_completion=False)

_CHUNK = 1 << 16


@app.command()
def nmea(
    logs: Annotated[list[str], typer.Argument(metavar="LOG…", help="Recorded NMEA 0183 streams; '-' is the standard input.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line and epoch.")] = False,
) -> None:
    """Print what a receiver knew at each instant: time, mode (1 no fix, 2 2D, 3 3D), position, speed, course.

    Bytes that are no sentence (AIS, binary protocols, garbage) are passed over. Values that the receiver did not give
    are absent.
    """
    table = None if as_json else _table()
    for log in logs:
        for epoch in read_log(_chunks(log)):
            row = _row(epoch)
            if table is None:
                print(json.dumps(row), flush=log == "-")
            else:
                table.add_row(*(str(row.get(column.header, "")) for column in table.columns))
    if table is not None:
        Console().print(table)


def _row(epoch: Epoch) -> dict[str, Any]:
    row = {
        "time": epoch.time,
        "mode": epoch.mode,
        "lat": _rounded(epoch.lat, 9),
        "lon": _rounded(epoch.lon, 9),
        "alt_msl": epoch.alt_msl,
        "speed": _rounded(epoch.speed_mps, 3),
        "track": epoch.course_deg,
        "hdop": epoch.hdop,
        "sats_used": epoch.sats_used,
    }
    return {key: value for key, value in row.items() if value is not None}


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _table() -> Table:
    table = Table(box=None)
    for name in ("time", "mode", "lat", "lon", "alt_msl", "speed", "track", "hdop", "sats_used"):
        table.add_column(name, justify="left" if name == "time" else "right")
    return table


def _chunks(log: str) -> Iterator[bytes]:
    if log == "-":
        yield from _read(sys.stdin.buffer)
        return
    try:
        with Path(log).open("rb") as file:
            yield from _read(file)
    except OSError as error:
        raise PlumblineError(f"{log}: cannot be read ({error.strerror}); name a readable file, or '-'") from error


def _read(file: BinaryIO) -> Iterator[bytes]:
    # A pipe hands out what there is; waiting for a full chunk would hold back the fixes of a live receiver.
    read = getattr(file, "read1", file.read)
    while chunk := read(_CHUNK):
        yield chunk
