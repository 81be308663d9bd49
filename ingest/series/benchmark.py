"""How fast points are stored: our stores, and a bare loop that posts ready-made lines, side by side in one run."""

import asyncio
import gzip
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import httpx

from ingest.series.influx import CONNECTIONS, InfluxStore
from ingest.series.influx_server import InfluxServer, QueryRefusedError, on_this_machine
from ingest.series.line_protocol import LineEncoder
from plumbline.bench.processes import cpu_s
from plumbline.series import Measured, SeriesStore, SeriesWriter

BATCH: Final = 5_000
_ROUNDS: Final = 3
_INFLUX_ROUNDS: Final = 7
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
    url: str, database: str, *, count: int = 200_000, connections: int = CONNECTIONS, rounds: int = _INFLUX_ROUNDS
) -> dict[str, float]:
    """Our store beside bare loops on as many connections, in turn. The database exists already.

    A round is the bare loop, our store and the bare loop with gzip, every other time the other way round. `ratio` is the
    median over the rounds of our rate by that of the better bare loop just before or after it: what else the machine does
    in a round slows both. Where client and server share their cores, nobody comes closer than `ratio_by_cpu`, the CPU time
    of all that a point takes in the bare loop by that in ours; it is there where the server is an InfluxDB 1.x on this
    machine, whose process can be asked.
    """
    pid = await _process(url, database)
    rates: dict[str, list[Rate]] = {"bare": [], "store": [], "bare_gzip": []}
    server: dict[str, list[float]] = {name: [] for name in rates}
    async with InfluxStore(url, database, connections=connections) as store:
        for turn in range(rounds):
            for number, name in enumerate(reversed(rates) if turn % 2 else rates):
                points = readings(count, start=_START + (len(rates) * turn + number) * _APART)
                began = cpu_s(pid) if pid else 0.0
                if name == "store":
                    rate = await measure(store, points, batch=connections * BATCH, under_way=_UNDER_WAY)
                else:
                    packed = name == "bare_gzip"
                    rate = await measure_bare(url, database, points, connections=connections, packed=packed)
                rates[name].append(rate)
                server[name].append((cpu_s(pid) - began) / count * 1e6 if pid else 0.0)
    stored = {name: median(rate.per_second for rate in some) for name, some in rates.items()}
    better = max("bare", "bare_gzip", key=stored.__getitem__)
    pairs = zip(rates["store"], rates[better], strict=True)
    ours, bare = (median(rate.cpu_us for rate in rates[name]) for name in ("store", better))
    figures = {
        "connections": connections,
        **stored,
        "ratio": median(mine.per_second / other.per_second for mine, other in pairs),
        "store_cpu_us_per_point": ours,
        "bare_cpu_us_per_point": bare,
    }
    if pid:
        # One figure for both: it gets the same lines, and puts off some work of one run until the next.
        taken = median(server["store"] + server[better])
        figures |= {"influxd_cpu_us_per_point": taken, "ratio_by_cpu": (taken + bare) / (taken + ours)}
    return figures


async def _process(url: str, database: str) -> int | None:
    """The process id of the InfluxDB, where it runs here and says it (1.x does)."""
    if not on_this_machine(httpx.URL(url).host):
        return None
    server = InfluxServer(url, database)
    try:
        said = await server.ask("SHOW DIAGNOSTICS")
    except QueryRefusedError:  # 2.x and 3 know no such statement
        return None
    finally:
        await server.aclose()
    for part in said.get("series", []):
        if "PID" in part["columns"]:
            pid = part["values"][0][part["columns"].index("PID")]
            name = Path(f"/proc/{pid}/comm")
            # It may run in a container of its own, and that number be somebody else's here.
            return pid if name.exists() and name.read_text(encoding="utf-8").strip() == "influxd" else None
    return None


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
