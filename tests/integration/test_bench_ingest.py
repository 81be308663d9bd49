"""`plumbline bench ingest` at tiny size: every server real, the ledger complete, the figures where machines look for them."""

import asyncio
import json
import shutil
import subprocess

import pytest

from plumbline.address import Address
from plumbline.bench.ingest.bench import Bench, sent
from plumbline.bench.ingest.load import Load
from plumbline.errors import PlumblineError
from plumbline.mqtt import Connection
from tests.servers import plumbline

EVENTS = 5000


@pytest.fixture(scope="module")
def told():
    command = plumbline("bench", "ingest", "--json", "--only", "limit,sustained,backlog,embedded", "--events", str(EVENTS))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@pytest.mark.timeout(300)
def test_the_parts_that_were_asked_for_are_measured_and_no_others(told):
    figures, progress = told
    assert figures.keys() == {"cores", "sizes", "limit", "sustained", "backlog", "embedded", "goals", "failed"}
    assert figures["failed"] == {}
    assert figures["sizes"]["backlog"] == EVENTS
    assert all(f"part {name}" in progress for name in ("limit", "sustained", "backlog", "embedded"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", ["backlog", "embedded"])
def test_the_ledger_is_complete_and_every_point_is_in_the_store(told, part):
    figures = told[0][part]
    assert figures["ledger"]["received"] == figures["points"] == figures["events"] == EVENTS
    assert figures["ledger"]["missing"] == figures["ledger"]["dead"] == 0
    assert figures["ledger_complete"] is True
    assert figures["events_per_s"] > 0
    assert figures["cpu_us_per_event"]["ingest"] > 0
    assert figures["rss_mb"]["ingest"] > 10


@pytest.mark.timeout(300)
def test_the_limit_is_the_fastest_bare_loop_and_stands_beside_the_backlog(told):
    figures, _ = told
    limit = figures["limit"]
    assert limit["best_2"] == max(limit["plain_2"]["points_per_s"], limit["gzip_2"]["points_per_s"]) > 0
    [backlog, sustained, embedded, cpu] = figures["goals"]
    assert sustained["beside"] == figures["sustained"]["limit"]["points_per_s"]
    assert backlog["beside"] == limit["best_2"]
    assert backlog["ratio"] == pytest.approx(figures["backlog"]["events_per_s"] / limit["best_2"], abs=0.001)
    assert embedded["ours"] == figures["embedded"]["events_per_s"]
    assert cpu["reached"] in {True, False}


@pytest.mark.timeout(300)
def test_the_sustained_limit_says_what_its_first_seconds_and_all_of_it_show_and_ingest_took_as_much(told):
    figures = told[0]["sustained"]
    limit, ingest = figures["limit"], figures["ingest"]
    assert limit["points"] == ingest["events"] == EVENTS
    assert 0 < limit["until_idle_points_per_s"] <= limit["points_per_s"]
    assert limit["first_2_s_points_per_s"] > 0
    assert ingest["ledger_complete"] is True


@pytest.mark.timeout(300)
@pytest.mark.skipif(shutil.which("psql") is None, reason="PostgreSQL is not installed")
def test_one_worker_and_several_take_everything_each_event_once():
    events = {"--events": 3000, "--fifty": 3000, "--single": 1000, "--workers": 2}
    options = [str(part) for pair in events.items() for part in pair]
    command = plumbline("bench", "ingest", "--json", "--only", "workers", *options)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for load in json.loads(done.stdout)["workers"].values():
        assert load.keys() == {"1_worker", "2_workers"}
        for figures in load.values():
            assert figures["ledger"]["received"] == figures["points"] == figures["events"]
            assert figures["ledger"]["duplicate"] == figures["ledger"]["missing"] == 0
        assert {"worker_1", "worker_2"} <= load["2_workers"]["cpu_us_per_event"].keys()


def test_an_unknown_part_is_refused_with_those_that_there_are():
    done = subprocess.run(plumbline("bench", "ingest", "--only", "limits"), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "node-red" in done.stderr


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "of-before").touch()
    command = plumbline("bench", "ingest", "--only", "limit", "--keep", str(tmp_path))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "not empty" in done.stderr


async def test_the_publisher_sends_every_message_in_order_and_waits_until_it_may(mosquitto, tmp_path):
    bench = Bench(tmp_path, lambda _what: None)
    load = Load(events=30_000, per_message=10, gateways=1)
    packets = bench.packets(load)
    publisher = bench.publisher(packets, mosquitto, "--told", "--stamps")
    told = packets.told()
    async with Connection(address=Address.parse(mosquitto.url), client_id="bench-test", inbound=1000) as connection:
        await connection.subscribe("plumbline/v1/bench/#")
        told[:8] = (100).to_bytes(8, "little")
        async with publisher:
            heard = []
            async for message in connection.messages():
                message.ack()
                heard.append(message.payload)
                if len(heard) == 100:  # nothing more comes until it is told so
                    with pytest.raises(TimeoutError):
                        await asyncio.wait_for(publisher.exited(), 0.2)
                    told[:8] = packets.count.to_bytes(8, "little")
                if len(heard) == packets.count:
                    break
            await sent(publisher)
    assert heard == [message.payload for message in load.messages()]
    assert len((packets.path.with_suffix(".stamps")).read_bytes()) == 8 * packets.count


async def test_a_publisher_that_cannot_connect_is_an_error(tmp_path):
    class Nowhere:
        port = 1

    bench = Bench(tmp_path, lambda _what: None)
    with pytest.raises(PlumblineError, match="publisher failed"):
        await bench.publish(bench.packets(Load(events=10)), Nowhere())
