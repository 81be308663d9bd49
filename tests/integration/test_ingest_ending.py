"""Workers that begin and end: in order under load, in bounded time, at once, and two of them without being told apart."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import structlog
import yaml

from ingest import IngestService, migrate
from ingest.ledger.report import report
from ingest.patience import Patience
from tests import databases
from tests.batches import SITE, MemoryStore, batch, reading, scan
from tests.integration.test_ingest_commands import SITE_FILE, Place
from tests.integration.test_ingest_service import Gateway, connected, eventually, serving
from tests.servers import Mosquitto, free_port, plumbline, running, wait_until

QUICK = Patience(first_s=0.01, cap_s=0.05)


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path)
    (place.sites / "yard.toml").write_text(SITE_FILE)
    with running(place.broker):
        yield place
        if place.worker is not None and place.worker.poll() is None:
            place.worker.kill()
            place.worker.wait(120)


def lines(place) -> list[dict]:
    """What the workers logged: every line is one JSON object."""
    said = place.log.read_text().splitlines()
    assert [line for line in said if not line.startswith("{")] == []
    return [json.loads(line) for line in said]


def test_sigterm_under_load_loses_nothing_and_says_what_was_drained(place):
    place.start()
    everything = [batch([scan(2 * n - 1), scan(2 * n)]) for n in range(1, 301)]
    sending = threading.Thread(target=lambda: place.send(*everything, upto=600))
    sending.start()
    ends = 0
    while sending.is_alive() and ends < 3:
        wait_until(lambda before=ends: not sending.is_alive() or received(place) > 100 * before, "some of it to be committed")
        place.worker.send_signal(signal.SIGTERM)
        assert place.worker.wait(120) == 0
        ends += 1
        place.start()
    sending.join(200)
    assert not sending.is_alive()
    place.worker.send_signal(signal.SIGTERM)
    assert place.worker.wait(120) == 0
    (stream,) = place.ledger()
    assert (stream["received"], stream["missing"], stream["verdict"]) == (600, 0, "complete")
    drained = [line for line in lines(place) if line["event"] == "drained"]
    assert len(drained) == ends + 1
    assert all(line["messages_left_to_the_broker"] == 0 and line["seconds"] < 20 and line["worker"] == "w" for line in drained)


def received(place) -> int:
    return sum(stream["received"] for stream in place.ledger())


def test_a_second_sigterm_ends_at_once(place):
    with socket.socket() as deaf:  # a series store that takes connections and never answers
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        place.environment["PLUMBLINE_SERIES"] = f"influx:http://127.0.0.1:{deaf.getsockname()[1]}/db"
        place.start()
        asyncio.run(publish(place, batch([reading(1)])))
        asked = []  # kept open; the first ask whether it is there
        while not asked or b" /write" not in asked[-1].recv(64):
            asked.append(deaf.accept()[0])
        place.worker.send_signal(signal.SIGTERM)
        wait_until(lambda: any(line["event"] == "draining" for line in lines(place)), "the drain to begin")

        def ended() -> bool:
            place.worker.send_signal(signal.SIGTERM)
            return place.worker.poll() is not None

        wait_until(ended, "the worker to end")
        for one in asked:
            one.close()
        assert place.worker.returncode == 128 + signal.SIGTERM


def test_a_sigterm_that_comes_twice_at_once_is_one(place):
    """A wrapper (`uv run`, `timeout`) passes on what the terminal, or the group, was told too."""
    place.start()
    asyncio.run(publish(place, batch([scan(1)])))
    for _ in range(2):
        place.worker.send_signal(signal.SIGTERM)
    assert place.worker.wait(120) == 0
    assert [line["event"] for line in lines(place)][-1] == "ingest ended"


async def publish(place, *messages):
    async with Gateway(place.broker) as gateway:
        await gateway.send(*messages)


def test_two_workers_that_were_not_told_apart_share_the_work(place, influxdb, influx_database):
    place.environment["PLUMBLINE_SERIES"] = f"influx:{influxdb.url}/{influx_database}"
    workers = []
    try:
        for n in range(2):
            with place.log.open("ab") as out:
                workers.append(subprocess.Popen(plumbline("ingest", "run"), env=place.environment, stdout=out, stderr=out))
            wait_until(lambda n=n: place.log.read_bytes().count(b'"receiving"') >= 2 * (n + 1), "a worker to receive")
        place.send(*(batch([scan(n)]) for n in range(1, 51)), upto=50)
        assert all(worker.poll() is None for worker in workers)
        assert sorted(line["worker"] for line in lines(place) if line["event"] == "ingest starts") == ["1", "2"]
        assert not [line for line in lines(place) if line["event"].startswith("broker away")]
    finally:
        for worker in workers:
            worker.terminate()
        assert [worker.wait(120) for worker in workers] == [0, 0]
    assert received(place) == 50


def test_a_name_that_is_taken_is_refused_in_one_line(place):
    place.start()
    second = subprocess.run(
        plumbline("ingest", "run", "--worker", "w"),
        env=place.environment | {"PLUMBLINE_SERIES": "influx:http://127.0.0.1:1/x"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert second.returncode == 2
    assert f"'w' runs already on {socket.gethostname()} (process {place.worker.pid})" in second.stderr
    assert place.worker.poll() is None


class HangingStore(MemoryStore):
    """A store that takes a write and never comes back."""

    async def write(self, _points):
        await asyncio.Event().wait()


async def test_what_cannot_be_committed_in_time_is_left_to_the_broker_and_comes_again(tmp_path):
    broker = Mosquitto(tmp_path / "broker")
    engine = await databases.opened(f"sqlite:///{tmp_path}/plumbline.db", migrate)

    def service(store, **options):
        fixed = {"broker": broker.url, "engine": engine, "sites": {"yard": SITE}, "patience": QUICK, "worker": "w"}
        return IngestService(store=store, **(fixed | options))

    with running(broker):
        async with Gateway(broker) as gw:
            first = service(HangingStore(), drain_s=0.2)
            with structlog.testing.capture_logs() as said:
                async with serving(first):
                    await eventually(lambda: connected(broker, first), "the service to subscribe")
                    await gw.send(batch([reading(1)]), batch([scan(1)]))
                    await gw.committed(1)
            (drained,) = [line for line in said if line["event"] == "drained"]
            assert drained["messages_left_to_the_broker"] == 1
            async with serving(service(MemoryStore())):
                await gw.committed(1, "telemetry")
        assert [(s.received, s.duplicate, s.missing) for s in await report(engine)] == [(1, 0, 0), (1, 0, 0)]
    await engine.dispose()


async def test_of_several_workers_one_that_ends_takes_no_share_with_it_and_the_last_leaves_its_session(tmp_path):
    broker = Mosquitto(tmp_path / "broker")
    engine = await databases.opened(f"sqlite:///{tmp_path}/plumbline.db", migrate)

    def service(name):
        store = MemoryStore()
        return IngestService(store=store, broker=broker.url, engine=engine, sites={"yard": SITE}, patience=QUICK, worker=name)

    with running(broker):
        async with Gateway(broker) as gw:
            async with serving(service("stays")):
                goes = service("goes")
                async with serving(goes):
                    await eventually(lambda: connected(broker, goes), "both to subscribe")
                await gw.send(*(batch([scan(n)]) for n in range(1, 21)))  # once: nothing is sent again
                await gw.committed(20)
            await gw.send(batch([scan(21)]))  # nobody is there: kept for the one who ended last
            async with serving(service("stays")):
                await gw.committed(21)
    await engine.dispose()


def test_the_health_check_of_compose_finds_the_worker_ready(place):
    port = free_port()
    place.environment["PLUMBLINE_METRICS_PORT"] = str(port)
    place.start()
    compose = yaml.safe_load((Path(__file__).parents[2] / "docker-compose.yml").read_text())
    _, _, *arguments = compose["services"]["ingest"]["healthcheck"]["test"]
    check = [sys.executable, *(text.replace("9464", str(port)) for text in arguments)]
    wait_until(lambda: subprocess.run(check, check=False, capture_output=True).returncode == 0, "the worker to be ready")
    place.broker.kill()
    wait_until(lambda: subprocess.run(check, check=False, capture_output=True).returncode == 1, "the check to fail")
