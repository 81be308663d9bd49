"""Several workers of ingest that share a subscription and a PostgreSQL, as they run on a machine with more than one core."""

from collections.abc import Mapping
from typing import Any

from plumbline.bench.ingest import parts
from plumbline.bench.ingest.bench import Bench
from plumbline.bench.ingest.consumers import RECEIVED, Ingest
from plumbline.bench.ingest.load import Load
from plumbline.bench.ingest.postgresql import AWAY, PostgreSql
from plumbline.bench.processes import Program
from plumbline.errors import PlumblineError


async def workers(bench: Bench, loads: Mapping[str, Load], most: int) -> dict[str, Any]:
    """Each load, drained by one worker and by `most`; what one did stands beside what several did."""
    postgresql = PostgreSql()
    try:
        async with postgresql:
            return {
                name: {
                    f"{count}_worker{'s' * (count > 1)}": await _drained(bench, load, postgresql, count)
                    for count in sorted({1, most})
                }
                for name, load in loads.items()
            }
    finally:
        postgresql.remove()


async def _drained(bench: Bench, load: Load, postgresql: PostgreSql, count: int) -> dict[str, Any]:
    async with bench.database() as database, bench.broker() as broker:
        await postgresql.create(database)
        crew = [
            Ingest(
                bench.folder("worker"),
                broker_port=broker.port,
                series=f"influx:http://127.0.0.1:{bench.influx.port}/{database}",
                site_file=load.site_file(),
                database=postgresql.url(database),
                worker=f"bench-{number}",
            )
            for number in range(1, count + 1)
        ]

        async def received() -> int:
            try:
                return int(await postgresql.ask(database, RECEIVED))
            except AWAY:  # the table is not there yet
                return 0

        programs: Mapping[str, Program] = {f"worker_{number}": worker for number, worker in enumerate(crew, 1)}
        servers: Mapping[str, Program] = {"broker": broker, "influxd": bench.influx}
        course = await parts.drained(bench, load, broker, crew, received, programs={**programs, **servers})
        parts.check(course, crew[0])
        figures = course.figures()
        figures["cpu_us_per_event"]["ingest"] = round(sum(figures["cpu_us_per_event"][name] for name in programs), 2)
        points = await bench.influx.count(database)
        if points != load.events:
            raise PlumblineError(f"bench: InfluxDB has {points} of {load.events} points that {count} workers took")
        return figures | await parts.proof(crew[0], load) | {"points": points}
