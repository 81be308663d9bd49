"""deploy/mosquitto on a real Mosquitto: who gets in, and who may say and hear what."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from plumbline import topics
from plumbline.address import Address
from plumbline.command import env
from plumbline.errors import MqttError
from plumbline.mqtt import Connection
from tests.servers import Server, answers, free_port, running

DEPLOY = Path(__file__).parents[2] / "deploy" / "mosquitto"


class Deployed(Server):
    """The production configuration, with its paths and port moved to a test's folder."""

    def __init__(self, folder: Path, passwords: dict[str, str]) -> None:
        self.port = free_port()
        self.passwords = passwords
        self.folder = folder
        text = (DEPLOY / "mosquitto.conf").read_text()
        moved = {
            "listener 1883": f"listener {self.port} 127.0.0.1",
            "/run/mosquitto/": f"{folder}/",
            "/mosquitto/config/": f"{DEPLOY}/",
            "/mosquitto/data/": f"{folder}/",
        }
        for before, after in moved.items():
            assert before in text
            text = text.replace(before, after)
        (folder / "mosquitto.conf").write_text(text + ("user root\n" if os.geteuid() == 0 else ""))
        environment = {
            **passwords,
            "PATH": os.environ["PATH"] + ":/usr/sbin",
            "MOSQUITTO_RUN": str(folder),
            "MOSQUITTO_CONFIG": str(folder / "mosquitto.conf"),
        }
        command = ["/bin/sh", str(DEPLOY / "start.sh")]
        super().__init__(command, folder / "log", lambda: answers(self.port), environment=environment)

    def connect(self, user: str, password: str) -> Connection:
        return Connection(address=Address.parse(f"mqtt://{user}:{password}@127.0.0.1:{self.port}"), client_id=f"test-{user}")

    def user(self, name: str) -> Connection:
        gateways = dict(pair.split(":") for pair in self.passwords["MQTT_GATEWAYS"].split())
        return self.connect(name, gateways.get(name) or self.passwords[f"MQTT_{name.upper()}_PASSWORD"])


@pytest.fixture(scope="module")
def broker(tmp_path_factory) -> Iterator[Deployed]:
    text = env.content(gateways=["gate", "yard"], sites="./sites", smtp="", bind="127.0.0.1")
    lines = (line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    passwords = {key: value.strip("'") for key, value in lines if key.startswith("MQTT_")}
    with running(Deployed(tmp_path_factory.mktemp("broker"), passwords)) as server:
        yield server


@pytest.mark.parametrize("url", ["mqtt://127.0.0.1:{}", "mqtt://gate:wrong@127.0.0.1:{}", "mqtt://nobody:x@127.0.0.1:{}"])
async def test_without_the_right_password_nobody_gets_in(broker, url):
    with pytest.raises(MqttError, match="refused us"):
        async with Connection(address=Address.parse(url.format(broker.port)), client_id="stranger"):
            pass


async def heard(connection: Connection, until: str) -> list[str]:
    found: list[str] = []
    async for message in connection.messages():
        message.ack()
        found.append(message.topic)
        if message.topic == until:
            return found
    raise AssertionError


async def test_ingest_hears_gateways_only_under_their_own_names(broker):
    async with broker.user("ingest") as ingest, broker.user("gate") as gate:
        await ingest.subscribe(topics.all_events(None))
        await ingest.subscribe(topics.all_presence())
        forbidden = [
            topics.events("site", "yard", "business"),
            topics.presence("site", "yard"),
            topics.committed("site", "gate", "business"),
        ]
        for topic in forbidden:
            with suppress(MqttError):  # the broker may say so or drop it
                await gate.publish(topic, b"forged")
        await gate.publish(topics.presence("site", "gate"), b"here")
        last = topics.events("site", "gate", "business")
        await gate.publish(last, b"mine")
        assert await heard(ingest, last) == [topics.presence("site", "gate"), last]


async def test_a_gateway_hears_its_own_canary_and_no_other(broker):
    async with broker.user("yard") as yard, broker.user("gate") as gate:
        await gate.subscribe("plumbline/v1/#")
        await yard.publish(topics.canary("site", "yard"), b"{}")
        with suppress(MqttError):
            await yard.publish(topics.canary("site", "gate"), b"forged")
        last = topics.canary("site", "gate")
        await gate.publish(last, b"{}")
        async for message in gate.messages():
            assert (message.topic, message.payload) == (last, b"{}")
            break


async def test_a_gateway_hears_its_own_watermark_and_no_other(broker):
    async with broker.user("ingest") as ingest, broker.user("gate") as gate:
        await gate.subscribe("plumbline/v1/#")
        await ingest.publish(topics.committed("site", "yard", "business"), b"{}")
        await ingest.publish(topics.replay("site", "gate"), b"{}")
        last = topics.committed("site", "gate", "telemetry")
        await ingest.publish(last, b"{}")
        assert await heard(gate, last) == [topics.replay("site", "gate"), last]


async def test_only_the_fleet_user_says_what_configuration_a_gateway_shall_have(broker):
    async with broker.user("fleet") as fleet, broker.user("gate") as gate, broker.user("ingest") as ingest:
        await gate.subscribe("plumbline/v1/#")
        for forger in (ingest, gate):
            with suppress(MqttError):
                await forger.publish(topics.desired("site", "gate"), b"forged")
        await fleet.publish(topics.desired("site", "yard"), b"for another")
        await fleet.publish(topics.desired("site", "gate"), b"meant")
        last = topics.replay("site", "gate")
        await ingest.publish(last, b"{}")
        assert await heard(gate, last) == [topics.desired("site", "gate"), last]


async def test_the_fleet_user_sees_every_gateway_and_no_event(broker):
    async with broker.user("fleet") as fleet, broker.user("gate") as gate, broker.user("yard") as yard:
        for topic in topics.all_of_fleet():
            await fleet.subscribe(topic)
        with suppress(MqttError):
            await gate.publish(topics.reported("site", "yard"), b"forged")
        await gate.publish(topics.events("site", "gate", "business"), b"{}")
        await gate.publish(topics.reported("site", "gate"), b"mine")
        last = topics.status("site", "yard")
        await yard.publish(last, b"mine")
        assert set(await heard(fleet, last)) >= {topics.reported("site", "gate"), last}


async def test_the_shared_subscription_of_ingest_is_allowed(broker):
    async with broker.user("ingest") as ingest, broker.user("yard") as yard:
        await ingest.subscribe(topics.all_events())
        topic = topics.events("site", "yard", "telemetry")
        await yard.publish(topic, b"{}")
        assert await asyncio.wait_for(heard(ingest, topic), 30) == [topic]


async def test_tracking_alone_says_what_a_site_expects_and_every_gateway_hears_it(broker):
    async with broker.user("tracking") as tracking, broker.user("gate") as gate, broker.user("ingest") as ingest:
        await gate.subscribe(topics.manifest("site"))
        for forger in (gate, ingest):
            with suppress(MqttError):
                await forger.publish(topics.manifest("site"), b"forged", retain=True)
        await tracking.publish(topics.manifest("site"), b"meant", retain=True)
        async for message in gate.messages():
            message.ack()
            assert message.payload == b"meant"
            break
        await tracking.subscribe("plumbline/v1/#")
        await gate.publish(topics.presence("site", "gate"), b"here")
        assert await heard(tracking, topics.manifest("site")) == [topics.manifest("site")]


async def test_the_health_check_sees_the_uptime_and_nothing_else(broker):
    async with broker.user("health") as health, broker.user("gate") as gate:
        await health.subscribe("plumbline/#")
        await gate.publish(topics.presence("site", "gate"), b"here")
        await health.subscribe("$SYS/broker/uptime")
        assert await heard(health, "$SYS/broker/uptime") == ["$SYS/broker/uptime"]


def test_the_password_file_holds_hashes_alone(broker):
    text = (broker.folder / "passwords").read_text()
    assert text.count(":$7$") == 6
    assert not any(word.partition(":")[2] in text for word in broker.passwords["MQTT_GATEWAYS"].split())
    assert (broker.folder / "passwords").stat().st_mode & 0o077 == 0


def test_without_its_passwords_the_broker_does_not_start(tmp_path):
    done = subprocess.run(
        ["/bin/sh", DEPLOY / "start.sh"],
        env={"PATH": os.environ["PATH"], "MOSQUITTO_RUN": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "make .env with 'plumbline env'" in done.stderr
