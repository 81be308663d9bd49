"""What the figures are held against: the goals of issue 5, and whether a run reached them."""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, cast

Sense = Literal["at least", "at most"]
Figures = Mapping[str, Any]


class Goal(NamedTuple):
    """Where a figure should be: by itself, or divided by the one beside it. Figures are named by their path, with dots."""

    title: str
    ours: str
    sense: Sense
    goal: float
    beside: str | None = None


class Verdict(NamedTuple):
    """What became of a goal."""

    title: str
    ours: float
    beside: float | None
    ratio: float | None
    sense: Sense
    goal: float
    reached: bool


def _beside_node_red(per_message: int, times: float) -> tuple[Goal, ...]:
    ours, theirs = (f"peers.{per_message}_a_message.{who}" for who in ("ingest", "node_red"))
    what = f"{per_message} event{'s' * (per_message > 1)} a message, beside Node-RED"
    return (
        Goal(f"events/s, {what}", f"{ours}.events_per_s", "at least", times, f"{theirs}.events_per_s"),
        Goal(
            f"CPU µs per event, {what}",
            f"{ours}.cpu_us_per_event.consumer",
            "at most",
            0.1,
            f"{theirs}.cpu_us_per_event.consumer",
        ),
    )


GOALS: Final = (
    Goal(
        "backlog into InfluxDB beside the limit in a burst, events/s", "backlog.events_per_s", "at least", 0.7, "limit.best_2"
    ),
    Goal(
        "backlog into InfluxDB beside the sustained limit, events/s",
        "sustained.ingest.events_per_s",
        "at least",
        0.7,
        "sustained.limit.points_per_s",
    ),
    Goal("live beside a publisher, events/s", "live.events_per_s", "at least", 80_000),
    Goal("backlog into the embedded store, one core, events/s", "embedded.events_per_s", "at least", 150_000),
    *_beside_node_red(1, 3.0),
    *_beside_node_red(50, 2.0),
    Goal("lost when ingest is killed", "peers.loss.ingest.killed.lost", "at most", 0),
    Goal("lost when InfluxDB is away for 4 s", "peers.loss.ingest.away.lost", "at most", 0),
    Goal("ingest's CPU µs per event, backlog", "backlog.cpu_us_per_event.ingest", "at most", 10),
    Goal("ingest's CPU µs per event, live", "live.cpu_us_per_event.ingest", "at most", 10),
    Goal("commit p99 at half of the maximum, ms", "latency.p99_ms", "at most", 300),
    Goal("memory, highest, MB", "memory.rss_mb.highest", "at most", 250),
    Goal("memory, growth over the run, MB", "memory.rss_mb.growth", "at most", 10),
    Goal("memory with the embedded store, highest, MB", "embedded-memory.rss_mb.highest", "at most", 250),
    Goal("memory with the embedded store, growth over the run, MB", "embedded-memory.rss_mb.growth", "at most", 10),
)


def judge(figures: Figures) -> list[Verdict]:
    """The goals for which this run has figures, in the order of the issue."""
    verdicts: list[Verdict] = []
    for title, path, sense, goal, path_beside in GOALS:
        ours = _figure(figures, path)
        beside = None if path_beside is None else _figure(figures, path_beside)
        if ours is None or (path_beside is not None and not beside):
            continue
        ratio = ours / beside if beside else None
        judged = ours if ratio is None else ratio
        reached = judged >= goal if sense == "at least" else judged <= goal
        verdicts.append(Verdict(title, ours, beside, None if ratio is None else round(ratio, 3), sense, goal, reached))
    return verdicts


def _figure(figures: Figures, path: str) -> float | None:
    found: Any = figures
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = cast("Figures", found)[name]
    return found if isinstance(found, int | float) else None
