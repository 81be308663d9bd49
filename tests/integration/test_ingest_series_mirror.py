"""A whole ingest service tells of itself in the series store: real broker, both databases, both stores."""

import pytest

from ingest.series import open_store
from tests.batches import batch, reading, scan
from tests.integration.test_ingest_service import Gateway, connected, eventually, service, serving
from tests.servers import Mosquitto, running


@pytest.fixture(params=["influx", "embedded"])
async def store(request, tmp_path):
    url = f"embedded:{tmp_path}/series.duckdb"
    if request.param == "influx":
        server, database = request.getfixturevalue("influxdb"), request.getfixturevalue("influx_database")
        url = f"influx:http://plumbline:secret@127.0.0.1:{server.port}/{database}"
    store = await open_store(url)
    yield store
    await store.aclose()


@pytest.fixture
def broker(tmp_path):
    server = Mosquitto(tmp_path / "broker")
    with running(server):
        yield server


async def test_a_service_tells_of_its_gateways_its_ledger_its_letters_and_itself(broker, engine, store):
    taken = []

    class Watching:
        """The real store, and what went into it."""

        async def write(self, points):
            taken.extend(points)
            return await store.write(points)

    ingest = service(broker, engine, Watching())
    async with Gateway(broker) as gw, serving(ingest):
        await eventually(lambda: connected(broker, ingest), "the service to subscribe")
        await gw.send(batch([scan(1), scan(2), scan(5)]), batch([reading(1)]))
        await gw.committed(2)
        await gw.committed(1, "telemetry")
        assert await ingest._mirror.write() >= 4
        ledger = next(point for point in taken if point.measurement == "ledger" and point.tags["class"] == "business")
        assert (ledger.fields["received"], ledger.fields["missing"], ledger.fields["highest"]) == (3.0, 2.0, 5.0)
        told = next(point for point in taken if point.measurement == "ingest")
        assert told.tags == {"site": "yard", "worker": "1"}
        assert {"gateway"} <= {point.measurement for point in taken}
        assert all(
            type(value) is not int
            for point in taken
            if point.measurement in ("ledger", "ingest")
            for value in point.fields.values()
        )
        before = len(taken)
        await ingest._mirror.write()  # in the same minute: only what this worker says of itself
        assert {point.measurement for point in taken[before:]} == {"ingest"}
