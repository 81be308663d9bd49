"""How fast windows of heat are answered: real presence, real sums, both stores, beside counting the raw positions."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import httpx

from ingest.heat.projector import HeatProjector
from ingest.heat.record import Recorder
from ingest.migrate import migrate
from ingest.operations.metrics import Metrics
from ingest.patience import Patience, Stop
from ingest.registry.desks import Desks
from ingest.series.embedded import EmbeddedStore
from ingest.series.influx import InfluxStore
from plumbline.bench import heatmap
from plumbline.bench.figures import percentile
from plumbline.bench.heatmap import Round
from plumbline.database import open_engine
from plumbline.errors import PlumblineError
from plumbline.event import Event, Fix
from plumbline.series import HeatCell, Measured, Point, RefusedPoint, SeriesReader, SeriesWriter
from plumbline.site import SiteFile

GOAL_MS: Final = 100.0
_ASKED: Final = 60
_NAIVE_ASKED: Final = 3
_GROUP: Final = 20_000
_BATCH: Final = 20_000


class _Both:
    """One series store that is two."""

    def __init__(self, *stores: SeriesWriter) -> None:
        self._stores = stores

    async def write(self, points: Sequence[Point]) -> Sequence[RefusedPoint]:
        """Into each of them."""
        for refused in await asyncio.gather(*(store.write(points) for store in self._stores)):
            if refused:
                raise PlumblineError(f"bench: a point was refused: {refused[0].reason}")
        return ()


async def measure(
    folder: Path, influx_url: str, database: str, *, site: SiteFile, events: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Play the day, store it, ask. The database exists and is empty.

    Presence goes through the real arithmetic, table and projector; MQTT, codec and ledger are left out, they change no number.
    Raises `PlumblineError` where the stores disagree.
    """
    file = folder / "series.duckdb"
    site = heatmap.peopled(site)
    async with EmbeddedStore(file) as embedded, InfluxStore(influx_url, database) as influx:
        figures: dict[str, Any] = await _played(folder, _Both(embedded, influx), site, events, say)
        stores: dict[str, SeriesReader] = {"embedded": embedded, "influx": influx}
        figures |= {name: {} for name in stores}
        for window, asked in heatmap.windows(site, _ASKED).items():
            answers: dict[str, list[list[HeatCell]]] = {}
            for name, store in stores.items():
                answers[name], figures[name][window] = await _asked(store, site.id, asked)
            if answers["embedded"] != answers["influx"]:
                raise PlumblineError(f"bench: the two stores disagree about the heat of '{window}'")
            figures["cells"] = figures.get("cells", {}) | {window: max(len(one) for one in answers["embedded"])}
            say(f"{window} asked")
        figures["influx"]["naive"] = await _naive_influx(influx_url, database, site)
    figures["embedded"]["naive"] = await asyncio.to_thread(_naive_embedded, file, site)
    worst = max(figures[name][window]["p95_ms"] for name in stores for window in ("last_hour", "day_so_far", "whole_day"))
    return figures | {"goal_p95_ms": GOAL_MS, "worst_p95_ms": worst, "reached": worst < GOAL_MS}


async def _played(folder: Path, both: _Both, site: SiteFile, events: int, say: Callable[[str], None]) -> dict[str, Any]:
    """The day goes in; what it took."""
    engine = open_engine(f"sqlite:///{folder}/plumbline.db", durable=False)
    sites = {site.id: site}
    desks, recorder = Desks(sites), Recorder()
    projector = HeatProjector(engine=engine, store=both, sites=sites, stop=Stop(), metrics=Metrics(), patience=Patience())
    took = dict.fromkeys(("presence", "sql", "projector", "raw"), 0.0)
    total = rows = marks = 0
    try:
        await migrate(engine)
        for group in _groups(heatmap.day(site, events)):
            began = time.process_time()
            new = recorder.new(group, desks)
            took["presence"] += time.process_time() - began
            began = time.perf_counter()
            async with engine.begin() as connection:
                await recorder.record(connection, new)
            recorder.remember(new)
            took["sql"] += time.perf_counter() - began
            began = time.perf_counter()
            marks += await projector.project()
            took["projector"] += time.perf_counter() - began
            began = time.perf_counter()
            raw = _raw(site, group, total)
            for first in range(0, len(raw), _BATCH):
                await both.write(raw[first : first + _BATCH])
            took["raw"] += time.perf_counter() - began
            rows += sum(len(found.weights) for found in new.values())
            if total // 1_000_000 < (total + len(group)) // 1_000_000:
                say(f"{total + len(group):,} events")
            total += len(group)
        while await projector.project():
            pass
    finally:
        await engine.dispose()
    return {
        "events": total,
        "devices": len(site.devices),
        "presence_rows": rows,
        "marks": marks,
        "presence_cpu_us_per_event": round(took["presence"] / total * 1e6, 3),
        "sql_us_per_event": round(took["sql"] / total * 1e6, 3),
        "projector_us_per_event": round(took["projector"] / total * 1e6, 3),
        "raw_s": round(took["raw"], 1),
    }


def _groups(rounds: Iterable[Round]) -> Iterable[list[Event]]:
    group: list[Event] = []
    for one in rounds:
        group += one.fixes
        group += one.readings
        if len(group) >= _GROUP:
            yield group
            group = []
    if group:
        yield group


def _raw(site: SiteFile, group: Sequence[Event], number: int) -> list[Measured]:
    """Positions as who counts them would store them: with their cell as a tag, and times a few ns apart so that each stays."""
    grid = site.grid
    tags: dict[tuple[str, str], dict[str, str]] = {}
    points: list[Measured] = []
    for offset, event in enumerate(group):
        if type(event) is Fix:
            cell, source = str(grid.cell(event.lat, event.lon)), site.devices_by_id[event.device].source
            key = tags.setdefault((cell, source), {"site": site.id, "cell": cell, "source": source})
            points.append(Measured("position", key, {"lat": event.lat, "lon": event.lon}, event.at + (number + offset) % 1000))
    return points


async def _asked(
    store: SeriesReader, site: str, windows: Sequence[tuple[int, int]]
) -> tuple[list[list[HeatCell]], dict[str, float]]:
    answers: list[list[HeatCell]] = []
    seconds: list[float] = []
    for start, end in windows:
        began = time.perf_counter()
        answer = await store.heat(site, start, end)
        seconds.append(time.perf_counter() - began)
        answers.append(sorted(answer))
    ordered = sorted(seconds)
    return answers, {f"p{share}_ms": round(percentile(ordered, share / 100) * 1000, 1) for share in (50, 95)}


def _naive_windows(site: SiteFile) -> Mapping[str, tuple[int, int]]:
    return {name: some[0] for name, some in heatmap.windows(site, 1).items() if name != "day_so_far"}


async def _naive_influx(url: str, database: str, site: SiteFile) -> dict[str, float]:
    figures: dict[str, float] = {}
    async with httpx.AsyncClient(base_url=url, timeout=600, trust_env=False) as client:

        async def ask(start: int, end: int) -> None:
            query = (
                "SELECT COUNT(lat), MEAN(lat), MEAN(lon) FROM position"  # noqa: S608 - ours
                f" WHERE site = '{site.id}' AND time >= {start} AND time < {end} GROUP BY cell, source"
            )
            answer = await client.post("/query", params={"db": database, "epoch": "ns"}, data={"q": query})
            answer.raise_for_status()
            answer.json()

        for name, window in _naive_windows(site).items():
            figures[f"{name}_ms"] = await _median_ms(lambda window=window: ask(*window))
    return figures


async def _median_ms(ask: Callable[[], Awaitable[None]]) -> float:
    seconds: list[float] = []
    for _ in range(_NAIVE_ASKED):
        began = time.perf_counter()
        await ask()
        seconds.append(time.perf_counter() - began)
    return round(sorted(seconds)[_NAIVE_ASKED // 2] * 1000, 1)


def _naive_embedded(file: Path, site: SiteFile) -> dict[str, float]:
    figures: dict[str, float] = {}
    with duckdb.connect(str(file), read_only=True, config={"threads": 2}) as connection:
        row = connection.execute("SELECT id FROM measurement WHERE name = 'position'").fetchone()
        assert row is not None
        query = f"""
            SELECT s.cell, s.source, count(*), avg(n0), avg(n1) FROM m{row[0]} m JOIN series s ON s.id = m.series
            WHERE s.site = ? AND at_ns >= ? AND at_ns < ? GROUP BY ALL
            """  # noqa: S608 - ours
        for name, window in _naive_windows(site).items():
            seconds: list[float] = []
            for _ in range(_NAIVE_ASKED):
                began = time.perf_counter()
                connection.execute(query, [site.id, *window]).fetchall()
                seconds.append(time.perf_counter() - began)
            figures[f"{name}_ms"] = round(sorted(seconds)[_NAIVE_ASKED // 2] * 1000, 1)
    return figures
