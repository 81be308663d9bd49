"""How gateways stand, as Prometheus is told: the same from every worker, on both databases."""

import msgspec
from sqlalchemy import insert

from ingest.operations.metrics import Metrics
from ingest.operations.standing import Standing
from ingest.patience import Patience, Stop
from ingest.tables import ledger_stream

SECOND = 10**9
NOW = 1_000 * SECOND


async def stream(engine, gateway, upto, *beyond, epoch="e1", first_seen=1, **counts):
    row = {"site": "yard", "gateway": gateway, "epoch": epoch, "event_class": "business", "first_seen": first_seen}
    row |= {"upto": upto, "beyond": msgspec.json.encode(beyond).decode(), "last_seen": NOW - 5 * SECOND}
    async with engine.begin() as connection:
        await connection.execute(insert(ledger_stream).values(row | counts))


async def samples(engine, named=100) -> dict[tuple[str, str], float]:
    metrics = Metrics()
    standing = Standing(
        engine=engine,
        stop=Stop(),
        metrics=metrics,
        patience=Patience(),
        still_since=lambda _key: NOW - 90 * SECOND,
        clock=lambda: NOW,
        named=named,
    )
    await standing.look()
    return {
        (family.name.removeprefix("plumbline_ingest_"), sample.labels["gateway"]): sample.value
        for family in standing.collect()
        for sample in family.samples
    }


async def test_missing_numbers_are_counted_however_many_holes_there_are(engine):
    holes = [(n, n) for n in range(8, 20_000, 2)]
    await stream(engine, "gw", 5, *holes, received=5 + len(holes) - 100, dead=50, thinned=30, lost=20)
    await stream(engine, "well", 10, received=10)
    await stream(engine, "new", 0, (7, 9), received=3)
    told = await samples(engine)
    assert told["missing_numbers", "gw"] == holes[-1][1] - 5 - len(holes)
    assert (told["missing_numbers", "well"], told["watermark_age_seconds", "well"]) == (0, 0)
    assert (told["missing_numbers", "new"], told["watermark_age_seconds", "new"]) == (6, 90)
    assert told["commit_age_seconds", "gw"] == 5


async def test_outboxes_that_are_gone_do_not_count(engine):
    await stream(engine, "gw", 5, (8, 9), received=7)
    await stream(engine, "gw", 3, received=3, epoch="e2", first_seen=2)
    assert (await samples(engine))["missing_numbers", "gw"] == 0


async def test_gateways_over_the_limit_are_told_together(engine):
    for n in range(5):
        await stream(engine, f"g{n}", 1, (3, 3), received=2, first_seen=n)
    told = await samples(engine, named=2)
    missing = {gateway: value for (name, gateway), value in told.items() if name == "missing_numbers"}
    assert missing == {"g0": 1, "g1": 1, "other": 3}
