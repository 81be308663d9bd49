"""What Prometheus is told of ingest."""

from prometheus_client import CollectorRegistry, Counter, Histogram


class Metrics:
    """The counters of one service, in a registry of their own so that several services fit into one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.messages = Counter(
            "plumbline_ingest_messages", "MQTT messages with events that arrived.", ["class"], registry=self.registry
        )
        self.events = Counter(
            "plumbline_ingest_events",
            "Events committed, by what became of them: received, duplicate, dead, thinned.",
            ["class", "outcome"],
            registry=self.registry,
        )
        self.letters = Counter("plumbline_ingest_dead_letters", "Dead letters kept.", ["reason"], registry=self.registry)
        self.retries = Counter(
            "plumbline_ingest_retries", "Tries that failed since a store was away.", ["what"], registry=self.registry
        )
        self.commit_seconds = Histogram(
            "plumbline_ingest_commit_seconds",
            "From taking up a group of messages to its commit.",
            ["class"],
            buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
            registry=self.registry,
        )
