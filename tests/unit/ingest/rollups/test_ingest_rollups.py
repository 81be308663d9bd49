"""Rollups follow what was settled, whatever happens on the way: late readings, repetitions, workers that die, several of them."""

import contextlib
import math
import random
from collections import defaultdict
from itertools import product

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select

from ingest import deadletters, migrate
from ingest.operations.metrics import Metrics
from ingest.patience import Patience, Stop
from ingest.pipeline import Pipeline
from ingest.receiving.parcel import open_parcel
from ingest.rollups import Keep, Roller, roller
from ingest.rollups.keeping import DAY_NS, Keeper
from ingest.rollups.marks import MOST_MINUTES, Mark, marks_of, ranges
from ingest.rollups.tables import rollup_mark, rollup_series
from ingest.series.embedded import EmbeddedStore
from ingest.series.influx_server import QueryRefusedError
from ingest.tables import worker_lease
from plumbline.rollup import COVER, HOUR, MINUTE_NS, SPANS, is_rolled, rolled
from plumbline.series import SeriesUnavailableError
from tests import databases
from tests.batches import NOON, SITE, batch, fix, health, reading

NOW = NOON + 4 * HOUR.ns


class Place:
    """An ingest without MQTT on a DuckDB file: workers with pipelines and rollers on one database."""

    def __init__(self, engine, store) -> None:
        self.engine, self.store = engine, store
        self.now = NOW
        self.seq = 0

    def worker(self, name="one"):
        common = {"engine": self.engine, "metrics": Metrics(), "clock": lambda: self.now}
        pipeline = Pipeline(
            **common, store=self.store, sites={"yard": SITE}, event_class="telemetry", retention=deadletters.Retention()
        )
        return pipeline, Roller(**common, store=self.store, token=name, stop=Stop(), patience=Patience(), settle_s=0)

    async def send(self, pipeline, *events):
        messages = [batch(events)]
        return await pipeline.commit(
            [open_parcel(*m, sites={"yard": SITE}, received_at=self.now, ack=lambda: None) for m in messages]
        )

    def readings(self, *minutes, value=1.0, device="node", measurement="environment"):
        """One reading a minute, with numbers that were never sent."""
        made = []
        for minute in minutes:
            self.seq += 1
            made.append(
                msgspec.structs.replace(
                    reading(self.seq),
                    at=NOON + int(minute * MINUTE_NS),
                    device=device,
                    measurement=measurement,
                    values={"t": value},
                )
            )
        return made

    async def marks(self):
        async with self.engine.connect() as connection:
            return sorted(tuple(row) for row in await connection.execute(select(rollup_mark)))

    async def held(self):
        """The rollups as they are stored, and as the raw points say they should be."""
        asked = {"start": NOON - HOUR.ns, "end": NOON + 6 * HOUR.ns}
        raw = await self.store.history("yard", "environment", "t", **asked, every_ns=1)
        stored, right = [], []
        for span in SPANS:
            values = defaultdict(list)
            for point in raw:
                values[point.device, span.floor(point.start)] += [point.mean] * point.samples
            for (device, at), own in sorted(values.items()):
                right.append((span.name, device, at, round(math.fsum(own) / len(own), 9), min(own), max(own), len(own)))
            found = [
                await self.store.history("yard", rolled("environment", span), f"t_{word}", **asked, every_ns=span.ns)
                for word in ("mean", "min", "max", "count")
            ]
            stored += [
                (span.name, mean.device, mean.start, round(mean.mean, 9), low.mean, high.mean, int(count.mean))
                for mean, low, high, count in zip(*found, strict=True)
            ]
        return stored, right


@pytest.fixture
async def place(database_url, tmp_path, monkeypatch):
    monkeypatch.setattr("ingest.rollups.marks.TRUST_S", 0.0)  # and rounds look at once
    engine = await databases.opened(database_url, migrate)
    async with EmbeddedStore(tmp_path / "series.duckdb") as store:
        yield Place(engine, store)
    await engine.dispose()


async def finish(roller):
    while await roller.round():
        pass


async def test_a_round_computes_what_was_settled_and_unmarks_it(place):
    pipeline, roller = place.worker()
    await place.send(pipeline, *place.readings(0, 0.5, 1, 16, 61))
    assert len(await place.marks()) == 4
    assert await roller.round() is False
    stored, right = await place.held()
    assert stored == right
    assert len([row for row in stored if row[0] == "1h"]) == 2
    assert await place.marks() == []


async def test_late_readings_of_a_minute_that_was_computed_mark_it_again(place):
    pipeline, roller = place.worker()
    await place.send(pipeline, *place.readings(0, 1))
    await place.send(pipeline, *place.readings(0.2))
    await roller.round()
    await place.send(pipeline, *place.readings(0.3, value=5.0))
    assert [row[2] for row in await place.marks()] == [NOON // MINUTE_NS]
    await roller.round()
    stored, right = await place.held()
    assert stored == right
    assert ("1m", "node", NOON, pytest.approx(7 / 3), 1.0, 5.0, 3) in stored


async def test_the_round_is_looked_up_again_when_it_may_have_changed(place, monkeypatch):
    pipeline, worker = place.worker()
    seconds = [0.0]
    monkeypatch.setattr("ingest.rollups.marks.TRUST_S", 0.5)
    monkeypatch.setattr("ingest.rollups.marks.monotonic", lambda: seconds[0])
    await place.send(pipeline, *place.readings(0))
    await worker.round()
    seconds[0] = 0.4
    await place.send(pipeline, *place.readings(0.1))
    assert await place.marks() == [], "the round of before is believed; a real one would not have looked yet"
    seconds[0] = 0.6
    await place.send(pipeline, *place.readings(0.2))
    assert len(await place.marks()) == 1
    assert roller.SETTLE_S >= 2 * 0.5


async def test_what_is_marked_while_a_round_computes_is_computed_by_the_next(place, monkeypatch):
    pipeline, worker = place.worker()
    await place.send(pipeline, *place.readings(0))
    real = place.store.rolled
    late = place.readings(0.4, value=9.0)

    async def rolled_then_late(*args, **kwargs):
        points = await real(*args, **kwargs)
        if late:
            await place.send(pipeline, late.pop())
        return points

    monkeypatch.setattr(place.store, "rolled", rolled_then_late)
    await worker.round()
    assert len(await place.marks()) == 1
    await worker.round()
    stored, right = await place.held()
    assert stored == right
    assert await place.marks() == []


async def test_a_round_that_dies_anywhere_is_made_up_for(place, monkeypatch):
    pipeline, worker = place.worker()
    real = place.store.write
    await place.send(pipeline, *place.readings(*range(0, 70, 3)))
    for after in range(12):
        left = after

        async def failing(points):
            nonlocal left
            if left == 0:
                raise SeriesUnavailableError("away")
            left -= 1
            return await real(points)

        monkeypatch.setattr(place.store, "write", failing)
        with contextlib.suppress(SeriesUnavailableError):
            await worker.round()
        monkeypatch.setattr(place.store, "write", real)
        await place.send(pipeline, *place.readings(after * 5 + 0.5, value=float(after)))
        _, worker = place.worker()  # a new process with the same name
    await worker.round()
    stored, right = await place.held()
    assert stored == right
    assert await place.marks() == []


@pytest.mark.parametrize("seed", range(3))
async def test_several_workers_in_any_order_leave_the_rollups_of_what_was_settled(place, seed):
    chance = random.Random(seed)
    workers = [place.worker(f"w{i}") for i in range(3)]
    async with place.engine.begin() as connection:
        for i in range(3):
            lease = {"name": f"w{i}", "token": f"w{i}", "process": "p", "host": "h", "pid": 1, "since": 0, "seen_at": NOW}
            await connection.execute(insert(worker_lease).values(**lease))
    sent = []
    for _ in range(40):
        pipeline, worker = chance.choice(workers)
        if chance.random() < 0.3:
            place.now += chance.choice([0, 10, 100]) * 10**9
            await worker.round()
        elif chance.random() < 0.2 and sent:
            await place.send(pipeline, *chance.choice(sent))  # sent again: settled already
        else:
            minutes = [chance.uniform(0, 120) for _ in range(chance.choice([1, 3, 50]))]
            sent.append(place.readings(*minutes, value=chance.uniform(-9, 9), device=chance.choice(["node", "crane"])))
            await place.send(pipeline, *sent[-1])
    place.now += 3600 * 10**9
    await finish(workers[0][1])
    stored, right = await place.held()
    assert stored == right
    assert await place.marks() == []


async def test_one_worker_computes_until_it_is_silent_or_gone(place):
    (_, first), (_, second) = place.worker("first"), place.worker("second")
    async with place.engine.begin() as connection:
        lease = {"name": "1", "token": "first", "process": "p", "host": "h", "pid": 1, "since": 0, "seen_at": NOW}
        await connection.execute(insert(worker_lease).values(**lease))
    pipeline, _ = place.worker()
    assert await first.round() is False
    await place.send(pipeline, *place.readings(0))
    await second.round()
    assert len(await place.marks()) == 1, "the first may be at work"
    place.now += int((roller.LAPSE_S + 1) * 10**9)
    await second.round()
    assert await place.marks() == []


@pytest.mark.parametrize("fails", [False, True])
async def test_what_a_worker_writes_that_stood_still_and_was_given_up_does_not_stay(place, monkeypatch, fails):
    (pipeline, first), (_, second) = place.worker("first"), place.worker("second")
    real = place.store.write
    await place.send(pipeline, *place.readings(0, 16))

    async def standing_still(points):
        monkeypatch.setattr(place.store, "write", real)
        place.now += int((roller.LAPSE_S + 1) * 10**9)
        await place.send(pipeline, *place.readings(0.5, 16.5, value=9.0))
        await finish(second)
        assert await place.marks() == []
        refused = await real(points)  # read before those came
        if fails:
            raise SeriesUnavailableError("stored, but we were not told")
        return refused

    monkeypatch.setattr(place.store, "write", standing_still)
    with contextlib.suppress(SeriesUnavailableError):
        await first.round()
    await first.round()  # it does not compute now, and knows what it may have spoilt
    await finish(second)
    stored, right = await place.held()
    assert stored == right
    assert await place.marks() == []


async def test_readings_of_before_there_were_rollups_are_rolled_up_at_first_sight(place):
    pipeline, worker = place.worker()
    await place.send(pipeline, *place.readings(0, 20, 61))
    async with place.engine.begin() as connection:  # an ingest without rollups took them in
        await connection.execute(rollup_mark.delete())
    await place.send(pipeline, *place.readings(190))
    await worker.round()
    await worker.round()
    stored, right = await place.held()
    assert stored == right
    assert len([row for row in stored if row[0] == "1h"]) == 3


async def test_readers_are_told_before_when_rollups_are_complete(place):
    pipeline, worker = place.worker()
    await place.send(pipeline, *place.readings(0))

    async def until():
        (row,) = await place.store.history("yard", COVER, "until", start=0, end=1, every_ns=1) or [None]
        return row

    await worker.round()
    assert await place.store.rolled("yard", COVER, SPANS[0], start=0, end=MINUTE_NS)
    (point,) = await place.store.rolled("yard", COVER, SPANS[0], start=0, end=MINUTE_NS)
    assert point.tags == {"site": "yard", "of": "environment"}
    assert point.fields["until_last"] == (NOW - MINUTE_NS) / 1e6
    asked = {"start": NOON, "end": NOW, "every_ns": HOUR.ns}
    (bucket,) = await place.store.history("yard", "environment", "t", **asked)
    assert bucket.samples == 1


async def test_a_minute_whose_raw_points_are_deleted_keeps_its_rollups_when_readings_come_late(place):
    pipeline, worker = place.worker()
    await place.send(pipeline, *place.readings(0, 0.1, 0.2))
    await worker.round()
    place.now = NOON + 40 * DAY_NS
    keeper = Keeper(place.engine, place.store, Keep(raw_days=30, rollup_days=730))
    assert await keeper.tidy(place.now) > 0
    assert await keeper.tidy(place.now) == 0, "once a day"
    assert await place.store.earliest("yard", "environment") is None
    await place.send(pipeline, *place.readings(0.5, value=50.0))
    await worker.round()
    assert await place.marks() == []
    (row,) = await place.store.latest("yard", "environment_1h", NOON)
    assert (row.fields["t_count"], row.fields["t_max"]) == (3.0, 1.0)
    place.now = NOON + 800 * DAY_NS
    await keeper.tidy(place.now)
    assert await place.store.latest("yard", "environment_1h", 0) == []


async def test_a_store_that_cannot_delete_is_asked_once_a_day(place, monkeypatch):
    pipeline, worker = place.worker()
    await place.send(pipeline, *place.readings(0))
    await worker.round()
    asked = []

    async def refuse(measurement, before):
        asked.append(measurement)
        raise QueryRefusedError("DELETE is not supported")

    monkeypatch.setattr(place.store, "forget", refuse)
    keeper = Keeper(place.engine, place.store, Keep(30, 0))
    await keeper.tidy(NOON + 40 * DAY_NS)
    await keeper.tidy(NOON + 40 * DAY_NS + HOUR.ns)
    assert asked == ["environment", "position", "gateway_health"]


async def test_kept_for_ever_means_nothing_is_deleted(place):
    pipeline, worker = place.worker()
    await place.send(pipeline, *place.readings(0))
    await worker.round()
    assert await Keeper(place.engine, place.store, Keep(0, 0)).tidy(NOON + 9_000 * DAY_NS) == 0
    assert await place.store.earliest("yard", "environment") == NOON


async def test_a_measurement_that_the_store_will_not_compute_does_not_stop_the_others(place, monkeypatch):
    pipeline, worker = place.worker()
    await place.send(pipeline, *place.readings(0), *place.readings(0, measurement="concrete"))
    real = place.store.rolled

    async def picky(site, measurement, *args, **kwargs):
        if measurement == "concrete":
            raise QueryRefusedError("no")
        return await real(site, measurement, *args, **kwargs)

    monkeypatch.setattr(place.store, "rolled", picky)
    await worker.round()
    stored, right = await place.held()
    assert stored == right
    assert await place.marks() == []


async def test_fixes_and_health_mark_nothing(place):
    pipeline, _ = place.worker()
    await place.send(pipeline, fix(1), health(2))
    assert await place.marks() == []
    async with place.engine.connect() as connection:
        assert (await connection.execute(select(rollup_series))).all() == []


def test_wide_groups_mark_hours():
    readings = [msgspec.structs.replace(reading(1), at=NOON + i * MINUTE_NS) for i in range(MOST_MINUTES + 31)]
    hour = NOON // HOUR.ns
    assert marks_of(readings, {"yard"}) == {
        Mark("yard", readings[0].measurement, hour * 60, 60),
        Mark("yard", readings[0].measurement, hour * 60 + 60, 60),
    }


times = st.one_of(st.integers(0, 300), st.integers(-(10**6), 10**6))


@given(st.lists(st.tuples(times, st.sampled_from("ab"), st.sampled_from(["x", "y"])), min_size=1, max_size=80))
def test_every_reading_has_a_mark_over_its_minute(said):
    readings = [
        msgspec.structs.replace(reading(1), at=second * 10**9, measurement=name, site=site) for second, name, site in said
    ]
    marks = marks_of(readings, {site for _, _, site in said})
    for one in readings:
        minute = one.at // MINUTE_NS
        assert any(
            m.site == one.site and m.measurement == one.measurement and m.minute <= minute < m.minute + m.minutes for m in marks
        )
    assert all(m.minutes == 1 or m.minute % 60 == 0 for m in marks)


@given(st.sets(st.integers(-200, 200)))
def test_ranges_hold_all_minutes_and_stay_within_quarters(minutes):
    found = list(ranges(minutes))
    assert minutes <= {minute for first, behind in found for minute in range(first, behind)}
    assert all(first in minutes and behind - 1 in minutes and first // 15 == (behind - 1) // 15 for first, behind in found)
    assert found == sorted(found)


def test_names_of_rollups_are_known():
    for span, name in product(SPANS, ("environment", "x_1m")):
        assert is_rolled(rolled(name, span))
    assert not is_rolled("environment")
