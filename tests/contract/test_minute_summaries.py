"""The minutes of watched metrics are the same out of every series store: while they come, and filled in afterwards."""

import pytest
from sqlalchemy import insert, select, update

from ingest import migrate
from ingest.operations.metrics import Metrics
from ingest.patience import Patience, Stop
from ingest.rollups import Roller
from ingest.rollups.marks import Mark, mark
from ingest.rollups.tables import rollup_series
from ingest.series import open_store
from plumbline.inbox import minute_summary, watched
from plumbline.rollup import MINUTE_NS
from plumbline.series import Point
from tests import databases

FIRST = 29_685_840  # the minute at which 11 June 2026 begins
NOW = (FIRST + 600) * MINUTE_NS


@pytest.fixture(params=["influx", "embedded"])
async def store(request, tmp_path):
    if request.param == "embedded":
        url = f"embedded:{tmp_path}/series.duckdb"
    else:
        server, database = request.getfixturevalue("influxdb"), request.getfixturevalue("influx_database")
        url = f"influx:http://plumbline:secret@127.0.0.1:{server.port}/{database}"
    store = await open_store(url)
    yield store
    await store.aclose()


async def summaries(store, tmp_path, *, filled):
    """What is told of a probe: two minutes of it, one of another device, a measurement that does not have the metric."""
    engine = await databases.opened(f"sqlite:///{tmp_path / 'ingest.db'}", migrate)
    probe, other = {"site": "tower", "device": "probe"}, {"site": "tower", "device": "other"}
    at = [FIRST * MINUTE_NS + seconds * 1_000_000_000 for seconds in (5, 35, 65, 10)]
    await store.write(
        [
            Point("concrete", probe, {"temp_c": 10.0}, at[0]),
            Point("concrete", probe, {"temp_c": 14.0, "ph": 7.0}, at[1]),
            Point("concrete", probe, {"temp_c": 8.0}, at[2]),
            Point("concrete", other, {"temp_c": 99.0}, at[3]),
            Point("environment", probe, {"noise_db": 60.0}, at[0]),
        ]
    )
    async with engine.begin() as connection:
        await connection.execute(insert(watched).values(**probe, metric="temp_c"))
        await connection.execute(update(watched).values(filled=filled))
        known = [{"site": "tower", "measurement": name, "raw_from": None} for name in ("concrete", "environment", "nothing")]
        await connection.execute(insert(rollup_series), known)
        if filled:
            await mark(connection, [Mark("tower", name, FIRST, 60) for name in ("concrete", "environment")], 0)
    roller = Roller(
        engine=engine,
        store=store,
        token="one",
        stop=Stop(),
        metrics=Metrics(),
        patience=Patience(),
        clock=lambda: NOW,
        settle_s=0,
    )
    assert await roller.round() is False
    async with engine.connect() as connection:
        rows = (await connection.execute(select(minute_summary).order_by(minute_summary.c.minute))).all()
    await engine.dispose()
    return [(row.device, row.measurement, row.minute - FIRST, row.low, row.high, row.mean, row.readings) for row in rows]


@pytest.mark.parametrize("filled", [False, True])
async def test_minutes_are_told_as_they_come_and_filled_in_afterwards(store, tmp_path, filled):
    assert await summaries(store, tmp_path, filled=filled) == [
        ("probe", "concrete", 0, 10.0, 14.0, 12.0, 2),
        ("probe", "concrete", 1, 8.0, 8.0, 8.0, 1),
    ]
