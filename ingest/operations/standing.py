"""How each gateway stands, for Prometheus: what is missing, how old its watermark is, when anything of it was committed last.

Read from the ledger every few seconds, so that all workers say the same. Gateways are named up to a limit, those that were
heard of first; the rest share the label `other` (the worst of their ages, the sum of what they miss).
"""

import time
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, cast

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import RowMapping, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ingest.operations.metrics import Metrics
from ingest.patience import Patience, Stop
from ingest.tables import COUNTS, ledger_stream
from ingest.upsert import is_postgresql
from plumbline.delivery import StreamKey
from plumbline.event import EventClass

#: Gateways with labels of their own.
NAMED: Final = 100
#: How often the ledger is read.
EVERY_S: Final = 10.0
_OTHER: Final = ("other", "other")
#: Streams looked at: those that were heard last.
_MOST: Final = 20_000
_KEY: Final = ("site", "gateway", "epoch", "event_class")
#: What is settled, by the counters.
_SETTLED: Final = tuple(name for name in COUNTS if name not in {"duplicate", "late"})
#: Enough of the end of `beyond` to hold its last range.
_TAIL: Final = 64

_Labels = tuple[str, str, str]


class _Stream(NamedTuple):
    """How one stream stands."""

    key: StreamKey
    last_seen: int
    missing: int
    still_since: int | None


class Standing(Collector):
    """Reads how gateways stand until told to stop, and tells Prometheus.

    Args:
        engine: the SQL database.
        stop: ends it.
        metrics: where this is registered.
        patience: how long to wait for a database that is away.
        still_since: since when (ns) a stream with holes has not moved (`GapKeeper.still_since`).
        clock: UTC in ns.
        named: see `NAMED`.
    """

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        stop: Stop,
        metrics: Metrics,
        patience: Patience,
        still_since: Callable[[StreamKey], int | None],
        clock: Callable[[], int] = time.time_ns,
        named: int = NAMED,
    ) -> None:
        self._engine = engine
        self._stop = stop
        self._metrics = metrics
        self._patience = patience
        self._still_since = still_since
        self._clock = clock
        self._named = named
        self._names: dict[tuple[str, str], None] = {}
        self._streams: list[_Stream] = []
        metrics.registry.register(self)

    async def run(self) -> None:
        """Serve until told to stop."""
        while True:
            await self._patience.insist(
                self.look, task="standing", stop=self._stop, failed=lambda away: self._metrics.retries.labels(away).inc()
            )
            if await self._stop.pause(EVERY_S):
                return

    async def look(self) -> None:
        """Read the ledger once. Raises what `Patience.insist` waits out."""
        async with self._engine.connect() as connection:
            await connection.execution_options(read_only=True)
            rows = await _rows(connection)
        newest: dict[tuple[str, str], tuple[int, str]] = {}
        for row in rows:
            where = (row["site"], row["gateway"])
            newest[where] = max(newest.get(where, (0, "")), (row["first_seen"], row["epoch"]))
        streams: list[_Stream] = []
        for row in rows:
            if newest[row["site"], row["gateway"]][1] != row["epoch"]:
                continue  # an outbox that is gone: its holes are the ledger's business, nothing of it waits
            key = StreamKey(row["site"], row["gateway"], row["epoch"], cast("EventClass", row["event_class"]))
            missing = max(0, _highest(row) - sum(row[name] for name in _SETTLED))
            streams.append(_Stream(key, row["last_seen"], missing, self._still_since(key) if missing else None))
        self._names = {where: None for where in self._names if where in newest}
        for where in sorted(newest, key=lambda place: newest[place]):
            if len(self._names) < self._named:
                self._names[where] = None
        self._streams = streams

    def collect(self) -> Iterable[Metric]:
        """What was read last, with ages of now."""
        labels = ["site", "gateway", "class"]
        bounded = f"At most {self._named} gateways are named, the rest is 'other'."
        missing = GaugeMetricFamily(
            "plumbline_ingest_missing_numbers", f"Numbers below the highest that have not come. {bounded}", labels=labels
        )
        still = GaugeMetricFamily(
            "plumbline_ingest_watermark_age_seconds",
            f"Since when the watermark has not moved although something waits behind it; 0: nothing waits. {bounded}",
            labels=labels,
        )
        heard = GaugeMetricFamily(
            "plumbline_ingest_commit_age_seconds", f"Since when nothing of a gateway was committed. {bounded}", labels=labels
        )
        now = self._clock()
        worst: dict[_Labels, tuple[int, float, float]] = {}
        for stream in self._streams:
            where = (stream.key.site, stream.key.gateway)
            site, gateway = where if where in self._names else _OTHER
            label = (site, gateway, stream.key.event_class)
            known = worst.get(label, (0, 0.0, 0.0))
            still_s = 0.0 if stream.still_since is None else (now - stream.still_since) / 1e9
            worst[label] = (
                known[0] + stream.missing,
                max(known[1], still_s),
                max(known[2], (now - stream.last_seen) / 1e9),
            )
        for label, (lacking, still_s, silent_s) in sorted(worst.items()):
            missing.add_metric(label, lacking)
            still.add_metric(label, still_s)
            heard.add_metric(label, silent_s)
        return [missing, still, heard]


async def _rows(connection: AsyncConnection) -> list[RowMapping]:
    table = ledger_stream.c
    tail = func.right(table.beyond, _TAIL) if is_postgresql(connection) else func.substr(table.beyond, -_TAIL)
    columns = [table[name] for name in (*_KEY, "upto", "first_seen", "last_seen", *_SETTLED)]
    statement = select(*columns, tail.label("tail")).order_by(table.last_seen.desc()).limit(_MOST)
    return list((await connection.execute(statement)).mappings())


def _highest(row: RowMapping) -> int:
    """The highest number of a stream: the end of the last range beyond the watermark, or the watermark."""
    last = str(row["tail"]).rstrip("]").rpartition(",")[2].strip("[ ")
    return int(last) if last else int(row["upto"])
