"""Configuration from afar, with real agents at a real broker: taken, refused, undone; and the table of a large fleet."""

import asyncio
import contextlib
import json
import os
import subprocess
import time
from pathlib import Path

import pytest

import ingest
from ingest.operations import gateways
from plumbline import codec, fleet, topics
from plumbline.address import Address
from plumbline.database import open_engine
from plumbline.delivery import Presence
from plumbline.event import ClockReading, Health
from plumbline.fleet import DesiredConfig, GatewayStatus, ReportedConfig
from plumbline.ids import new_event_id
from plumbline.mqtt import Connection
from tests.integration.tiny_ingest import until
from tests.servers import Mosquitto, free_port, plumbline, running

CONFIG = """
site = "s"
gateway = "{gateway}"
[server]
brokers = ["{url}"]
[health]
every_s = 0.3
[remote]
probation_s = 5
[[reader]]
type = "mqtt"
name = "near"
broker = "{url}"
[[reader.devices]]
topic = "devices/+"
measurement = "m"
metrics.x = {{ unit = "1", title_en = "x", title_zh = "x" }}
"""

#: Every Python process of the test knows a reader that kills whoever runs it.
KILLER = """
import os, signal, sys, types
from msgspec import Struct
class Settings(Struct, frozen=True, kw_only=True):
    pass
class Killer:
    async def run(self, emit):
        os.kill(os.getpid(), signal.SIGKILL)
def build(name, settings, context):
    return Killer()
module = types.ModuleType("killer_reader")
module.Settings, module.build = Settings, build
sys.modules["killer_reader"] = module
from edge_agent.readers import READERS
READERS["killer"] = "killer_reader"
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with running(Mosquitto(tmp_path_factory.mktemp("fleet-broker"))) as server:
        yield server


@pytest.fixture
def customised(tmp_path):
    folder = tmp_path / "python"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(KILLER)
    return os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{Path.cwd()}"}


class Kept:
    """An agent that is started again whenever it ends, as systemd does."""

    def __init__(self, path, environment) -> None:
        self.path, self.environment = path, environment
        self.codes = []
        self.process = None

    async def run(self):
        with self.path.with_suffix(".log").open("ab") as log:
            while True:
                command = plumbline("edge", "run", "--config", str(self.path))
                self.process = await asyncio.create_subprocess_exec(*command, stderr=log, env=self.environment)
                try:
                    self.codes.append(await self.process.wait())
                except asyncio.CancelledError:
                    self.process.kill()
                    await self.process.wait()
                    raise


class Server:
    """What the server's side hears, and says."""

    def __init__(self, url) -> None:
        self.connection = Connection(address=Address.parse(url), client_id=f"fleet-test-{time.monotonic_ns()}")
        self.reported = {}
        self.said = []

    async def hear(self):
        async for message in self.connection.messages():
            message.ack()
            if message.topic.endswith("/reported"):
                said = fleet.decode(message.payload, ReportedConfig)
                self.reported[said.gateway] = said
                self.said.append(said)

    async def want(self, gateway, version, **what):
        desired = DesiredConfig(site="s", gateway=gateway, version=version, by="test", at=time.time_ns(), **what)
        await self.connection.publish(topics.desired("s", gateway), fleet.encode(desired), retain=True)

    async def answer(self, gateway, version, state):
        def decided():  # also where what comes after it is there already
            return [one for one in self.said if (one.gateway, one.seen, one.state) == (gateway, version, state)]

        try:
            await until(decided, f"{gateway}: version {version} to be {state}")
        finally:
            heard = [(one.seen, one.state) for one in self.said if one.gateway == gateway]
            print(f"{gateway} said {heard}")  # noqa: T201 - pytest shows it where a test fails
        return decided()[-1]


@contextlib.asynccontextmanager
async def site(broker, tmp_path, environment, *gateways):
    agents = {}
    for gateway in gateways:
        path = tmp_path / gateway / "gateway.toml"
        path.parent.mkdir()
        path.write_text(CONFIG.format(gateway=gateway, url=broker.url.replace("://", f"://{gateway}:pass-{gateway}@")))
        agents[gateway] = Kept(path, environment)
    server = Server(broker.url)
    async with server.connection:
        await server.connection.subscribe("plumbline/v1/s/+/reported")
        tasks = [asyncio.create_task(one.run()) for one in agents.values()] + [asyncio.create_task(server.hear())]
        try:
            for gateway in gateways:
                await until(lambda gateway=gateway: gateway in server.reported, f"{gateway}'s first report")
            yield server, agents
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for gateway in gateways:  # nothing of it stays at the broker for the next test
                for make in (topics.desired, topics.reported, topics.status, topics.presence):
                    await server.connection.publish(make("s", gateway), b"", retain=True)


async def test_two_agents_take_refuse_and_undo_what_they_are_sent(broker, tmp_path, customised):
    async with site(broker, tmp_path, customised, "one", "two") as (server, agents):
        first = server.reported["one"]
        assert (first.version, first.state) == (0, "applied")
        assert "one:…@127.0.0.1" in first.text
        pids = {name: agent.process.pid for name, agent in agents.items()}

        # one takes a new file, in the same process id, with the password that only it knows
        changed = first.text.replace("every_s = 0.3", "every_s = 0.2")
        await server.want("one", 1, text=changed, hash=fleet.digest(changed))
        await server.answer("one", 1, "on_probation")
        applied = await server.answer("one", 1, "applied")
        assert applied.version == 1
        assert agents["one"].process.pid == pids["one"]
        text = agents["one"].path.read_text()
        assert "every_s = 0.2" in text
        assert "one:pass-one@" in text
        assert not any("pass-one" in fleet.encode(said).decode() for said in server.reported.values())

        # two refuses, with every mistake at once, and goes on undisturbed
        before = agents["two"].path.read_text()
        wrong = before.replace('gateway = "two"', 'gateway = "three"').replace("[health]", "[helth]") + 'type = "nmae"\n'
        await server.want("two", 1, text=wrong)
        refused = await server.answer("two", 1, "refused")
        assert len(refused.mistakes) >= 2
        assert any("gateway: may be changed on the gateway only" in one for one in refused.mistakes)
        assert any("helth" in one for one in refused.mistakes)
        assert agents["two"].path.read_text() == before
        assert agents["two"].process.pid == pids["two"]

        # a broker that cannot be reached is undone
        away = before.replace(f":{broker.port}", f":{free_port()}")
        await server.want("two", 2, text=away)
        undone = await server.answer("two", 2, "rolled_back")
        assert "no server was reached" in undone.reason
        assert undone.version == 0
        assert agents["two"].path.read_text() == before

        # so is a reader that was well before and fails now
        await until(lambda: server.reported["two"].readers.get("near") == "ok", "the reader to be well again")
        start = before.index("[[reader]]")
        await server.want("two", 3, text=before[:start] + '[[reader]]\ntype = "nmea"\nname = "near"\nport = "/dev/nowhere"\n')
        undone = await server.answer("two", 3, "rolled_back")
        assert "reader 'near' was well before and now fails" in undone.reason

        # and a file that kills the process, which never gets to say anything
        await server.want("two", 4, text=before + '[[reader]]\ntype = "killer"\nname = "k"\n')
        undone = await server.answer("two", 4, "rolled_back")
        assert "ended 3 times" in undone.reason
        assert agents["two"].codes == [-9, -9, -9]
        assert agents["two"].path.read_text() == before

        # one goes back to what it was installed with
        await server.want("one", 2, restore=0)
        back = await server.answer("one", 2, "applied")
        assert [entry.outcome for entry in back.history] == ["applied", "applied", "applied"]
        assert "every_s = 0.3" in agents["one"].path.read_text()
        await server.want("one", 3, restore=77)
        assert "not kept" in (await server.answer("one", 3, "refused")).mistakes[0]


async def ran(*arguments, environment=None):
    process = await asyncio.create_subprocess_exec(
        *plumbline(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"COLUMNS": "240"} | (environment or {}),
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_a_person_changes_a_gateway_sees_what_became_of_it_and_goes_back(broker, tmp_path, customised):
    async with site(broker, tmp_path, customised, "three") as (_, agents):
        of_broker = ("--broker", broker.url)
        code, text, _ = await ran("fleet", "config", "get", "s/three", *of_broker)
        assert code == 0
        file = tmp_path / "wanted.toml"
        file.write_text(text.replace("every_s = 0.3", "every_s = 0.25"))
        code, said, err = await ran("fleet", "config", "set", "s/three", str(file), "--yes", *of_broker)
        assert (code, err) == (0, "")
        assert "+every_s = 0.25" in said
        assert "version 1: ✓ applied" in said
        assert "pass-three" not in said
        assert "every_s = 0.25" in agents["three"].path.read_text()

        file.write_text(file.read_text().replace('"s"', '"other"') + "[nonsense]\n")
        code, _, err = await ran("fleet", "config", "set", "s/three", str(file), "--yes", *of_broker)
        assert code == 2
        assert "nonsense" in err

        file.write_text(text.replace(f"three:…@127.0.0.1:{broker.port}", f"three:new@127.0.0.1:{free_port()}"))
        code, said, _ = await ran("fleet", "config", "set", "s/three", str(file), "--yes", *of_broker)
        assert code == 1
        assert "rolled back" in said
        assert "no server was reached" in said

        code, said, _ = await ran("fleet", "config", "rollback", "s/three", "--yes", *of_broker)
        assert code == 0
        assert "back to version 0" in said
        code, said, _ = await ran("fleet", "config", "history", "s/three", *of_broker)
        assert [line.split()[0] for line in said.splitlines()[1:]] == ["3", "2", "1", "0"]
        code, said, _ = await ran("fleet", "--json", *of_broker)
        [gateway] = [one for one in json.loads(said) if one["gateway"] == "three"]
        assert gateway["online"] is True
        assert gateway["config"]["version"] == 3
        assert gateway["values"]["agent_starts"] >= 4


async def test_a_gateway_that_nobody_knows_is_named(broker):
    code, _, err = await ran("fleet", "config", "get", "s/nobody", "--broker", broker.url)
    assert code == 2
    assert "s/nobody: has reported no configuration" in err


async def test_three_hundred_gateways_stand_in_one_table_the_worst_first(broker, say):
    now = time.time_ns()
    hour = 3_600_000_000_000
    async with Connection(address=Address.parse(broker.url), client_id="fleet-many") as link:
        sent = []
        for n in range(300):
            place = f"site-{n % 12:02}", f"gw-{n:03}"
            status = {
                "values": {
                    "disk_free_bytes": 2e8 if n == 7 else 9e9,
                    "temperature_celsius": 50.0 + n % 20,
                    "queue_business_events": float(n),
                    "oldest_waiting_s": 1.0,
                    "clock_disciplined": float(n != 8),
                },
                "readers": {"gate": "gate: cannot open /dev/ttyUSB0; check the cable" if n == 9 else "ok"},
                "texts": {"agent": "0.1.0", "clock": "ntp" if n != 8 else "free"},
            }
            messages = {
                topics.presence(*place): codec.encode(
                    Presence(site=place[0], gateway=place[1], online=n != 5, at=now - 2 * hour)
                ),
                topics.status(*place): fleet.encode(GatewayStatus(site=place[0], gateway=place[1], at=now, **status)),
                topics.reported(*place): fleet.encode(
                    ReportedConfig(site=place[0], gateway=place[1], version=3, seen=3, state="applied", at=now)
                ),
                topics.desired(*place): fleet.encode(
                    DesiredConfig(site=place[0], gateway=place[1], version=4 if n == 6 else 3, by="me", at=now, text="x")
                ),
            }
            sent += [link.publish_soon(topic, payload, retain=True) for topic, payload in messages.items()]
            if len(sent) > 400:
                await asyncio.gather(*sent)
                sent = []
        await asyncio.gather(*sent)
    begin = time.monotonic()
    code, said, err = await ran("fleet", "--broker", broker.url)
    took_s = time.monotonic() - begin
    assert (code, err) == (0, "")
    say(f"fleet: 300 gateways with 1,200 retained messages read and drawn in {took_s:.1f} s, with the start of Python")
    lines = said.splitlines()
    assert "300 gateways at 12 sites: 299 online, 1 not; 4 with something wrong" in lines[0]
    first = [line.split()[0] for line in lines[2:7]]
    assert first == ["site-05/gw-005", "site-09/gw-009", "site-07/gw-007", "site-08/gw-008", "site-06/gw-006"]
    assert "offline for 2 h" in lines[2]
    assert "cannot open /dev/ttyUSB0" in lines[3]
    assert "3 → 4" in lines[6]
    code, said, _ = await ran("fleet", "--json", "--site", "site-03", "--broker", broker.url)
    assert len(json.loads(said)) == 25


async def test_head_office_sees_the_fleet_in_the_database_of_ingest(tmp_path):
    url = f"sqlite:///{tmp_path}/plumbline.db"
    engine = open_engine(url)
    await ingest.migrate(engine)
    clock = ClockReading(quality="ntp", boot="b", mono=1)
    place = {"site": "s", "gateway": "g", "device": "g"}
    health = Health(
        **place,
        id=new_event_id(),
        at=time.time_ns(),
        clock=clock,
        epoch="e",
        seq=1,
        values={"disk_free_bytes": 9e9, "queue_business_events": 3.0},
        readers={"bus": "ok; meter-3: silent (since 14:02 UTC)"},
        texts={"config": "6 rolled_back (of 7): no server was reached", "agent": "0.1.0"},
    )
    async with engine.begin() as connection:
        presence = Presence(site="s", gateway="g", online=True, at=time.time_ns(), agent="0.1.0")
        await gateways.say_presence(connection, presence, time.time_ns())
        await gateways.hear(connection, {("s", "g"): gateways.Heard(health=codec.encode(health))}, time.time_ns())
    await engine.dispose()
    code, said, _ = await ran("fleet", "--database", url)
    assert code == 0
    assert "1 gateway at 1 site: 1 online, 0 not; 1 with something wrong" in said
    assert "configuration 7 rolled back: no server was reached" in said
    assert "(and 1 more)" in said
