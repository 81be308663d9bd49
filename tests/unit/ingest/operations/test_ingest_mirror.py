"""What ingest mirrors of itself: ledger, gateways, dead letters, workers; on both databases."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, insert, update

from ingest.operations.metrics import Metrics
from ingest.operations.mirror import SeriesMirror
from ingest.operations.own_figures import Durations, read_figures
from ingest.patience import Patience, Stop
from ingest.projection.points import is_own
from ingest.tables import dead_letter, ledger_stream, worker_lease
from plumbline.inbox import gateway
from plumbline.series import MIRRORED, Point, SeriesUnavailableError
from tests.batches import SITE, MemoryStore

SECOND = 10**9
MINUTE = 60 * SECOND
NOW = 1_790_000_000 * SECOND
AT = NOW // MINUTE * MINUTE


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


class Recording(MemoryStore):
    """A store in memory that also remembers each call's points."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Point] = []

    async def write(self, points):
        self.taken += points
        return await super().write(points)


class Bench:
    """A mirror, its clock, its metrics and what it wrote."""

    def __init__(self, engine, *, worker="1", token="mine", sites=None) -> None:
        self.clock = Clock()
        self.store = Recording()
        self.metrics = Metrics(self.clock)
        self.mirror = SeriesMirror(
            engine=engine,
            store=self.store,
            sites={"yard": SITE} if sites is None else sites,
            stop=Stop(),
            metrics=self.metrics,
            patience=Patience(),
            still_since=lambda _key: NOW - 90 * SECOND,
            worker=lambda: worker,
            token=token,
            clock=self.clock,
        )

    async def write(self, measurement, *tags):
        """Write, and give what came of this measurement by the values of these tags."""
        self.store.taken.clear()
        await self.mirror.write()
        found = [point for point in self.store.taken if point.measurement == measurement]
        return {tuple(point.tags[tag] for tag in tags): point for point in found}


async def stream(engine, name, upto, *beyond, epoch="e1", first_seen=1, **counts):
    row = {"site": "yard", "gateway": name, "epoch": epoch, "event_class": "business", "first_seen": first_seen}
    row |= {"upto": upto, "beyond": msgspec.json.encode(beyond).decode(), "last_seen": NOW}
    async with engine.begin() as connection:
        await connection.execute(insert(ledger_stream).values(row | counts))


async def letter(engine, number, reason, **values):
    row = {"received_at": NOW, "topic": "t", "reason": reason, "detail": "", "payload": b"", "size": 0, "digest": str(number)}
    async with engine.begin() as connection:
        await connection.execute(insert(dead_letter).values(row | values))


async def test_the_ledger_counts_all_epochs_and_tells_the_watermark_of_the_newest(engine):
    await stream(engine, "gw", 10, (15, 20), received=16, duplicate=3, late=1)
    await stream(engine, "gw", 4, epoch="e2", first_seen=2, received=4, duplicate=1)
    await stream(engine, "holes", 5, (7, 9), received=6, dead=1, thinned=1)
    found = await Bench(engine).write("ledger", "gateway", "class")
    both, holes = found["gw", "business"].fields, found["holes", "business"].fields
    assert (both["received"], both["duplicate"], both["late"]) == (20.0, 4.0, 1.0)
    assert (both["missing"], both["watermark"], both["highest"], both["watermark_age_s"]) == (4.0, 4.0, 4.0, 0.0)
    assert (holes["missing"], holes["watermark"], holes["highest"], holes["watermark_age_s"]) == (1.0, 5.0, 9.0, 90.0)
    assert (holes["dead"], holes["thinned"], holes["lost"]) == (1.0, 1.0, 0.0)
    assert {point.at for point in found.values()} == {AT}


async def test_gateways_say_until_when_their_data_reach(engine):
    rows = [
        {"gateway": "gw", "online": True, "since": 1, "last_seen": NOW, "data_until": NOW - 90 * SECOND, "agent": "0.1"},
        {"gateway": "new", "online": False, "since": 1, "last_seen": NOW, "data_until": None, "agent": None},
    ]
    async with engine.begin() as connection:
        await connection.execute(insert(gateway), [{"site": "yard"} | row for row in rows])
    found = await Bench(engine).write("gateway", "gateway")
    assert found["gw",].fields == {
        "online": 1.0,
        "last_seen": NOW / 1e6,
        "data_until": (NOW - 90 * SECOND) / 1e6,
        "data_age_s": 90.0,
        "agent": "0.1",
    }
    assert found["new",].fields == {"online": 0.0, "last_seen": NOW / 1e6}


async def test_piles_of_dead_letters_are_counted_and_said_to_be_empty_when_they_are_gone(engine):
    bench = Bench(engine)
    found = await bench.write("dead_letter", "site", "reason")
    assert {place: point.fields for place, point in found.items()} == {("yard", "none"): {"waiting": 0.0, "replayed": 0.0}}
    bench.clock.now += MINUTE
    await letter(engine, 1, "over_budget", site="yard")
    await letter(engine, 2, "over_budget", site="yard", replayed_at=NOW)
    await letter(engine, 3, "unreadable")
    await letter(engine, 4, "unreadable", site="a-name-from-outside")
    found = await bench.write("dead_letter", "site", "reason")
    assert found["yard", "over_budget"].fields == {"waiting": 1.0, "replayed": 1.0}
    assert found["unknown", "unreadable"].fields == {"waiting": 2.0, "replayed": 0.0}
    assert len(found) == 2
    async with engine.begin() as connection:
        await connection.execute(delete(dead_letter).where(dead_letter.c.reason == "unreadable"))
        await connection.execute(update(dead_letter).values(replayed_at=NOW))
    bench.clock.now += MINUTE
    found = await bench.write("dead_letter", "site", "reason")
    assert found["yard", "over_budget"].fields == {"waiting": 0.0, "replayed": 2.0}
    assert found["unknown", "unreadable"].fields == {"waiting": 0.0, "replayed": 0.0}


async def test_what_all_workers_know_is_written_once_a_minute_by_the_one_that_has_its_name_longest(engine):
    await stream(engine, "gw", 1, received=1)
    lease = {"process": "p", "host": "h", "pid": 1, "seen_at": NOW}
    rows = [("1", "old", 10, NOW - 31 * SECOND), ("2", "mine", 20, NOW), ("3", "third", 30, NOW)]
    async with engine.begin() as connection:
        for name, token, since, seen_at in rows:
            row = lease | {"name": name, "token": token, "since": since, "seen_at": seen_at}
            await connection.execute(insert(worker_lease).values(row))
    first, second = Bench(engine, worker="2"), Bench(engine, worker="3", token="third")
    assert await first.write("ledger", "gateway")
    assert not await second.write("ledger", "gateway")
    first.clock.now += SECOND
    assert not await first.write("ledger", "gateway")
    first.clock.now += MINUTE
    async with engine.begin() as connection:
        await connection.execute(update(worker_lease).where(worker_lease.c.token == "mine").values(seen_at=first.clock.now))
    assert await first.write("ledger", "gateway")


async def test_a_worker_says_what_it_did_since_it_said_so_last(engine):
    bench = Bench(engine, sites={"yard": SITE, "quay": SITE})
    found = await bench.write("ingest", "site", "worker")
    assert set(found) == {("yard", "1"), ("quay", "1")}
    assert found["yard", "1"].fields == {"queue": 0.0, "store_errors": 0.0}
    bench.metrics.events.labels("business", "received").inc(40)
    bench.metrics.events.labels("telemetry", "duplicate").inc(10)
    bench.metrics.events.labels("telemetry", "late").inc(10)  # of the received
    bench.metrics.retries.labels("series").inc(2)
    bench.metrics.retries.labels("broker").inc()
    bench.metrics.queue_messages.labels("business").set(7)
    bench.metrics.commit_seconds.labels("business").observe(0.02)
    bench.metrics.newest("telemetry", NOW)
    bench.clock.now += 10 * SECOND
    told = (await bench.write("ingest", "site"))["yard",].fields
    assert 0.01 < told.pop("commit_p99_s") <= 0.03
    assert told == {"events_per_s": 5.0, "lag_s": 10.0, "queue": 7.0, "store_errors": 2.0}
    bench.clock.now += 10 * SECOND
    told = (await bench.write("ingest", "site"))["yard",].fields
    assert told == {"events_per_s": 0.0, "lag_s": 20.0, "queue": 7.0, "store_errors": 2.0}


async def test_a_mistake_in_it_ends_nothing_and_a_store_that_is_away_is_told(engine, monkeypatch):
    bench = Bench(engine)
    monkeypatch.setattr("ingest.operations.mirror.ledger_points", lambda *_: 1 / 0)
    assert await bench.mirror._attempt() == 0
    monkeypatch.undo()
    bench.store.down = True
    with pytest.raises(SeriesUnavailableError):
        await bench.mirror._attempt()
    bench.store.down = False
    assert await bench.mirror._attempt() == 2


async def test_no_device_may_call_a_measurement_as_what_is_mirrored_is_called(engine):
    bench = Bench(engine)
    await stream(engine, "gw", 1, received=1)
    async with engine.begin() as connection:
        await connection.execute(insert(gateway).values(site="yard", gateway="gw", online=True, since=1, last_seen=NOW))
    await bench.mirror.write()
    mirrored = {point.measurement for point in bench.store.taken}
    assert mirrored == {"gateway", "ledger", "dead_letter", "ingest"}
    assert mirrored < MIRRORED
    assert all(map(is_own, MIRRORED))


@given(times=st.lists(st.floats(0, 20), min_size=1, max_size=200), share=st.floats(0.01, 1))
def test_a_quantile_lies_in_the_bucket_of_the_one_it_is_of(times, share):
    metrics = Metrics()
    for time in times:
        metrics.commit_seconds.labels("business").observe(time)
    counts = read_figures(metrics.registry, 0).commits
    exact = sorted(times)[max(0, -int(-share * len(times) // 1) - 1)]
    bounds = [bound for bound in sorted(counts.counts) if bound != float("inf")]
    upper = next((bound for bound in bounds if exact <= bound), bounds[-1])
    lower = max((bound for bound in bounds if bound < min(exact, bounds[-1])), default=0.0)
    assert lower <= counts.quantile(share) <= upper


def test_without_durations_there_is_no_quantile():
    assert Durations({}).quantile(0.99) is None
    assert Durations({1.0: 0.0, float("inf"): 0.0}).quantile(0.99) is None
    assert Durations({float("inf"): 3.0}).quantile(0.99) == 0.0
