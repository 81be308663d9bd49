"""The running service rolls up what it takes in, and the next one what a killed one left."""

from functools import partial

import pytest
from sqlalchemy import func, select

from ingest import IngestService, migrate
from ingest.rollups import Roller
from ingest.rollups.tables import rollup_mark
from ingest.series import open_store
from plumbline.rollup import SPANS, rolled
from tests import databases
from tests.batches import NOON, SITE, batch, reading
from tests.integration.test_ingest_service import Gateway, connected, eventually, serving
from tests.servers import Mosquitto, running


@pytest.mark.parametrize("kind", ["embedded", "influx"])
async def test_the_service_rolls_up_what_it_takes_in(kind, database_url, tmp_path, request, monkeypatch):
    monkeypatch.setattr("ingest.service.Roller", partial(Roller, every_s=0.05))
    url = f"embedded:{tmp_path}/series.duckdb"
    if kind == "influx":
        url = f"influx:{request.getfixturevalue('influxdb').url}/{request.getfixturevalue('influx_database')}"
    engine, store = await databases.opened(database_url, migrate), await open_store(url)

    async def settled():
        async with engine.connect() as connection:
            return await connection.scalar(select(func.count()).select_from(rollup_mark)) == 0

    async def rows(span):
        return await store.latest("yard", rolled("environment", span), 0)

    async def counted(expected):
        counts = [[row.fields.get("pm2_5_count") for row in await rows(span)] for span in SPANS]
        return counts == [[expected]] * len(SPANS) and await settled()

    with running(Mosquitto(tmp_path / "broker")) as broker:
        ingest = IngestService(broker=broker.url, engine=engine, store=store, sites={"yard": SITE})
        async with Gateway(broker) as gw, serving(ingest):
            await eventually(lambda: connected(broker, ingest), "the service to subscribe")
            await gw.send(batch([reading(1), reading(2)]))
            await gw.committed(2, "telemetry")
            await eventually(lambda: counted(2.0), "rollups of two readings")
            await gw.send(batch([reading(3)]))
            await gw.committed(3, "telemetry")
            await eventually(lambda: counted(3.0), "rollups of the third")
    (row,) = await rows(SPANS[0])
    assert row.at == NOON
    await store.aclose()
    await engine.dispose()
