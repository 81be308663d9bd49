"""The agent as a whole: devices at one end, ingest at the other; signals, locks, health and the command."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import types
from functools import partial
from typing import ClassVar

import pytest
from msgspec import Struct

from edge_agent import config
from edge_agent.agent import Agent
from edge_agent.reader import Capture, ReaderError
from edge_agent.readers import READERS
from plumbline.event import Fix, Reading, Scan
from plumbline.lock import LockedError, exclusive
from plumbline.profile import Filter, Metric, Window
from tests.integration.tiny_ingest import TinyIngest, until
from tests.servers import free_port, plumbline

WIDE = os.environ | {"COLUMNS": "300"}  # so that nothing is broken into lines

SETTINGS = """
site = "s"
gateway = "g"
[server]
brokers = ["{url}"]
[uplink]
linger_ms = {{ business = 0, telemetry = 0 }}
resend_after_s = 0.5
[health]
every_s = 0.2
"""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    count: int = 3
    fails: bool = False


class Counting:
    """Reads `count` labels and then waits; or fails at once."""

    def __init__(self, name, settings, context) -> None:
        self.name, self.settings, self.context = name, settings, context

    async def run(self, emit):
        if self.settings.fails:
            raise ReaderError(self.name, "no such port", "the cable")
        for n in range(self.settings.count):
            await emit(Capture(self.name, partial(Scan, raw=b"%d" % n, text=f"label {n}")))
        await emit(Capture(self.name, partial(Scan, raw=b"", text="x" * 10_000)))
        await emit(Capture(self.name, partial(Fix, lat=31.2, lon=121.5), at_ns=1_000))
        await emit(Capture(self.name, partial(Fix, lat=31.2, lon=121.5), at_ns=1_000))
        self.context.report(self.name, "one message made no sense")
        await asyncio.Event().wait()


@pytest.fixture
def counting(monkeypatch):
    module = types.ModuleType("counting_reader")
    module.Settings, module.build = Settings, Counting
    monkeypatch.setitem(sys.modules, "counting_reader", module)
    monkeypatch.setitem(READERS, "counting", "counting_reader")


class Gauge:
    """Reads a gauge of which one value a minute, the mean, is declared to go out."""

    METRICS: ClassVar = {"level": Metric(unit="m", title_en="Level", title_zh="水位", filter=Filter(window=Window(every_s=60)))}

    def __init__(self, name, *_: object) -> None:
        self.name = name

    async def run(self, emit):
        for level in (1.0, 2.0, 6.0):
            await emit(Capture(self.name, partial(Reading, measurement="tank", values={"level": level}), metrics=self.METRICS))
        await emit(Capture(self.name, partial(Scan, raw=b"", text="done")))
        await asyncio.Event().wait()


def configured(tmp_path, url, readers=""):
    path = tmp_path / "gateway.toml"
    path.write_text(SETTINGS.format(url=url) + readers)
    return path


async def test_captures_become_committed_events_and_health_shows_each_reader(mosquitto, tmp_path, counting):
    path = configured(
        tmp_path,
        mosquitto.url,
        '[[reader]]\ntype = "counting"\nname = "gate"\ncount = 5\n[[reader]]\ntype = "counting"\nname = "broken"\nfails = true\n',
    )
    stop = asyncio.Event()
    async with TinyIngest(mosquitto.url, "agent-ingest") as ingest:
        agent = Agent(config.load(path))
        task = asyncio.create_task(agent.run(stop))
        await until(lambda: len(ingest.received["business"]) == 5, "the scans")
        await until(lambda: ingest.health and ingest.health[-1].values["messages_refused"] == 2, "the health event")
        stop.set()
        await task
        scans = {event.id: event for event in ingest.copies if event.event_class == "business"}.values()
        fixes = {event.id for event in ingest.copies if isinstance(event, Fix)}
        assert [event.text for event in scans] == [f"label {n}" for n in range(5)]
        assert {event.device for event in scans} == {"gate"}
        assert len(fixes) == 1
        health = ingest.health[-1]
        assert health.readers["gate"].startswith("ok; gate: one message made no sense (since ")
        assert "broken: no such port; check the cable" in health.readers["broken"]
        assert health.values["readers_failing"] == 1
        assert health.values["devices_in_trouble"] == 1
        assert health.values["disk_free_bytes"] > 0
        assert health.values["agent_memory_bytes"] > 0
        assert health.values["agent_starts"] == 1
        assert health.texts["broker"] == mosquitto.url
        assert health.texts["clock"] in {"ntp", "gps", "free"}
        assert health.values["queue_business_events"] == 0
        await until(lambda: ingest.presence and not ingest.presence[-1].online, "the goodbye")


async def test_a_stop_sends_what_a_window_has_gathered(mosquitto, tmp_path, counting, monkeypatch):
    monkeypatch.setattr(sys.modules["counting_reader"], "build", Gauge)
    path = configured(tmp_path, mosquitto.url, '[[reader]]\ntype = "counting"\nname = "tank-1"\n')
    stop = asyncio.Event()
    async with TinyIngest(mosquitto.url, "window-ingest") as ingest:
        task = asyncio.create_task(Agent(config.load(path)).run(stop))
        await until(lambda: ingest.received["business"], "the scan behind the readings")
        assert not [event for event in ingest.copies if isinstance(event, Reading)]
        stop.set()
        await task
        readings = {event.id: event for event in ingest.copies if isinstance(event, Reading)}.values()
        assert [(event.device, event.measurement, event.values) for event in readings] == [("tank-1", "tank", {"level": 3.0})]


async def test_what_was_captured_while_the_broker_was_away_arrives_after_the_next_start(mosquitto, tmp_path, counting):
    reader = '[[reader]]\ntype = "counting"\nname = "gate"\n'
    stop = asyncio.Event()
    agent = Agent(config.load(configured(tmp_path, f"mqtt://127.0.0.1:{free_port()}", reader)))
    task = asyncio.create_task(agent.run(stop))
    await until(lambda: hasattr(agent.outbox, "_writer") and agent.outbox.stream("business").pending == 3, "the scans")
    stop.set()
    await task
    stop = asyncio.Event()
    async with TinyIngest(mosquitto.url, "later-ingest") as ingest:
        task = asyncio.create_task(Agent(config.load(configured(tmp_path, mosquitto.url))).run(stop))
        await until(lambda: len(ingest.received["business"]) == 3, "the scans of the last run")
        stop.set()
        await task


def test_one_data_folder_serves_one_agent(tmp_path):
    with exclusive(tmp_path / "data", "agent"), pytest.raises(LockedError, match=f"another agent \\(process {os.getpid()}\\)"):
        exclusive(tmp_path / "data", "agent").__enter__()
    with exclusive(tmp_path / "data", "agent"):
        pass


@contextlib.asynccontextmanager
async def running_agent(path):
    process = await asyncio.create_subprocess_exec(*plumbline("edge", "run", "--config", str(path)), stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_command_runs_until_a_signal_and_says_goodbye(mosquitto, tmp_path, number):
    path = configured(tmp_path, mosquitto.url)
    async with TinyIngest(mosquitto.url, f"command-ingest-{number}") as ingest, running_agent(path) as process:
        await until(lambda: ingest.health, "the first health event")
        second = await asyncio.create_subprocess_exec(*plumbline("edge", "run", "--config", str(path)), stderr=subprocess.PIPE)
        _, said = await second.communicate()
        assert second.returncode == 2
        assert f"another agent (process {process.pid})".encode() in said
        process.send_signal(number)
        _, log = await process.communicate()
        assert process.returncode == 0
        events = [json.loads(line)["event"] for line in log.splitlines()]
        assert events[0] == "agent.started"
        assert events[-1] == "agent.stopped"
        await until(lambda: ingest.presence and not ingest.presence[-1].online, "the goodbye")


def test_check_prints_what_a_configuration_comes_to(tmp_path):
    readers = (
        '[[reader]]\ntype = "nmea"\nname = "crane"\nport = "/dev/x"\n'
        '[[reader]]\ntype = "mqtt"\nname = "near"\nbroker = "mqtt://near:secret@10.0.0.1"\n'
        '[[reader.devices]]\ntopic = "a/+"\nmeasurement = "m"\nmetrics.x = { unit = "1", title_en = "x", title_zh = "x" }\n'
        '[[reader]]\ntype = "camera"\nname = "gate"\nurl = "rtsp://viewer:se@cret@10.0.0.20/1"\n'
    )
    path = configured(tmp_path, "mqtt://me:secret@127.0.0.1", readers)
    done = subprocess.run(
        plumbline("edge", "check", "--no-devices", "--config", str(path)), capture_output=True, text=True, check=True, env=WIDE
    )
    assert "crane" in done.stdout
    assert "me@127.0.0.1" in done.stdout
    assert "viewer:…@10.0.0.20" in done.stdout.replace("\n", "")
    assert "secret" not in done.stdout
    assert "cret" not in done.stdout
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("verb", ["check", "run"])
def test_a_wrong_configuration_is_exit_code_2_with_every_mistake(tmp_path, verb):
    path = tmp_path / "gateway.toml"
    path.write_text('site = "s"\n[server]\nbrokers = []\n')
    done = subprocess.run(plumbline("edge", verb, "--config", str(path)), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "2 mistakes" in done.stderr
    assert "gateway: is missing; add it" in done.stderr
    assert "server.brokers" in done.stderr
