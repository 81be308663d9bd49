"""What a worker's metrics say at one moment, as the few numbers that a board shows."""

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry

_COMMITTED: Final = ("received", "duplicate", "dead")
_STORES: Final = ("series", "database")


class Durations(NamedTuple):
    """A histogram: how many durations lie at or below each bound."""

    counts: Mapping[float, float]
    """Upper bound in seconds → durations up to it."""

    def since(self, before: "Durations") -> "Durations":
        """Those that came after `before`."""
        return Durations({bound: count - before.counts.get(bound, 0.0) for bound, count in self.counts.items()})

    def quantile(self, share: float) -> float | None:
        """The duration that this share of all does not exceed, read off within its bucket; `None`: there were none.

        Above the last finite bound it is that bound: more is not known.
        """
        bounds = sorted(self.counts)
        total = self.counts[bounds[-1]] if bounds else 0.0
        if total <= 0:
            return None
        wanted, low, below = share * total, 0.0, 0.0
        for bound in bounds:
            count = self.counts[bound]
            if count >= wanted and count > below:
                return low if math.isinf(bound) else low + (bound - low) * (wanted - below) / (count - below)
            low, below = (low if math.isinf(bound) else bound), count
        return low


class Figures(NamedTuple):
    """How a worker stands."""

    at: int
    """UTC, ns."""
    events: float
    """Committed since it started, whatever became of them."""
    lag_s: float | None
    """Now minus the newest event time that it committed; `None`: nothing came yet."""
    queue: float
    """Messages taken from the broker and not committed yet."""
    store_errors: float
    """Tries that failed since it started because the series store or the database was away."""
    commits: Durations
    """From taking up a group of messages to its commit, of both classes."""


def read_figures(registry: CollectorRegistry, at: int) -> Figures:
    """Read them off the metrics."""
    events = queue = errors = 0.0
    lags: list[float] = []
    commits: dict[float, float] = defaultdict(float)
    for family in registry.collect():
        for sample in family.samples:
            match sample.name:
                case "plumbline_ingest_events_total" if sample.labels["outcome"] in _COMMITTED:
                    events += sample.value
                case "plumbline_ingest_queue_messages":
                    queue += sample.value
                case "plumbline_ingest_retries_total" if sample.labels["what"] in _STORES:
                    errors += sample.value
                case "plumbline_ingest_lag_seconds":
                    lags.append(sample.value)
                case "plumbline_ingest_commit_seconds_bucket":
                    commits[float(sample.labels["le"])] += sample.value
                case _:
                    pass
    return Figures(at, events, min(lags, default=None), queue, errors, Durations(dict(commits)))
