"""`plumbline bench heatmap`: its servers and its progress."""

import sys
import time
from importlib import resources
from pathlib import Path
from typing import Any, Final

from ingest.heat import benchmark
from plumbline import site
from plumbline.bench.ingest.servers import Influx

_DATABASE: Final = "heat"


async def measure(folder: Path, *, events: int) -> dict[str, Any]:
    """Start an InfluxDB of our own and play the day of the demo's site into it and into a file."""
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {what}", file=sys.stderr, flush=True)

    with resources.as_file(resources.files("plumbline.demo") / "site.toml") as path:
        ground = site.load(path)
    influx = Influx(folder / "influxdb")
    try:
        async with influx:
            await influx.create(_DATABASE)
            return await benchmark.measure(
                folder, f"http://127.0.0.1:{influx.port}", _DATABASE, site=ground, events=events, say=say
            )
    finally:
        await influx.aclose()
