"""Every dialect through a real Mosquitto: what its devices publish, retain and queue."""

import asyncio
import itertools
import json
import socket
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from edge_agent.reader import Capture, Context, ReaderError
from edge_agent.readers import mqtt
from plumbline import profile, settings
from plumbline.address import Address
from plumbline.errors import PlumblineError
from plumbline.mqtt import Connection
from tests.servers import Mosquitto, running
from tests.unit.plumbline.dialects.said_events import payload_of, written

CASES = Path(mqtt.__file__).parent / "testcases"
PROFILES = profile.load_all(Path(__file__).parents[2] / "firmware_configs")
PROBE = {
    "topic": "probe/is/+",
    "device_level": 2,
    "measurement": "m",
    "metrics": {"probe": {"unit": "1", "title_en": "P", "title_zh": "探"}},
}
Z2M = {"dialect": "zigbee2mqtt"}
_probes = itertools.count()


@pytest.fixture(scope="module")
def broker(tmp_path_factory) -> Iterator[Mosquitto]:
    """A broker of these tests' own: the dialects' topics are what they are."""
    with running(Mosquitto(tmp_path_factory.mktemp("dialects"))) as server:
        yield server


class Heard:
    """What a reader emitted and reported."""

    def __init__(self) -> None:
        self.events: list[dict] = []
        self.reports: list[str] = []
        self.probed = -1
        self._changed = asyncio.Event()

    async def emit(self, capture: Capture) -> None:
        event = written(capture.event, capture.device, capture.at_ns)
        if "probe" in event.get("values", {}):
            self.probed = max(self.probed, int(event["values"]["probe"]))
        else:
            self.events.append(event)
        self._changed.set()

    def report(self, device: str, what: str) -> None:
        self.reports.append(f"{device}: {what}")
        self._changed.set()

    async def until(self, condition) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()


def build(broker: Mosquitto, heard: Heard, name: str, *devices: dict):
    table = {"broker": broker.url, "client_id": f"r-{name}", "session_expiry_s": 600, "devices": [*devices, PROBE]}
    return mqtt.build("broker", settings.convert(table, mqtt.Settings, "t"), Context(profiles=PROFILES, report=heard.report))


@asynccontextmanager
async def reading(reader, heard: Heard) -> AsyncIterator[None]:
    task = asyncio.create_task(reader.run(heard.emit))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, PlumblineError):
            await task


@asynccontextmanager
async def device(broker: Mosquitto, name: str) -> AsyncIterator[Connection]:
    async with Connection(address=Address.parse(broker.url), client_id=f"d-{name}") as connection:
        yield connection


async def probe(connection: Connection, heard: Heard) -> None:
    """Wait until the reader has read everything that was published so far."""
    first = next(_probes)  # what was asked before may be answered only now
    for number in itertools.chain([first], _probes):
        await connection.publish("probe/is/p", b'{"probe": %d}' % number)
        with suppress(TimeoutError):
            await asyncio.wait_for(heard.until(lambda: heard.probed >= first), 0.2)
            return


@pytest.mark.parametrize(
    "case", [one for one in sorted(CASES.iterdir()) if one.name != "sensor-trouble"], ids=lambda case: case.name
)
async def test_each_test_case_comes_through_a_broker_as_it_is_expected(broker, unique_name, case):
    expected = json.loads((case / "expected.json").read_text())
    name, heard = unique_name("case"), Heard()
    devices = tomllib.loads((case / "config.toml").read_text())["devices"]
    async with device(broker, name) as connection, reading(build(broker, heard, name, *devices), heard):
        await probe(connection, heard)
        for topic, payload in json.loads((case / "input.json").read_text()):
            await connection.publish(topic, payload_of(payload))
            await probe(connection, heard)
    assert heard.events == expected["events"]
    assert heard.reports == expected["reports"]


async def test_what_was_announced_is_known_before_what_waited_while_the_agent_was_down(broker, unique_name):
    name, heard = unique_name("wait"), Heard()
    exposes = {"exposes": [{"property": "temperature", "unit": "°F"}]}
    async with device(broker, name) as connection:
        async with reading(build(broker, heard, name, Z2M), heard):
            await probe(connection, heard)
        announced = [{"friendly_name": "slab", "ieee_address": "0x1", "definition": exposes}]
        await connection.publish("zigbee2mqtt/bridge/devices", payload_of(announced), retain=True)
        await connection.publish("zigbee2mqtt/slab", payload_of({"temperature": 68}))
        fresh = Heard()  # the agent was started anew: it knows nothing
        async with reading(build(broker, fresh, name, Z2M), fresh):
            await fresh.until(lambda: bool(fresh.events))
        await connection.publish("zigbee2mqtt/bridge/devices", b"", retain=True)
    assert fresh.events[0]["values"]["temperature_c"] == pytest.approx(20)


async def test_a_retained_value_is_old_but_a_retained_offline_is_news(broker, unique_name):
    name, heard = unique_name("old"), Heard()
    async with device(broker, name) as connection:
        await connection.publish("tele/pump/SENSOR", payload_of({"AM2301": {"Humidity": 40}}), retain=True)
        await connection.publish("tele/pump/LWT", b"Offline", retain=True)
        async with reading(build(broker, heard, name, {"dialect": "tasmota"}), heard):
            await probe(connection, heard)
            await connection.publish("tele/pump/SENSOR", payload_of({"AM2301": {"Humidity": 41}}))
            await probe(connection, heard)
        for topic in ("SENSOR", "LWT"):
            await connection.publish(f"tele/pump/{topic}", b"", retain=True)
    assert [event["values"] for event in heard.events] == [{"humidity": 41}]
    assert any("is offline" in report for report in heard.reports)


async def test_a_flood_of_poison_stops_nobody(broker, unique_name):
    name, heard = unique_name("flood"), Heard()
    entries = [{"dialect": "tasmota"}, Z2M, {"dialect": "owntracks"}, {"dialect": "sparkplug"}]
    nasty = [b"", b"\xff" * 50, b"[" * 20_000, b"NaN", b'{"ENERGY":{"Power":"x"}}', b"\x12\x7f", b"{}", b"0"]
    topics = ["tele/{}/SENSOR", "zigbee2mqtt/{}", "owntracks/u/{}", "spBv1.0/g/NDATA/{}"]
    async with device(broker, name) as connection, reading(build(broker, heard, name, *entries), heard):
        await probe(connection, heard)
        waiting = [connection.publish_soon(topics[i % 4].format(f"n{i % 97}"), nasty[i % len(nasty)]) for i in range(2000)]
        await asyncio.gather(*waiting)
        await connection.publish("tele/pump/SENSOR", payload_of({"AM2301": {"Humidity": 41}}))
        await heard.until(lambda: bool(heard.events))
    assert heard.events[-1]["values"] == {"humidity": 41}


async def test_a_mistake_in_a_dialect_is_told_and_the_next_message_is_read(broker, unique_name, monkeypatch):
    name, heard = unique_name("bug"), Heard()
    reader = build(broker, heard, name, {"dialect": "tasmota"})
    dialect = reader._entries[0].dialect
    right = dialect.read

    def read(topic: str, payload: bytes):
        if payload == b"boom":
            raise ZeroDivisionError("boom")
        return right(topic, payload)

    monkeypatch.setattr(dialect, "read", read)
    async with device(broker, name) as connection, reading(reader, heard):
        await probe(connection, heard)
        await connection.publish("tele/pump/SENSOR", b"boom")
        await connection.publish("tele/pump/SENSOR", payload_of({"AM2301": {"Humidity": 41}}))
        await heard.until(lambda: bool(heard.events))
    assert "ZeroDivisionError: boom; this is a mistake in the dialect tasmota" in heard.reports[0]


async def test_one_name_for_devices_of_two_entries_is_reported(broker, unique_name):
    name, heard = unique_name("twice"), Heard()
    async with device(broker, name) as connection, reading(build(broker, heard, name, Z2M, {"dialect": "tasmota"}), heard):
        await probe(connection, heard)
        for _ in range(2):
            await connection.publish("tele/plug-9/SENSOR", payload_of({"AM2301": {"Humidity": 41}}))
            await connection.publish("zigbee2mqtt/plug-9", payload_of({"humidity": 42}))
        await probe(connection, heard)
    [report] = heard.reports
    assert report.startswith("plug-9: 'zigbee2mqtt/plug-9': has the name of a device in another entry (tasmota)")


async def test_check_names_who_spoke_and_leaves_what_waits_where_it_is(broker, unique_name):
    name, heard = unique_name("check"), Heard()
    devices = [{"dialect": "tasmota"}, Z2M]
    async with device(broker, name) as connection:
        async with reading(build(broker, heard, name, *devices), heard):
            await probe(connection, heard)
        await connection.publish("tele/kettle/SENSOR", payload_of({"AM2301": {"Humidity": 40}}), retain=True)
        said = await build(broker, heard, name, *devices).check(3.0)
        assert said.startswith(f"connected to {broker.url}; in 3 s tasmota: kettle (1 messages); ")
        assert "zigbee2mqtt: nobody on zigbee2mqtt/#" in said
        fresh = Heard()
        async with reading(build(broker, fresh, name, *devices), fresh):
            await fresh.until(lambda: bool(fresh.events))
        await connection.publish("tele/kettle/SENSOR", b"", retain=True)
    assert fresh.events[0]["values"] == {"humidity": 40}


async def test_check_of_a_broker_that_is_away_says_what_to_check(broker):
    table = {"broker": "mqtt://127.0.0.1:1", "devices": [PROBE]}
    reader = mqtt.build("broker", settings.convert(table, mqtt.Settings, "t"), Context())
    with pytest.raises(ReaderError, match="check that the broker runs"):
        await reader.check(2.0)


async def test_check_of_a_server_that_takes_the_call_and_says_nothing_ends_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        table = {"broker": f"mqtt://127.0.0.1:{silent.getsockname()[1]}", "devices": [PROBE]}
        reader = mqtt.build("broker", settings.convert(table, mqtt.Settings, "t"), Context())
        with pytest.raises(ReaderError, match=r"no answer in 0\.5 s; check host, port and firewall"):
            await reader.check(0.5)
