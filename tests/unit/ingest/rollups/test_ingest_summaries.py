"""The minutes of watched metrics reach tracking: as they are, however late and often readings come."""

import pytest
from msgspec import structs
from sqlalchemy import insert, select, update

from ingest import deadletters, migrate
from ingest.operations.metrics import Metrics
from ingest.patience import Patience, Stop
from ingest.pipeline import Pipeline
from ingest.receiving.parcel import open_parcel
from ingest.rollups import Roller, roller
from ingest.rollups.tables import rollup_round
from ingest.series.embedded import EmbeddedStore
from plumbline.inbox import minute_summary, summary_count, watched
from plumbline.rollup import HOUR, MINUTE, MINUTE_NS
from tests import databases
from tests.batches import NOON, SITE, batch, reading

NOW = NOON + 4 * HOUR.ns
FIRST = NOON // MINUTE_NS


class Ingest:
    """Pipelines and rollers without MQTT, on a DuckDB file."""

    def __init__(self, engine, store) -> None:
        self.engine, self.store, self.seq = engine, store, 0
        common = {"engine": engine, "metrics": Metrics(), "clock": lambda: NOW}
        self.pipeline = Pipeline(
            **common, store=store, sites={"yard": SITE}, event_class="telemetry", retention=deadletters.Retention()
        )
        self.roller = Roller(**common, store=store, token="one", stop=Stop(), patience=Patience(), settle_s=0)

    async def watch(self, device="node", metric="t"):
        async with self.engine.begin() as connection:
            await connection.execute(insert(watched).values(site="yard", device=device, metric=metric))

    async def send(self, *minutes, value=1.0, device="node"):
        events = []
        for minute in minutes:
            self.seq += 1
            made = reading(self.seq, at=NOON + int(minute * MINUTE_NS))
            events.append(structs.replace(made, device=device, measurement="environment", values={"t": value, "u": 2.0}))
        await self.pipeline.commit([open_parcel(*batch(events), sites={"yard": SITE}, received_at=NOW, ack=lambda: None)])

    async def rolled(self):
        while await self.roller.round():
            pass

    async def told(self, since=0):
        columns = minute_summary.c
        async with self.engine.connect() as connection:
            rows = await connection.execute(select(minute_summary).where(columns.changed > since).order_by(columns.minute))
            return [(row.device, row.minute - FIRST, row.low, row.high, row.mean, row.readings) for row in rows]

    async def written(self):
        async with self.engine.connect() as connection:
            counts = summary_count.c
            return (await connection.execute(select(counts.number).where(counts.name == "written"))).scalar_one()


@pytest.fixture
async def ingest(database_url, tmp_path, monkeypatch):
    monkeypatch.setattr("ingest.rollups.marks.TRUST_S", 0.0)  # and rounds look at once
    engine = await databases.opened(database_url, migrate)
    async with EmbeddedStore(tmp_path / "series.duckdb") as store:
        yield Ingest(engine, store)
    await engine.dispose()


async def test_only_the_minutes_of_watched_metrics_are_told(ingest):
    await ingest.watch()
    await ingest.send(0, 0.5, 1, value=3.0)
    await ingest.send(0, device="other")
    await ingest.rolled()
    assert await ingest.told() == [("node", 0, 3.0, 3.0, 3.0, 2), ("node", 1, 3.0, 3.0, 3.0, 1)]


async def test_late_readings_write_a_minute_anew_and_nothing_else(ingest):
    await ingest.watch()
    await ingest.send(0, 1, 2)
    await ingest.rolled()
    before = await ingest.written()
    await ingest.send(1.5, value=4.0)
    await ingest.rolled()
    assert await ingest.told(before) == [("node", 1, 1.0, 4.0, 2.5, 2)]


async def test_what_is_computed_again_and_stays_the_same_is_not_told_again(ingest):
    await ingest.watch()
    await ingest.send(0, 1, 2)
    await ingest.rolled()
    before = await ingest.written()
    await ingest.send(61)  # another hour
    await ingest.send(0, device="other")  # the same minutes are computed again
    await ingest.rolled()
    assert await ingest.told(before) == [("node", 61, 1.0, 1.0, 1.0, 1)]


async def test_the_past_of_a_metric_is_filled_in_when_it_comes_to_be_watched(ingest):
    await ingest.send(0, 0.5, 1, value=3.0)
    await ingest.send(-60 * 24 * 3, value=2.0)
    await ingest.rolled()
    await ingest.watch()
    await ingest.rolled()
    assert await ingest.told() == [
        ("node", -60 * 24 * 3, 2.0, 2.0, 2.0, 1),
        ("node", 0, 3.0, 3.0, 3.0, 2),
        ("node", 1, 3.0, 3.0, 3.0, 1),
    ]
    async with ingest.engine.connect() as connection:
        assert (await connection.execute(select(watched.c.filled))).scalar_one()


async def test_a_minute_whose_readings_lie_elsewhere_now_says_that_it_has_none(ingest):
    await ingest.watch()
    await ingest.send(0, 1)
    await ingest.rolled()
    async with ingest.engine.begin() as connection:  # as if its readings had been moved
        await connection.execute(update(minute_summary).where(minute_summary.c.minute == FIRST + 1).values(minute=FIRST + 2))
    await ingest.send(1.2, 2.9, device="other")
    await ingest.rolled()
    assert await ingest.told() == [
        ("node", 0, 1.0, 1.0, 1.0, 1),
        ("node", 1, 1.0, 1.0, 1.0, 1),
        ("node", 2, 1.0, 1.0, 1.0, 0),
    ]


async def test_who_computes_no_more_writes_no_summary(ingest):
    await ingest.watch()
    await ingest.send(0)
    async with ingest.engine.begin() as connection:
        await connection.execute(insert(rollup_round).values(id=1, number=7, token="another", seen_at=NOW))
    points = await ingest.store.rolled("yard", "environment", MINUTE, start=NOON, end=NOON + MINUTE_NS)
    summaries = ingest.roller._summaries
    with pytest.raises(roller._LostError):
        await summaries.begin()
    with pytest.raises(roller._LostError):
        await summaries.take("yard", "environment", points, first=FIRST, behind=FIRST + 1)
    assert await ingest.told() == []
