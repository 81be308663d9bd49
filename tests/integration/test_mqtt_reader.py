"""The MQTT reader on a real Mosquitto: what devices publish becomes events, once, whatever else is published."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from edge_agent.reader import Capture, Context
from edge_agent.readers import mqtt
from plumbline import profile, settings
from plumbline.address import Address
from plumbline.errors import MqttError, PlumblineError
from plumbline.event import CheckIn, Event, Fix, Reading, State
from plumbline.mqtt import Connection
from tests.servers import Mosquitto, running
from tests.unit.plumbline.dialects.lorawan.lorawan_messages import chirpstack
from tests.unit.plumbline.dialects.said_events import HEADER

PROFILES = profile.load_all(Path(__file__).parents[2] / "firmware_configs")


class Kept:
    """What a reader emitted and reported, and a way to wait for it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.reports: list[tuple[str, str]] = []
        self.refusing = False
        self._changed = asyncio.Event()

    async def emit(self, capture: Capture) -> None:
        if self.refusing:
            raise PlumblineError("the disk is full")
        self.events.append(capture.event(device=capture.device, **HEADER))
        self._changed.set()

    def report(self, device: str, what: str) -> None:
        self.reports.append((device, what))
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()


class Site:
    """A broker's corner for one test: topics, a reader and a device."""

    def __init__(self, broker: Mosquitto, name: str) -> None:
        self.broker = broker
        self.name = name
        self.kept = Kept()

    def reader(self, *devices: dict[str, object], **values: object):
        """A reader of devices whose topics begin with this site's name."""
        table = {
            "broker": self.broker.url,
            "client_id": f"reader-{self.name}",
            "session_expiry_s": 600,
            "devices": [device if "topics" in device else {"topic": f"{self.name}/+/x", **device} for device in devices],
            **values,
        }
        context = Context(profiles=PROFILES, report=self.kept.report)
        return mqtt.build("site-broker", settings.convert(table, mqtt.Settings, "test"), context)

    @asynccontextmanager
    async def device(self) -> AsyncIterator[Callable]:
        async with Connection(address=Address.parse(self.broker.url), client_id=f"device-{self.name}") as connection:

            async def publish(device: str, what: object, **options: bool) -> None:
                payload = what if isinstance(what, bytes) else json.dumps(what).encode()
                await connection.publish(f"{self.name}/{device}/x", payload, **options)

            yield publish

    @asynccontextmanager
    async def reading(self, reader) -> AsyncIterator[asyncio.Task[None]]:
        """Run the reader, from when it is subscribed until the end of the block."""
        task = asyncio.create_task(reader.run(self.kept.emit), name="reader")
        try:
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, PlumblineError):
                await task

    async def subscribed(self, publish: Callable) -> None:
        """Publish something unreadable until it is reported: then the subscription stands."""
        while not any("PROBE" in what or "not JSON" in what for _, what in self.kept.reports):
            await publish("probe", b"PROBE")
            with suppress(TimeoutError):
                await asyncio.wait_for(self.kept.until(lambda: bool(self.kept.reports)), 0.2)


@pytest.fixture
def site(mosquitto, unique_name) -> Site:
    return Site(mosquitto, unique_name("site"))


async def test_profiles_turn_what_devices_publish_into_events(site):
    async with site.device() as publish, site.reading(site.reader({"profile": "crane-telemetry"})):
        await site.subscribed(publish)
        await publish("crane-1", {"state": "idle", "load_t": 0.1, "hook_height_m": 40, "wind_mps": 5.5})
        await publish("crane-1", {"state": "idle", "load_t": 0.2})
        await publish("crane-1", {"state": "working", "load_t": 2.4})
        await site.kept.until(lambda: len(site.kept.events) == 5)
    states = [event for event in site.kept.events if isinstance(event, State)]
    readings = [event for event in site.kept.events if isinstance(event, Reading)]
    assert [(event.state, event.previous) for event in states] == [("idle", None), ("working", "idle")]
    assert readings[0].measurement == "equipment"
    assert [event.values["load_t"] for event in readings] == [0.1, 0.2, 2.4]
    assert {event.device for event in site.kept.events} == {"crane-1"}


@pytest.mark.parametrize(
    ("name", "document", "kind"),
    [
        ("esphome-environment", {"pm2_5": 38, "noise_db": 67.4, "temperature_c": 18.3}, Reading),
        ("badge-reader", {"person": "W-1", "place": "gate", "direction": "in", "role": "welder"}, CheckIn),
        ("phone-tracker", {"lat": 31.2, "lon": 121.4, "accuracy_m": 4.5}, Fix),
    ],
)
async def test_each_profile_makes_its_kind_on_mqtt_3_1_1_too(site, name, document, kind):
    async with site.device() as publish, site.reading(site.reader({"profile": name}, version="3.1.1")):
        await site.subscribed(publish)
        await publish("device-1", document)
        await site.kept.until(lambda: bool(site.kept.events))
    assert [type(event) for event in site.kept.events] == [kind]


async def test_garbage_of_every_sort_is_reported_and_reading_goes_on(site):
    nasty = [
        b"",
        b"NaN",
        b'{"pm2_5": NaN}',
        b"[" * 30_000,
        b'{"pm2_5": "12"}',
        b'{"pm2_5": 1e300}',
        b"\xff\xfe",
        b" " * 10_000_000,
        b"{}",
    ]
    async with site.device() as publish, site.reading(site.reader({"profile": "esphome-environment"})):
        await site.subscribed(publish)
        site.kept.reports.clear()
        for payload in nasty:
            await publish("node", payload)
        await publish("node", {"pm2_5": 7})
        await site.kept.until(lambda: bool(site.kept.events))
    assert [event.values for event in site.kept.events] == [{"pm2_5": 7.0}]
    about_node = [what for device, what in site.kept.reports if device == "node"]
    assert len(about_node) == len(nasty) - 1
    assert any("10000000 bytes, more than the 1048576" in what for _, what in site.kept.reports)


async def test_retained_messages_are_passed_over_unless_accepted(site):
    async with site.device() as publish:
        await publish("old", {"state": "fault"}, retain=True)
        async with site.reading(site.reader({"profile": "crane-telemetry", "retained": "accept"})):
            await site.kept.until(lambda: bool(site.kept.events))
        assert [event.device for event in site.kept.events] == ["old"]
        other = Site(site.broker, site.name)
        async with other.reading(other.reader({"profile": "crane-telemetry"}, client_id=f"{site.name}-second")):
            await other.subscribed(publish)
            await publish("new", {"state": "idle"})
            await other.kept.until(lambda: bool(other.kept.events))
        assert [event.device for event in other.kept.events] == ["new"]
        await publish("old", b"", retain=True)


async def test_what_is_published_while_the_agent_is_down_arrives_when_it_is_back(site):
    reader = site.reader({"profile": "badge-reader"})
    async with site.device() as publish:
        async with site.reading(reader):
            await site.subscribed(publish)
        for i in range(20):
            await publish("gate", {"person": f"W-{i}", "place": "gate", "direction": "in"})
        async with site.reading(reader):
            await site.kept.until(lambda: len(site.kept.events) == 20)
    assert [event.person for event in site.kept.events] == [f"W-{i}" for i in range(20)]


async def test_a_message_that_could_not_be_kept_stays_the_brokers(site):
    reader = site.reader({"profile": "badge-reader"})
    async with site.device() as publish:
        async with site.reading(reader) as task:
            await site.subscribed(publish)
            site.kept.refusing = True
            await publish("gate", {"person": "W-1", "place": "gate", "direction": "in"})
            with pytest.raises(PlumblineError, match="disk is full"):
                await task
        site.kept.refusing = False
        async with site.reading(reader):
            await site.kept.until(lambda: bool(site.kept.events))
    assert [event.person for event in site.kept.events] == ["W-1"]


async def test_a_change_of_state_that_could_not_be_kept_is_a_change_still(site):
    reader = site.reader({"profile": "crane-telemetry"})
    async with site.device() as publish:
        async with site.reading(reader) as task:
            await site.subscribed(publish)
            site.kept.refusing = True
            await publish("crane", {"state": "fault", "code": "E17"})
            with pytest.raises(PlumblineError):
                await task
        site.kept.refusing = False
        async with site.reading(reader):
            await site.kept.until(lambda: bool(site.kept.events))
    assert [(event.state, event.code) for event in site.kept.events] == [("fault", "E17")]


async def test_an_uplink_that_could_not_be_kept_is_no_repetition(site):
    reader = site.reader({"dialect": "lorawan", "topics": [f"{site.name}/+/x"]})
    async with site.device() as publish:
        async with site.reading(reader) as task:
            await site.subscribed(publish)
            site.kept.refusing = True
            await publish("pit", chirpstack())
            with pytest.raises(PlumblineError, match="disk is full"):
                await task
        site.kept.refusing = False
        async with site.reading(reader):
            await site.kept.until(lambda: bool(site.kept.events))
    assert [event.measurement for event in site.kept.events] == ["lorawan"]


async def test_a_script_that_hangs_holds_up_no_other_device(site, tmp_path):
    pytest.importorskip("quickjs")
    (tmp_path / "beam").mkdir()
    (tmp_path / "beam" / "profile.toml").write_text(
        'id = "beam"\nkind = "sensor"\ntitle_en = "Beam"\ntitle_zh = "梁"\nmeasurement = "strain"\n'
        'metrics.strain = { unit = "1", title_en = "Strain", title_zh = "应变" }\nlorawan.codec = "javascript"\n'
    )
    (tmp_path / "beam" / "codec.js").write_text("function decodeUplink(input) { for (;;) {} }")
    context = Context(profiles=PROFILES | profile.load_all(tmp_path), report=site.kept.report)
    devices = [
        {"topic": f"{site.name}/+/x", "profile": "badge-reader"},
        {"dialect": "lorawan", "topics": [f"{site.name}/lora"], "profile": "beam"},
    ]
    table = {"broker": site.broker.url, "client_id": f"reader-{site.name}", "devices": devices}
    reader = mqtt.build("site-broker", settings.convert(table, mqtt.Settings, "test"), context)

    def cut_off() -> int:
        return sum("cut off" in what for _, what in site.kept.reports)

    async with (
        site.device() as publish,
        Connection(address=Address.parse(site.broker.url), client_id=f"server-{site.name}") as server,
        site.reading(reader),
    ):
        await site.subscribed(publish)
        for number in range(3):
            uplink = chirpstack(deduplicationId=str(number), fCnt=number, fPort=1)
            server.publish_soon(f"{site.name}/lora", json.dumps(uplink).encode())
        await publish("gate", {"person": "W-1", "place": "gate", "direction": "in"})
        await site.kept.until(lambda: any(isinstance(event, CheckIn) for event in site.kept.events))
        assert cut_off() < 3
        await site.kept.until(lambda: cut_off() == 3)


async def test_a_broker_that_was_killed_is_reported_and_read_again(tmp_path, unique_name):
    broker = Mosquitto(tmp_path / "broker")
    with running(broker):
        site = Site(broker, unique_name("site"))
        async with site.reading(site.reader({"profile": "badge-reader"})):
            async with site.device() as publish:
                await site.subscribed(publish)
                broker.kill()
            await site.kept.until(lambda: any("next try in" in what for _, what in site.kept.reports))
            broker.start()
            site.kept.reports.clear()
            async with site.device() as publish:
                await site.subscribed(publish)
                await publish("gate", {"person": "W-1", "place": "gate", "direction": "out"})
                await site.kept.until(lambda: bool(site.kept.events))
    assert site.kept.events[0].direction == "out"


async def test_a_filter_of_an_older_configuration_is_passed_over(site):
    old = site.reader({"profile": "badge-reader"})
    new = site.reader({"profile": "badge-reader", "topic": f"{site.name}/+/y"})
    async with site.device() as publish:
        async with site.reading(old):
            await site.subscribed(publish)
        await publish("gate", {"person": "W-1", "place": "gate", "direction": "in"})
        async with site.reading(new):
            await site.kept.until(lambda: any("not declared any more" in what for _, what in site.kept.reports))
    assert site.kept.events == []


async def test_no_error_of_the_broker_ends_the_reader(site):
    reader = site.reader({"profile": "badge-reader"}, broker="mqtt://127.0.0.1:1")
    async with site.reading(reader) as task:
        await site.kept.until(lambda: bool(site.kept.reports))
        assert not task.done()
    assert "check that the broker runs" in site.kept.reports[0][1]
    assert not isinstance(task, MqttError)
