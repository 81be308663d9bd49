"""What Prometheus is told of ingest: names, meanings, and the few calls by which the pipeline fills them.

`docs/operations.md` lists every metric; a test holds the two together. Labels are few and bounded: classes, outcomes, stages,
reasons, dependencies. Gateways are named only by `ingest.operations.standing`, which bounds them too.
"""

import time
from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from plumbline.event import EventClass

_SECONDS: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
#: Groups hold up to some ten thousand events.
_SIZES: Final = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000)


class Metrics:
    """The counters of one service, in a registry of their own so that several services fit into one process."""

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self.registry = CollectorRegistry()
        self.messages = Counter(
            "plumbline_ingest_messages", "MQTT messages with events that arrived.", ["class"], registry=self.registry
        )
        self.message_bytes = Counter(
            "plumbline_ingest_message_bytes", "Bytes of those messages, as they came.", ["class"], registry=self.registry
        )
        self.events = Counter(
            "plumbline_ingest_events",
            "Events committed, by what became of them: received, duplicate, late (of the received), dead, thinned, lost.",
            ["class", "outcome"],
            registry=self.registry,
        )
        self.letters = Counter("plumbline_ingest_dead_letters", "Dead letters kept.", ["reason"], registry=self.registry)
        self.retries = Counter(
            "plumbline_ingest_retries",
            "Tries that failed because something was away: series, database, broker.",
            ["what"],
            registry=self.registry,
        )
        self.commit_seconds = Histogram(
            "plumbline_ingest_commit_seconds",
            "From taking up a group of messages to its commit.",
            ["class"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.stage_seconds = Histogram(
            "plumbline_ingest_stage_seconds",
            "What a group spends in each stage: open (decode and check), points (the series store), sql (ledger, inbox, commit).",
            ["class", "stage"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.arrival_seconds = Histogram(
            "plumbline_ingest_arrival_to_commit_seconds",
            "From the arrival of a group's oldest message to its commit.",
            ["class"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.group_messages = Histogram(
            "plumbline_ingest_group_messages",
            "Messages committed together.",
            ["class"],
            buckets=_SIZES[:8],
            registry=self.registry,
        )
        self.group_events = Histogram(
            "plumbline_ingest_group_events", "Events committed together.", ["class"], buckets=_SIZES, registry=self.registry
        )
        self.queue_messages = Gauge(
            "plumbline_ingest_queue_messages",
            "Messages taken from the broker and not committed yet.",
            ["class"],
            registry=self.registry,
        )
        self.queue_bytes = Gauge("plumbline_ingest_queue_bytes", "Bytes of those messages.", ["class"], registry=self.registry)
        self.connected = Gauge(
            "plumbline_ingest_connected", "1 while the connection to the broker stands.", ["connection"], registry=self.registry
        )
        self.asked = Counter(
            "plumbline_ingest_gaps_asked",
            "Requests for missing numbers that this worker sent to gateways.",
            ["class"],
            registry=self.registry,
        )
        self.registry_version = Gauge(
            "plumbline_ingest_registry_version",
            "Version of the sites and devices known; counts up with each reload.",
            registry=self.registry,
        )
        self.site_files_wrong = Gauge(
            "plumbline_ingest_site_files_wrong",
            "1 where the site files of now have a mistake and those of before are in force.",
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)
        self._lag = _Lag(clock)
        self.registry.register(self._lag)

    def committed(self) -> int:
        """Events that this service has committed, whatever became of them."""
        return int(sum(self._sum(self.events, outcome=name) for name in ("received", "duplicate", "dead")))

    def queued(self) -> int:
        """Messages taken from the broker and not committed."""
        return int(self._sum(self.queue_messages))

    @staticmethod
    def _sum(metric: Counter | Gauge, **labels: str) -> float:
        samples = (sample for family in metric.collect() for sample in family.samples)
        return sum(
            sample.value
            for sample in samples
            if not sample.name.endswith("_created") and labels.items() <= sample.labels.items()
        )

    def newest(self, event_class: EventClass, at_ns: int) -> None:
        """An event of that time was committed: lag is counted from the newest."""
        self._lag.newest[event_class] = max(self._lag.newest.get(event_class, 0), at_ns)


class _Lag(Collector):
    """Seconds between now and the newest event time committed: computed when asked, absent until something came."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.newest: dict[EventClass, int] = {}

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(
            "plumbline_ingest_lag_seconds",
            "Now minus the newest event time that this worker committed; grows where nothing comes.",
            labels=["class"],
        )
        now = self._clock()
        for event_class, at_ns in sorted(self.newest.items()):
            family.add_metric([event_class], (now - at_ns) / 1e9)
        yield family
