"""How fast points are stored: our stores, and a bare loop that posts ready-made lines, side by side in one run."""

import asyncio
import gzip
import time
from collections.abc import Sequence
from statistics import median
from typing import Final, NamedTuple

import httpx

from ingest.series.influx import CONNECTIONS, InfluxStore
from ingest.series.line_protocol import LineEncoder
from plumbline.series import Measured, SeriesStore, SeriesWriter

BATCH: Final = 5_000
_ROUNDS: Final = 3
_UNDER_WAY: Final = 3
_SECOND: Final = 1_000_000_000
_START: Final = 1_790_000_000 * _SECOND
_APART: Final = 10**15
"""Nanoseconds between the starts of two rounds: each writes points of its own."""


class Rate(NamedTuple):
    """What a run came to."""

    points: int
    seconds: float
    cpu_seconds: float
    """Of this process, all its threads together."""

    @property
    def per_second(self) -> float:
        """Points stored a second."""
        return self.points / self.seconds

    @property
    def cpu_us(self) -> float:
        """CPU time a point, in microseconds."""
        return self.cpu_seconds / self.points * 1e6


class _Clock:
    """Time and CPU time since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def rate(self, points: int) -> Rate:
        return Rate(points, time.perf_counter() - self._began[0], time.process_time() - self._began[1])


def readings(count: int, *, start: int = _START, devices: int = 50) -> list[Measured]:
    """Points as an environment station gives them: three metrics of one or two decimals, three tags, a second apart."""
    tags = [{"site": "bench", "zone": f"zone-{n % 7}", "device": f"station-{n}"} for n in range(devices)]
    return [
        Measured(
            "environment",
            tags[i % devices],
            {
                "pm25_ugm3": round(12.5 + i * 7919 % 3000 / 10, 1),
                "noise_dba": round(45 + i * 104_729 % 500 / 10, 1),
                "temperature_c": round(4.25 + i * 1_299_709 % 4000 / 100, 2),
            },
            start + i // devices * _SECOND,
        )
        for i in range(count)
    ]


async def measure(writer: SeriesWriter, points: Sequence[Measured], *, batch: int = BATCH, under_way: int = 1) -> Rate:
    """Write the points in batches, `under_way` of them at a time. Raises `ValueError` where the store refuses one."""
    firsts = iter(range(0, len(points), batch))

    async def write() -> None:
        for first in firsts:
            refused = await writer.write(points[first : first + batch])
            if refused:
                raise ValueError(f"a point of the benchmark was refused: {refused[0].reason}")

    clock = _Clock()
    await asyncio.gather(*(write() for _ in range(under_way)))
    return clock.rate(len(points))


async def measure_bare(url: str, database: str, points: Sequence[Measured], *, connections: int, packed: bool) -> Rate:
    """Post ready-made bodies of the same points on kept-alive connections: what InfluxDB itself can do."""
    encoder = LineEncoder(portable=True)
    bodies = [encoder.encode(points[first : first + BATCH]).body for first in range(0, len(points), BATCH)]
    if packed:
        bodies = [gzip.compress(body, compresslevel=1) for body in bodies]
    headers = {"Content-Encoding": "gzip"} if packed else {}
    waiting = iter(bodies)

    async def post(client: httpx.AsyncClient) -> None:
        for body in waiting:
            answer = await client.post("/write", params={"db": database, "precision": "ns"}, content=body, headers=headers)
            answer.raise_for_status()

    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:
        clock = _Clock()
        await asyncio.gather(*(post(client) for _ in range(connections)))
        return clock.rate(len(points))


async def measure_influx(
    url: str, database: str, *, count: int = 200_000, connections: int = CONNECTIONS, rounds: int = _ROUNDS
) -> dict[str, float]:
    """Our store beside bare loops on as many connections, in turn; medians of the rounds. The database exists already."""
    plain: list[float] = []
    packed: list[float] = []
    ours: list[Rate] = []
    async with InfluxStore(url, database, connections=connections) as store:
        for turn in range(rounds):
            starts = [_START + (3 * turn + n) * _APART for n in range(3)]
            bare = await measure_bare(url, database, readings(count, start=starts[0]), connections=connections, packed=False)
            plain.append(bare.per_second)
            points = readings(count, start=starts[1])
            ours.append(await measure(store, points, batch=connections * BATCH, under_way=_UNDER_WAY))
            bare = await measure_bare(url, database, readings(count, start=starts[2]), connections=connections, packed=True)
            packed.append(bare.per_second)
    stored = median(rate.per_second for rate in ours)
    return {
        "connections": connections,
        "bare": median(plain),
        "bare_gzip": median(packed),
        "store": stored,
        "ratio": stored / max(median(plain), median(packed)),
        "store_cpu_us_per_point": median(rate.cpu_us for rate in ours),
    }


async def measure_embedded(
    store: SeriesStore, *, count: int = 500_000, batch: int = 2 * BATCH, rounds: int = _ROUNDS
) -> dict[str, float]:
    """Rows a second into an embedded store, new and repeated, and CPU time; medians of the rounds."""
    fresh: list[Rate] = []
    again: list[Rate] = []
    for turn in range(rounds):
        points = readings(count, start=_START + turn * _APART)
        fresh.append(await measure(store, points, batch=batch, under_way=_UNDER_WAY))
        again.append(await measure(store, points[-count // 10 :], batch=batch, under_way=_UNDER_WAY))
    return {
        "rows": median(rate.per_second for rate in fresh),
        "cpu_us_per_row": median(rate.cpu_us for rate in fresh),
        "repeated_rows": median(rate.per_second for rate in again),
    }
