"""The parts in order, each as far as it was asked for; a part that fails says so and leaves the others their turn."""

import os
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import httpx

from plumbline.bench.ingest import consumers, parts, peers, sustained
from plumbline.bench.ingest.bench import Bench
from plumbline.bench.ingest.consumers import Consumer
from plumbline.bench.ingest.goals import judge
from plumbline.bench.ingest.load import Load
from plumbline.errors import PlumblineError

#: Every part, in the order in which they run.
PARTS: Final = (
    *("limit", "sustained", "backlog", "live", "embedded", "workers", "node-red", "naive", "latency", "memory"),
    *("embedded-memory", "stages"),
)
#: Those that run where nothing else was asked for; the others take their time or a server more.
USUAL: Final = tuple(part for part in PARTS if part not in {"sustained", "workers", "embedded-memory"})
_PEERS: Final = {
    "node-red": ("node_red", consumers.node_red, peers.node_red),
    "naive": ("naive_python", consumers.naive_python, peers.naive_python),
}


class Own(Protocol):
    """What only ingest's own parts can tell; the command wires them in."""

    async def stages(self, folder: Path, load: Load, series: str) -> dict[str, float]:
        """CPU µs per event of each stage but MQTT's, writing into the series store of a URL."""
        ...

    async def points(self, file: Path) -> int:
        """How many points of the load are in a file of the embedded store."""
        ...


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much is sent in each part, in events."""

    limit: int = 500_000
    sustained: int | None = None
    """`None`: as many as the limit's burst would take in half a minute."""
    backlog: int = 500_000
    live: int = 800_000
    embedded: int = 500_000
    single: int = 100_000
    """Beside the peers, an event a message."""
    fifty: int = 300_000
    """Beside the peers, fifty events a message."""
    loss: int = 16_000
    loss_per_s: int = 2_000
    latency_s: float = 12.0
    """How long the steady flow lasts."""
    memory: int = 2_000_000
    stages: int = 50_000
    workers: int = 2
    """Not events: so many workers stand beside one."""

    @classmethod
    def of(cls, events: int) -> "Sizes":
        """The same size for whatever ingest does alone."""
        stages = min(events, cls.stages)
        return cls(limit=events, sustained=events, backlog=events, live=events, embedded=events, memory=events, stages=stages)


async def measure(folder: Path, *, only: Collection[str], sizes: Sizes, say: Callable[[str], None], own: Own) -> dict[str, Any]:
    """Run the parts named in `only`; figures as a table of tables, `goals` among them, and `failed`: what went wrong where."""
    run = _Run(sizes, set(only), own)
    async with Bench(folder, say) as bench:
        for part in PARTS:
            if part not in run.only:
                continue
            say(f"part {part}")
            try:
                await run.part(bench, part)
            except (PlumblineError, OSError, httpx.HTTPError) as error:
                run.failed[part] = str(error) or type(error).__name__
                say(f"part {part} failed: {error}")
    run.figures["goals"] = [verdict._asdict() for verdict in judge(run.figures)]
    run.figures["failed"] = run.failed
    return run.figures


class _Run:
    """What was measured so far."""

    def __init__(self, sizes: Sizes, only: set[str], own: Own) -> None:
        self.only = only
        self.figures: dict[str, Any] = {"cores": os.cpu_count(), "sizes": asdict(sizes)}
        self.failed: dict[str, str] = {}
        self._sizes = sizes
        self._own = own

    async def part(self, bench: Bench, part: str) -> None:
        """Run one part."""
        sizes = self._sizes
        match part:
            case "limit":
                self.figures[part] = await parts.limit(bench, Load(events=sizes.limit))
            case "backlog":
                self.figures[part] = await parts.backlog(bench, Load(events=sizes.backlog))
            case "live":
                self.figures[part] = await parts.live(bench, Load(events=sizes.live))
            case "embedded":
                cores = sorted(os.sched_getaffinity(0))
                core = cores[-1] if len(cores) > 1 else None
                self.figures[part] = await parts.embedded(
                    bench, Load(events=sizes.embedded), core=core, points=self._own.points
                )
            case "latency":
                self.figures[part] = await self._latency(bench)
            case "sustained":
                self.figures[part] = await self._sustained(bench)
            case "workers":
                from plumbline.bench.ingest import shared  # noqa: PLC0415 - asyncpg comes with the server's packages only

                loads = {
                    "100_a_message": Load(events=sizes.backlog),
                    "50_a_message": Load(events=sizes.fifty, per_message=50, compress=False),
                    "1_a_message": Load(events=sizes.single, per_message=1, compress=False),
                }
                self.figures[part] = await shared.workers(bench, loads, sizes.workers)
            case "memory" | "embedded-memory":
                figures = await parts.live(bench, Load(events=sizes.memory), embedded=part == "embedded-memory")
                self.figures[part] = figures | {"rss_mb": figures.pop("memory")}
            case "stages":
                self.figures[part] = {f"{size}_a_message": await self._stages(bench, size) for size in (100, 1)}
            case _:
                await self._peer(bench, part)

    async def _sustained(self, bench: Bench) -> dict[str, Any]:
        """The bare loop and ingest over as many points; how many, and in which form, the burst tells, which comes first."""
        if "limit" not in self.figures:
            await self.part(bench, "limit")
        burst = self.figures["limit"]
        points = self._sizes.sustained or round(burst["best_2"] * sustained.LONG_S)
        packed = burst["gzip_2"]["points_per_s"] > burst["plain_2"]["points_per_s"]
        load = Load(events=points)
        bare = await sustained.limit(bench, load, packed=packed)
        bare["of_burst"] = round(bare["points_per_s"] / burst["best_2"], 3)
        return {"limit": bare, "ingest": await sustained.backlog(bench, load)}

    async def _latency(self, bench: Bench) -> dict[str, Any]:
        """At half of what this run sustained; where it did not measure that, a short run of it comes first."""
        if "live" not in self.figures:
            await self.part(bench, "live")
        half = self.figures["live"]["events_per_s"] / 2
        events = max(100, round(half * self._sizes.latency_s))
        return await parts.latency(bench, Load(events=events), events_per_s=half)

    async def _stages(self, bench: Bench, per_message: int) -> dict[str, Any]:
        load = Load(events=self._sizes.stages, per_message=per_message)
        async with bench.database() as database:
            url = f"influx:http://127.0.0.1:{bench.influx.port}/{database}"
            took = {"mqtt": await parts.receiving(bench, load)} | await self._own.stages(bench.folder("stages"), load, url)
        return {"cpu_us_per_event": took | {"together": round(sum(took.values()), 2)}}

    async def _peer(self, bench: Bench, part: str) -> None:
        """A peer on the messages that it can read, and ingest on the same, once for all peers."""
        name, make, install = _PEERS[part]
        peer = make(install(bench.say))
        compared: dict[str, Any] = self.figures.setdefault("peers", {})
        for events, per_message in ((self._sizes.single, 1), (self._sizes.fifty, 50)):
            load = Load(events=events, per_message=per_message, compress=False)
            both: dict[str, Any] = compared.setdefault(f"{per_message}_a_message", {})
            if "ingest" not in both:
                ours = consumers.ingest(load.site_file())
                both["ingest"] = await parts.sustained(bench, ours, load, ours=True)
            both[name] = await parts.sustained(bench, peer, load, ours=False)
        lost: dict[str, Any] = compared.setdefault("loss", {})
        if "ingest" not in lost:
            lost["ingest"] = await self._loss(bench, consumers.ingest(Load(events=0).site_file()))
        lost[name] = await self._loss(bench, peer)

    async def _loss(self, bench: Bench, make: Consumer) -> dict[str, Any]:
        sizes = self._sizes
        found: dict[str, Any] = {}
        for trouble in ("killed", "away"):
            load = Load(events=sizes.loss, per_message=1, compress=False)
            found[trouble] = await parts.loss(bench, make, load, trouble=trouble, events_per_s=sizes.loss_per_s)
        return found
