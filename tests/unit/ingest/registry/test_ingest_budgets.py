"""A site's time series get no more names than their budget; what brings more is set aside and comes in once it is raised."""

import asyncio
import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from ingest import deadletters
from ingest.deadletters.replay import Replayer
from ingest.ledger.report import report
from ingest.operations.metrics import Metrics
from ingest.patience import Patience, Stop
from ingest.pipeline import Pipeline
from ingest.receiving.parcel import open_parcel
from ingest.registry.budgets import Budgets, Name, Seen, names_of
from ingest.tables import dead_letter, tag_value
from plumbline import site
from plumbline.event import CLASSES
from tests.batches import NOON, SITE, MemoryStore, batch, fix, health, reading, scan, state

SMALL = msgspec.structs.replace(SITE, budgets=site.Budgets(devices=3, measurements=2, fields=4))


def budgets(engine, sites=None):
    return Budgets(engine=engine, sites={"yard": SMALL} if sites is None else sites, clock=lambda: NOON)


async def table(engine):
    async with engine.connect() as connection:
        columns = tag_value.c.tag, tag_value.c.scope, tag_value.c.value
        return {Name(*row) for row in await connection.execute(select(*columns))}


def of(seq, device="node", measurement="environment", **values):
    return msgspec.structs.replace(reading(seq), device=device, measurement=measurement, values=values or {"t": 1.0})


async def test_devices_that_the_file_names_have_no_budget_and_of_others_so_many_as_it_says(engine):
    mine = budgets(engine)
    assert await mine.over("yard", [reading(1), fix(2), scan(1), state(2)]) == set()
    assert await mine.over("yard", [of(i, f"new-{i}") for i in range(5)]) == {
        Name("device", "", "new-3"),
        Name("device", "", "new-4"),
    }
    assert await mine.over("yard", [of(1, "new-0"), of(2, "new-2")]) == set()
    assert await budgets(engine).over("yard", [of(1, "new-9"), of(2, "new-2")]) == {Name("device", "", "new-9")}
    assert await mine.over("moon", [of(1, "anything")]) == set()


async def test_a_measurement_that_finds_no_room_leaves_no_metrics_behind(engine):
    mine = budgets(engine)
    some = [of(i, measurement=f"m{i}", a=1.0, b=1.0) for i in range(100)]
    over = await mine.over("yard", some)
    assert {name.value for name in over if name.tag == "measurement"} == {f"m{i}" for i in range(100)} - {"m0", "m1"}
    assert {name.scope for name in await table(engine) if name.tag == "field"} == {"m0", "m1"}
    over = await mine.over("yard", [of(1, measurement="m1", **dict.fromkeys("abcdef", 1.0)), health(2)])
    assert over == {Name("field", "m1", "e"), Name("field", "m1", "f")}
    assert await mine.over("yard", [health(3)]) == set()


async def test_a_raised_budget_holds_at_once(engine):
    sites = {"yard": SMALL}
    mine = budgets(engine, sites)
    strangers = [of(i, f"new-{i}") for i in range(5)]
    assert len(await mine.over("yard", strangers)) == 2
    sites["yard"] = msgspec.structs.replace(SMALL, budgets=site.Budgets(devices=5))
    assert await mine.over("yard", strangers) == set()


async def test_workers_that_admit_at_the_same_time_never_exceed_the_budget(engine):
    wide = {"yard": msgspec.structs.replace(SITE, budgets=site.Budgets(devices=40))}
    workers = [budgets(engine, wide) for _ in range(4)]
    groups = [[of(i, f"d{(7 * i + 13 * worker) % 100}") for i in range(30)] for worker in range(4)]
    results = await asyncio.gather(*(one.over("yard", group) for one, group in zip(workers, groups, strict=True)))
    admitted = {name.value for name in await table(engine) if name.tag == "device"}
    assert len(admitted) == 40
    for group, over in zip(groups, results, strict=True):
        assert {event.device for event in group} - admitted == {name.value for name in over}


@given(st.lists(st.sampled_from([reading, health, fix, scan, state]), min_size=1, max_size=8), st.randoms())
def test_what_is_new_in_bulk_is_what_is_new_one_by_one(makers, rng: random.Random):
    events = [msgspec.structs.replace(make(i), device=rng.choice(["a", "b", "crane"])) for i, make in enumerate(makers, 1)]
    events += [of(9, measurement=rng.choice(["x", "y"]), **{rng.choice("abc"): 1.0}) for _ in range(rng.randrange(3))]
    seen = Seen()
    known: set[Name] = set()
    for at in range(0, len(events), 2):
        some = events[at : at + 2]
        expected = set().union(*map(names_of, some)) - known - {Name("device", "", device) for device in SITE.devices_by_id}
        assert seen.new(some, SITE) == expected
        seen.add(expected)
        known |= expected


async def test_events_over_budget_are_letters_that_come_in_once_after_it_was_raised(engine):
    sites = {"yard": SMALL}
    store = MemoryStore()
    common = {"engine": engine, "store": store, "sites": sites, "clock": lambda: NOON, "metrics": Metrics()}
    pipelines = {
        event_class: Pipeline(**common, event_class=event_class, retention=deadletters.Retention()) for event_class in CLASSES
    }
    replayer = Replayer(**common, pipelines=pipelines, stop=Stop(), on_commit=lambda: None, patience=Patience())
    events = [of(i, f"new-{i}") for i in range(1, 7)]
    for some in (events[:4], events[4:]):
        parcel = open_parcel(*batch(some), sites=sites, received_at=NOON, ack=lambda: None)
        await pipelines["telemetry"].commit([parcel])
    (stream,) = await report(engine)
    assert (stream.received, stream.dead, stream.missing, stream.watermark) == (3, 3, 0, 6)
    async with engine.connect() as connection:
        rows = (await connection.execute(select(dead_letter.c.seq, dead_letter.c.reason, dead_letter.c.detail))).all()
    assert [(seq, reason) for seq, reason, _ in rows] == [(4, "over_budget"), (5, "over_budget"), (6, "over_budget")]
    assert "'new-4' would be one device more than the 3 that 'yard' may have" in rows[0].detail
    assert "raise 'devices' under [budgets] in the site file of 'yard'" in rows[0].detail
    assert await deadletters.request_replay(engine, now=1, reason="over_budget") == 3
    assert await replayer.replay() == 3
    assert (await report(engine))[0].dead == 3
    sites["yard"] = SITE
    await deadletters.request_replay(engine, now=2)
    assert (await replayer.replay(), await replayer.replay()) == (3, 0)
    (stream,) = await report(engine)
    assert (stream.received, stream.dead) == (6, 0)
    assert len(store.of("environment")) == 6
