"""What a worker tells operators, with real servers that come and go."""

import asyncio
import contextlib
import os
import signal
import socket
from pathlib import Path

import httpx
import pytest

from ingest import IngestService, migrate
from ingest.patience import Patience
from ingest.series import open_store
from plumbline.database import open_engine
from plumbline.errors import PlumblineError
from plumbline.series import SeriesUnavailableError
from tests import databases
from tests.batches import SITE, batch, reading, scan
from tests.integration.test_ingest_service import Gateway, eventually, serving
from tests.servers import InfluxDb, Mosquitto, PostgreSql, open_folder, running

QUICK = Patience(first_s=0.01, cap_s=0.05)


@pytest.fixture
def broker(tmp_path: Path):
    server = Mosquitto(tmp_path / "broker")
    with running(server):
        yield server


@pytest.fixture
async def engine(tmp_path: Path):
    engine = await databases.opened(f"sqlite:///{tmp_path}/plumbline.db", migrate)
    yield engine
    await engine.dispose()


@pytest.fixture
async def store(tmp_path: Path):
    store = await open_store(f"embedded:{tmp_path}/series.duckdb")
    yield store
    await store.aclose()


def service(broker, engine, store, **options):
    fixed = {
        "broker": broker.url,
        "engine": engine,
        "store": store,
        "sites": {"yard": SITE},
        "patience": QUICK,
        "metrics_port": 0,
    }
    return IngestService(**(fixed | options))


@contextlib.asynccontextmanager
async def asking(ingest):
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{ingest.port}", timeout=120, trust_env=False) as client:
        yield client


async def ready(client) -> dict:
    answer = await client.get("/ready")
    said = answer.json()
    assert answer.status_code == (200 if said["ready"] else 503)
    return {one["name"]: one for one in said["dependencies"]} | {"ready": said["ready"], "draining": said["draining"]}


async def becomes(client, name, ok):
    async def so():
        return (await ready(client))[name]["ok"] is ok

    await eventually(so, f"{name} to be {'there' if ok else 'away'}")


async def is_ready(client):
    return (await ready(client))["ready"]


async def test_each_dependency_that_is_away_is_named_and_found_again(tmp_path):
    with (
        open_folder("ready") as folder,
        running(PostgreSql(folder / "server")) as postgresql,
        running(InfluxDb(tmp_path / "influx")) as influx,
        running(Mosquitto(tmp_path / "broker")) as broker,
    ):
        engine = open_engine(postgresql.url)
        await migrate(engine)
        store = await open_store(f"influx:{influx.url}/{influx.database}")
        async with serving(service(broker, engine, store)) as ingest:
            await eventually(lambda: opened(ingest), "the port")
            async with asking(ingest) as client:
                await eventually(lambda: is_ready(client), "everything to be there")
                for name, server in (("broker", broker), ("series", influx), ("database", postgresql)):
                    await asyncio.to_thread(server.kill)
                    await becomes(client, name, ok=False)
                    said = (await ready(client))[name]
                    assert said["error"]
                    assert "PLUMBLINE_" in said["check"]
                    assert (await client.get("/healthy")).status_code == 200
                    await asyncio.to_thread(server.start)
                    await becomes(client, name, ok=True)
                await eventually(lambda: is_ready(client), "everything to be there again")
        await store.aclose()
        await engine.dispose()


async def test_a_dependency_that_hangs_costs_its_deadline_and_blocks_nothing_else(tmp_path, engine, store, broker):
    async with serving(service(broker, engine, store)) as ingest:
        await eventually(lambda: opened(ingest), "the port")
        async with asking(ingest) as client:
            await eventually(lambda: is_ready(client), "everything to be there")
            os.kill(broker.process.pid, signal.SIGSTOP)
            try:
                await becomes(client, "broker", ok=False)
                said, healthy, metrics = await asyncio.gather(ready(client), client.get("/healthy"), client.get("/metrics"))
                assert "no answer within" in said["broker"]["error"]
                assert said["database"]["ok"]
                assert (healthy.status_code, metrics.status_code) == (200, 200)
            finally:
                os.kill(broker.process.pid, signal.SIGCONT)
            await eventually(lambda: is_ready(client), "the broker again")


class ReadOnly:
    """A store whose disk is full: it answers what is asked, and takes nothing."""

    def __init__(self, store) -> None:
        self._store = store
        self.full = True

    async def latest(self, *what):
        return await self._store.latest(*what)

    async def write(self, points):
        if self.full:
            raise SeriesUnavailableError("no space left on its disk")
        return await self._store.write(points)


async def test_a_store_that_answers_but_takes_nothing_is_not_ready(broker, engine, store):
    full = ReadOnly(store)
    async with serving(service(broker, engine, full)) as ingest, Gateway(broker) as gw:
        await eventually(lambda: opened(ingest), "the port")
        async with asking(ingest) as client:
            await eventually(lambda: is_ready(client), "everything to be there")
            await gw.send(batch([reading(1)]))
            await becomes(client, "series", ok=False)
            said = (await ready(client))["series"]
            assert "no space left" in said["error"]
            assert "disk" in said["check"]
            assert "PLUMBLINE_SERIES" in said["check"]  # it may also have gone away since it answered
            full.full = False
            await gw.committed(1, "telemetry")
            await eventually(lambda: is_ready(client), "everything to be there again")


async def opened(ingest):
    return ingest.port != 0


def value(text: str, name: str, **labels: str) -> float | None:
    """A sample of a Prometheus exposition."""
    for line in text.splitlines():
        head, _, number = line.rpartition(" ")
        if head.partition("{")[0] == name and all(f'{key}="{word}"' in head for key, word in labels.items()):
            return float(number)
    return None


async def test_the_metrics_say_what_truly_happened(broker, engine, store):
    async with serving(service(broker, engine, store)) as ingest, Gateway(broker) as gw:
        await eventually(lambda: opened(ingest), "the port")
        async with asking(ingest) as client:
            await eventually(lambda: is_ready(client), "everything to be there")
            await gw.send(batch([scan(1), scan(2)]), batch([scan(2), scan(3)]), batch([scan(6)]))
            await gw.send(batch([reading(n) for n in range(1, 8)], thinned=((8, 10),)))
            await gw.send(("plumbline/v1/yard/gw/events/business", b"poison"))
            await gw.committed(3)
            await gw.committed(10, "telemetry")

            async def counted():
                text = (await client.get("/metrics")).text
                return value(text, "plumbline_ingest_messages_total", **{"class": "business"}) == 4.0

            await eventually(counted, "the poison to be counted")
            await ingest._standing.look()
            text = (await client.get("/metrics")).text
            business, telemetry = {"class": "business"}, {"class": "telemetry"}
            events = "plumbline_ingest_events_total"
            assert value(text, events, outcome="received", **business) == 4
            assert value(text, events, outcome="duplicate", **business) == 1
            assert value(text, events, outcome="received", **telemetry) == 7
            assert value(text, events, outcome="thinned", **telemetry) == 3
            assert value(text, "plumbline_ingest_dead_letters_total", reason="not_json") == 1
            assert value(text, "plumbline_ingest_messages_total", **telemetry) == 1
            assert value(text, "plumbline_ingest_missing_numbers", gateway="gw", **business) == 2
            assert value(text, "plumbline_ingest_missing_numbers", gateway="gw", **telemetry) == 0
            assert value(text, "plumbline_ingest_connected", connection="presence") == 1
            assert value(text, "process_resident_memory_bytes") > 10**7
            assert value(text, "plumbline_ingest_commit_age_seconds", gateway="gw", **telemetry) >= 0


async def test_gateways_over_the_limit_share_a_label(broker, engine, store):
    async with serving(service(broker, engine, store)) as ingest:
        ingest._standing._named = 2
        await eventually(lambda: opened(ingest), "the port")
        async with asking(ingest) as client, contextlib.AsyncExitStack() as stack:
            await eventually(lambda: is_ready(client), "everything to be there")
            for n in range(5):
                gw = await stack.enter_async_context(Gateway(broker, f"gw{n}"))
                await gw.send(batch([scan(1, gateway=f"gw{n}"), scan(3, gateway=f"gw{n}")]))
                await gw.committed(1)
            await ingest._standing.look()
            text = (await client.get("/metrics")).text
            named = "plumbline_ingest_missing_numbers"
            assert text.count(f"{named}{{") == 3
            assert value(text, named, gateway="gw0") == 1
            assert value(text, named, gateway="other") == 3


async def test_the_ledger_and_the_letters_are_served_and_mistakes_are_told(broker, engine, store):
    async with serving(service(broker, engine, store)) as ingest, Gateway(broker) as gw:
        await eventually(lambda: opened(ingest), "the port")
        async with asking(ingest) as client:
            await eventually(lambda: is_ready(client), "everything to be there")
            await gw.send(batch([scan(1)]), ("plumbline/v1/yard/gw/events/business", b"poison"))
            await gw.committed(1)
            (stream,) = (await client.get("/ledger", params={"site": "yard", "gateway": "gw"})).json()
            assert (stream["class"], stream["received"], stream["verdict"]) == ("business", 1, "complete")
            assert (await client.get("/ledger", params={"site": "moon"})).json() == []
            assert (await client.get("/ledger", params={"day": stream["days"][0]["day"]})).json() == [stream]

            async def kept():
                return [(pile["reason"], pile["letters"]) for pile in (await client.get("/deadletters")).json()] == [
                    ("not_json", 1)
                ]

            await eventually(kept, "the letter")
            unknown = await client.get("/")
            assert (unknown.status_code, "/ready" in unknown.json()["detail"]) == (404, True)
            for query in ({"day": "today"}, {"sites": "yard"}):
                answer = await client.get("/ledger", params=query)
                assert answer.status_code == 400
                assert next(iter(query)) in answer.json()["detail"]


async def test_a_task_that_ended_makes_the_worker_unhealthy_and_is_named(broker, engine, store):
    async with serving(service(broker, engine, store)) as ingest:
        await eventually(lambda: opened(ingest), "the port")
        async with asking(ingest) as client:
            await eventually(lambda: is_ready(client), "everything to be there")
            ingest._tasks["projector"].cancel()

            async def dead():
                answer = await client.get("/healthy")
                return (answer.status_code, answer.json()["dead"]) == (503, ["projector"])

            await eventually(dead, "the projector's end to be noticed")


async def test_a_port_that_is_taken_is_told_before_anything_starts(broker, engine, store):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PlumblineError, match=f"metrics_port: cannot listen on 127.0.0.1:{port} .* choose another port"):
            await service(broker, engine, store, metrics_port=port).run()
