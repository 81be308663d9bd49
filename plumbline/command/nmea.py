"""`plumbline nmea`: the fixes in the logs of satellite receivers."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final

import typer

from edge_agent.nmea import Epoch, read_log
from plumbline.errors import PlumblineError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

_CHUNK: Final = 1 << 16
_COLUMNS: Final = {
    "time": 24,
    "mode": 5,
    "lat": 14,
    "lon": 15,
    "alt_msl": 9,
    "speed": 8,
    "track": 8,
    "hdop": 6,
    "sats_used": 10,
}


@app.command()
def nmea(
    logs: Annotated[list[str], typer.Argument(metavar="LOG…", help="Recorded NMEA 0183 streams; '-' is the standard input.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line and epoch.")] = False,
) -> None:
    """Print what a receiver knew at each instant: time, mode (1 no fix, 2 2D, 3 3D), position, speed, course.

    Bytes that are no sentence (AIS, binary protocols, garbage) are passed over. Values that the receiver did not give
    are absent.
    """
    if not as_json:
        print("".join(f"{name:>{width}}" for name, width in _COLUMNS.items()))
    for log in logs:
        for epoch in read_log(_chunks(log)):
            row = _row(epoch)
            line = json.dumps(row) if as_json else "".join(f"{row.get(name, ''):>{width}}" for name, width in _COLUMNS.items())
            print(line, flush=log == "-")


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
