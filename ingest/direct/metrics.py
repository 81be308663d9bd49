"""What Prometheus is told of direct devices."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from ingest.direct.intake import Intake
from ingest.direct.messages import Taken


class DirectMetrics:
    """Counters beside those of the pipeline, which counts these events as every other."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._messages = Counter(
            "plumbline_ingest_direct_messages",
            "Messages of direct devices, by what became of them: taken (qos0, retained: of them), redelivered.",
            ["site", "gateway", "outcome"],
            registry=registry,
        )
        self._listening = Gauge(
            "plumbline_ingest_direct_listening",
            "Whether this worker hears the devices (1); of all workers one does.",
            ["site", "gateway"],
            registry=registry,
        )

    def count(self, site: str, gateway: str, taken: Taken) -> None:
        """Messages were taken."""
        for outcome, count in (
            ("taken", taken.messages),
            ("redelivered", taken.redelivered),
            ("qos0", taken.qos0),
            ("retained", taken.retained),
        ):
            if count:
                self._messages.labels(site, gateway, outcome).inc(count)

    def follow(self, site: str, gateway: str, intake: Intake) -> None:
        """This worker holds the lane now."""
        self._listening.labels(site, gateway).set_function(lambda: float(intake.listening))
