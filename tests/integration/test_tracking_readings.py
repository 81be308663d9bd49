"""Readings complete a milestone: from a gateway's batch over the rollups and their minutes to the percentage and its evidence."""

import json
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from msgspec import structs
from sqlalchemy import insert, select

from ingest import deadletters
from ingest.operations.metrics import Metrics
from ingest.patience import Patience, Stop
from ingest.pipeline import Pipeline
from ingest.receiving.parcel import open_parcel
from ingest.rollups import Roller
from ingest.series.embedded import EmbeddedStore
from plumbline.inbox import minute_summary, watched
from plumbline.rollup import MINUTE_NS
from tests import tracking_site as site
from tests.batches import NOON, batch, reading
from tracking_service import document, progress
from tracking_service.intake import Intake
from tracking_service.orders import import_order
from tracking_service.rebuild import rebuild
from tracking_service.retention import Retention
from tracking_service.rooms.ground import Ground
from tracking_service.tables import milestone

LATER = NOON + 24 * 60 * MINUTE_NS
CURED = {"reading_held": {"device": "probe", "metric": "temp_c", "above": 5, "hours": 1, "gaps_minutes": 5}}


class Company:
    """Ingest without MQTT on a DuckDB file, and tracking's intake, on one database."""

    def __init__(self, engine, store) -> None:
        self.engine, self.seq, self.now = engine, 0, LATER
        common = {"engine": engine, "metrics": Metrics(), "clock": lambda: LATER}
        self.pipeline = Pipeline(
            **common, store=store, sites=site.SITES, event_class="telemetry", retention=deadletters.Retention()
        )
        self.roller = Roller(**common, store=store, token="one", stop=Stop(), patience=Patience(), settle_s=0)
        self.intake = Intake(engine=engine, sites=site.SITES, now_ns=lambda: self.now)

    async def order(self, policy, number="PO-1") -> None:
        title = {"en": "Cured", "zh": "养护完成"}
        changes = {"number": number, "milestones": [{"key": "cured", "title": title, "policy": policy}]}
        parsed = document.read(json.dumps(site.order(**changes)).encode(), "test")
        async with self.engine.begin() as connection:
            await import_order(connection, parsed, sites=site.SITES, zones=self.intake.zones, now=LATER)

    async def measured(self, minutes, value=12.0) -> None:
        """A reading in the middle of each minute, then all that follows from it."""
        events = []
        for minute in minutes:
            self.seq += 1
            made = reading(self.seq, at=NOON + minute * MINUTE_NS + MINUTE_NS // 2, site=site.SITE)
            events.append(structs.replace(made, device="probe", measurement="concrete", values={"temp_c": value}))
        for start in range(0, len(events), 50):
            message = batch(events[start : start + 50])
            parcel = open_parcel(*message, sites=site.SITES, received_at=LATER, ack=lambda: None)
            await self.pipeline.commit([parcel])
        await self.settled()

    async def settled(self) -> None:
        while await self.roller.round():
            pass
        self.now += MINUTE_NS
        await self.intake.tick()

    async def standing(self):
        async with self.engine.connect() as connection:
            row = (await connection.execute(select(milestone))).one()
            return row.percent, row.done_at, row.why_en, row.evidence


@pytest.fixture
async def company(database_url, tmp_path, monkeypatch) -> AsyncIterator[Company]:
    monkeypatch.setattr("ingest.rollups.marks.TRUST_S", 0.0)  # and rounds look at once
    engine = await site.database(database_url)
    async with EmbeddedStore(tmp_path / "series.duckdb") as store:
        yield Company(engine, store)
    await engine.dispose()


async def test_a_temperature_that_was_held_completes_a_milestone_and_a_late_minute_amends_it(company):
    await company.order(CURED)
    await company.measured(range(30))
    percent, done_at, why, evidence = await company.standing()
    assert (percent, done_at, evidence) == (50, None, 1)
    assert why.startswith("temp_c of probe has stayed at 5 or above for 30 min of 1 h")
    await company.measured(range(30, 60))
    percent, done_at, _, evidence = await company.standing()
    assert (percent, done_at) == (100, NOON + 60 * MINUTE_NS)
    assert evidence == 1
    await company.measured([40], value=3.0)  # a reading of the same minute came late
    percent, done_at, why, _ = await company.standing()
    assert (percent, done_at) == (Decimal("31.66"), None)
    assert "it was 3 at" in why
    await company.measured(range(60, 101))
    assert (await company.standing())[:2] == (100, NOON + 101 * MINUTE_NS)


async def test_an_order_that_comes_after_its_readings_finds_them(company):
    await company.measured(range(70))
    await company.order(CURED)
    assert (await company.standing())[0] == 0
    await company.settled()
    assert (await company.standing())[:2] == (100, NOON + 60 * MINUTE_NS)


async def test_what_no_milestone_counts_on_any_more_is_not_watched(company):
    await company.order(CURED)
    await company.order({"date_reached": {"at": "2030-01-01"}})
    async with company.engine.connect() as connection:
        assert (await connection.execute(select(watched))).all() == []


async def test_what_readings_completed_is_so_rebuilt_whatever_other_orders_count_on(company):
    colder = {"reading_held": CURED["reading_held"] | {"metric": "other_c"}}
    await company.order(colder, "PO-0")
    await company.order({"date_reached": {"at": "2030-01-01"}})
    await company.order(CURED)
    await company.measured(range(60))
    found = await rebuild(company.engine, sites=site.SITES, zones=company.intake.zones, now=company.now)
    assert found.shown == []
    assert found.equal
    async with company.engine.connect() as connection:
        assert (await connection.execute(select(milestone.c.percent).order_by(milestone.c.id))).scalars().all() == [0, 100]


async def test_minutes_that_nothing_counts_on_go_after_their_time_in_small_steps_and_state_stays(company):
    await company.order(CURED)
    await company.order({"reading_held": CURED["reading_held"] | {"device": "other"}}, "PO-2")
    await company.measured(range(70))
    first = NOON // MINUTE_NS
    common = {
        "site": site.SITE,
        "measurement": "concrete",
        "metric": "temp_c",
        "low": 1.0,
        "high": 1.0,
        "mean": 1.0,
        "readings": 1,
    }
    later = [
        {"device": device, "minute": first + minute, "changed": 0, **common}
        for device in ("probe", "other")
        for minute in range(1_000, 4_200)
    ]
    async with company.engine.begin() as connection:
        await connection.execute(insert(minute_summary), later)
    company.now = NOON + 4_200 * MINUTE_NS

    async def there(device):
        async with company.engine.connect() as connection:
            here = select(minute_summary.c.minute).where(minute_summary.c.device == device)
            return {minute - first for minute in (await connection.execute(here)).scalars()}

    assert await Retention(engine=company.engine, keep_days=400, now_ns=lambda: company.now).step() == 0
    keeper = Retention(engine=company.engine, keep_days=1, now_ns=lambda: company.now)
    steps = []
    while gone := await keeper.step():
        steps.append(gone)
    assert steps == [1_000, sum(steps) - 1_000]
    needed = {*range(70), *range(1_000, 60 + 25 * 60 + 2), *range(4_200 - 1_440, 4_200)}
    assert await there("probe") == needed
    assert await there("other") == set(range(1_000, 4_200))  # its milestone is open
    async with company.engine.connect() as connection:
        ground = Ground(site.SITES, company.intake.zones, company.now)
        (one,) = await progress.evaluate(connection, ["PO-1~cured"], ground)
    assert one.values == {name: getattr(one.plan.row, name) for name in one.values}
    assert one.result.done_at == NOON + 60 * MINUTE_NS
    await company.settled()
    found = await rebuild(company.engine, sites=site.SITES, zones=company.intake.zones, now=company.now)
    assert found.shown == []
