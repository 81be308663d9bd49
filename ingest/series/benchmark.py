"""How fast points are stored: our stores, and a bare loop that posts ready-made lines, side by side."""

import asyncio
import gzip
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, NamedTuple

import httpx

from ingest.series.influx import InfluxStore
from ingest.series.line_protocol import LineEncoder
from plumbline.series import Point, SeriesStore, SeriesWriter

BATCH: Final = 5_000
_SECOND: Final = 1_000_000_000
_START: Final = 1_790_000_000 * _SECOND


class Rate(NamedTuple):
    """What a run came to."""

    points: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Points stored a second."""
        return self.points / self.seconds


def readings(count: int, *, start: int = _START, devices: int = 50) -> list[Point]:
    """Points as an environment station gives them: three metrics, two tags, a second apart."""
    return [
        Point(
            "environment",
            {"site": "bench", "zone": f"zone-{i % devices % 7}", "device": f"station-{i % devices}"},
            {"pm25_ugm3": 12.5 + i % 300 / 7, "noise_dba": 55 + i % 100 / 3, "temperature_c": 21.25 + i % 64 / 8},
            start + i // devices * _SECOND,
        )
        for i in range(count)
    ]


async def measure(writer: SeriesWriter, points: Sequence[Point], *, batch: int = BATCH) -> Rate:
    """Write the points in batches, one after the other. Raises `ValueError` where the store refuses one."""
    began = time.perf_counter()
    for first in range(0, len(points), batch):
        refused = await writer.write(points[first : first + batch])
        if refused:
            raise ValueError(f"a point of the benchmark was refused: {refused[0].reason}")
    return Rate(len(points), time.perf_counter() - began)


async def measure_bare(url: str, database: str, points: Sequence[Point], *, batch: int = BATCH, packed: bool = True) -> Rate:
    """Post ready-made bodies of the same points on one kept-alive connection: what InfluxDB itself can do."""
    encoder = LineEncoder(portable=True)
    bodies = ["\n".join(encoder.encode(points[first : first + batch]).lines).encode() for first in range(0, len(points), batch)]
    headers = {"Content-Encoding": "gzip"} if packed else {}
    if packed:
        bodies = [gzip.compress(body, compresslevel=1) for body in bodies]
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:
        began = time.perf_counter()
        for body in bodies:
            answer = await client.post("/write", params={"db": database, "precision": "ns"}, content=body, headers=headers)
            answer.raise_for_status()
        return Rate(len(points), time.perf_counter() - began)


async def measure_influx(url: str, database: str, *, count: int = 200_000, connections: int = 1) -> dict[str, float]:
    """Our store against the bare loop on as many connections, points a second; the database exists already."""

    async def together(one: Callable[[Sequence[Point]], Coroutine[Any, Any, Rate]], start: int) -> float:
        shares = [readings(count // connections, start=start + n * 10**15) for n in range(connections)]
        began = time.perf_counter()
        await asyncio.gather(*(one(share) for share in shares))
        return count / (time.perf_counter() - began)

    async def ours(points: Sequence[Point]) -> Rate:
        async with InfluxStore(url, database) as store:
            return await measure(store, points, batch=4 * BATCH)

    bare = await together(lambda points: measure_bare(url, database, points), _START)
    store = await together(ours, _START + 10**17)
    return {"bare": bare, "store": store, "ratio": store / bare}


async def measure_embedded(store: SeriesStore, *, count: int = 500_000, batch: int = 2 * BATCH) -> dict[str, float]:
    """Rows a second into an empty embedded store, and again as a repetition of the last tenth."""
    points = readings(count)
    fresh = await measure(store, points, batch=batch)
    again = await measure(store, points[-count // 10 :], batch=batch)
    return {"rows": fresh.per_second, "repeated_rows": again.per_second}
