"""What InfluxDB takes for longer than it can put off its own work, and ingest over the same number of points.

For the first seconds it only logs and keeps in memory what it takes; then it writes that out, compacts it again and again,
and has less left for who posts.
"""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from plumbline.bench.ingest import parts
from plumbline.bench.ingest.bench import Bench
from plumbline.bench.ingest.consumers import Ingest
from plumbline.bench.ingest.load import Load
from plumbline.bench.ingest.requests import FIRST_S, Requests, post
from plumbline.bench.ingest.servers import Influx
from plumbline.bench.processes import Program
from plumbline.errors import PlumblineError

#: So long the burst's rate would last: less says nothing about what is sustained.
LONG_S: Final = 30.0
_CONNECTIONS: Final = 2
_LAST_S: Final = 10.0
#: It counts as idle from when it took less than this share of a core for so long.
_IDLE_SHARE: Final = 0.1
_IDLE_S: Final = 3.0
_LOOK_S: Final = 0.5
_AT_MOST_S: Final = 600.0


async def limit(bench: Bench, load: Load, *, packed: bool) -> dict[str, Any]:
    """The bare loop over a whole load on two connections: its first seconds, its last, all of it, and until InfluxDB is idle."""
    folder = bench.folder("requests")
    folder.mkdir()
    async with bench.database() as database:
        bench.say(f"sustained: making {load.events:,} ready-made lines")
        shares = await asyncio.to_thread(_requests, folder, bench.influx.port, database, load, packed=packed)
        before = bench.influx.usage()
        bench.say("sustained: posting them")
        posted = await asyncio.to_thread(post, bench.influx.port, shares)
        idle_s = await _until_idle(bench.influx)
        used = bench.influx.usage().cpu_s - before.cpu_s
        if (count := await bench.influx.count(database)) != load.events:
            raise PlumblineError(f"bench: InfluxDB has {count} of {load.events} points of the bare loop")
    for share in shares:
        share.path.unlink()
    return {
        "connections": _CONNECTIONS,
        "encoding": "gzip" if packed else "plain",
        "points": load.events,
        "seconds": round(posted.seconds, 2),
        "points_per_s": round(posted.rate()),
        "first_2_s_points_per_s": round(posted.rate(first_s=FIRST_S)),
        "last_10_s_points_per_s": round(posted.rate(last_s=_LAST_S)),
        "busy_afterwards_s": round(idle_s, 2),
        "until_idle_points_per_s": round(load.events / (posted.seconds + idle_s)),
        "influxd_cpu_us_per_point": round(used / load.events * 1e6, 2),
    }


def _requests(folder: Path, port: int, database: str, load: Load, *, packed: bool) -> list[Requests]:
    gateways = range(load.gateways)
    return [
        Requests.write(folder / str(number), port, database, load.bodies(gateways[number::_CONNECTIONS]), packed=packed)
        for number in range(_CONNECTIONS)
    ]


async def backlog(bench: Bench, load: Load) -> dict[str, Any]:
    """Ingest drains the same load; how long InfluxDB is busy after it, too."""
    async with bench.database() as database, bench.broker() as broker:
        ingest = Ingest(
            bench.folder("ingest"),
            broker_port=broker.port,
            series=f"influx:http://127.0.0.1:{bench.influx.port}/{database}",
            site_file=load.site_file(),
        )
        programs: Mapping[str, Program] = {"ingest": ingest, "broker": broker, "influxd": bench.influx}
        course = await parts.drained(bench, load, broker, [ingest], ingest.received, programs=programs)
        parts.check(course, ingest)
        figures = course.figures()
        return figures | {"busy_afterwards_s": round(await _until_idle(bench.influx), 2)} | await parts.proof(ingest, load)


async def _until_idle(influx: Influx) -> float:
    """Seconds until it begins to do nothing more, as far as that is seen within ten minutes."""
    began = quiet_since = time.monotonic()
    last_s = influx.usage().cpu_s
    while (now := time.monotonic()) - quiet_since < _IDLE_S and now - began < _AT_MOST_S:
        await asyncio.sleep(_LOOK_S)
        used_s = influx.usage().cpu_s
        if used_s - last_s > _IDLE_SHARE * _LOOK_S:
            quiet_since = time.monotonic()
        last_s = used_s
    return quiet_since - began
