"""Devices that publish straight to the site's broker: a real worker, a real Mosquitto."""

import asyncio
import contextlib
import gc
import itertools
import json
import re
import signal
import time
from pathlib import Path

import pytest
from msgspec import structs
from sqlalchemy import select

from edge_agent.readers import mqtt
from ingest import deadletters, migrate
from ingest.direct.messages import Messages
from ingest.direct.tables import direct_lane
from ingest.projection.points import OWN_MEASUREMENTS, PointMaker
from plumbline import codec
from plumbline.database import open_engine
from plumbline.event import Event
from plumbline.inbox import gateway
from plumbline.series import Point
from plumbline.site import Device
from tests import databases
from tests.batches import SITE, MemoryStore
from tests.direct_devices import Books, KilledError, device, eventually, listening, serving, voices, worker
from tests.servers import Mosquitto, running
from tests.unit.plumbline.dialects.said_events import payload_of

PLUG = """
[[direct]]
site = "yard"
dialect = "tasmota"
unknown_devices = "take"
own.mixer = { state = { state = "POWER", words = { ON = "working", OFF = "off" } } }
"""


@pytest.fixture
async def sqlite(tmp_path: Path):
    engine = await databases.opened(f"sqlite:///{tmp_path}/one.db", migrate)
    yield engine
    await engine.dispose()


@contextlib.asynccontextmanager
async def dying(broker, sqlite, store, path, checkpoint, **options):
    """A worker that dies, with a database connection of its own, as a process has one. Ends when it is dead."""
    engine = open_engine(str(sqlite.url))
    doomed = worker(broker, engine, store, path, checkpoint=checkpoint, **options)
    task = asyncio.create_task(doomed.run())
    await eventually(lambda: listening(doomed), "the worker to hear the devices", task)
    yield
    with pytest.raises(ExceptionGroup):
        await asyncio.wait_for(task, 120)
    await engine.dispose()
    del task
    gc.collect()  # what a process that died has left: no open transaction


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def broker(tmp_path: Path):
    server = Mosquitto(tmp_path / "broker")
    with running(server):
        yield server


@pytest.fixture
def declared(tmp_path: Path):
    """Writes the file of direct devices."""

    def write(text: str) -> Path:
        path = tmp_path / "direct.toml"
        path.write_text(text)
        return path

    return write


def sensor(temperature: float) -> bytes:
    return json.dumps({"AM2301": {"Temperature": temperature, "Humidity": 40}, "TempUnit": "C"}).encode()


async def test_a_plug_is_heard_counted_and_stored(broker, engine, store, declared):
    books = Books(engine)
    async with device(broker) as plug, serving(worker(broker, engine, store, declared(PLUG))):
        for i in range(5):
            await plug.publish("tele/slab/SENSOR", sensor(20 + i))
        await plug.publish("stat/mixer/RESULT", b'{"POWER":"ON"}')
        await plug.publish("stat/mixer/RESULT", b'{"POWER":"ON"}', qos=0)
        await books.read(7)
    streams = await books.streams()
    assert {(row["gateway"], row["event_class"], row["received"], row["upto"], row["beyond"]) for row in streams} == {
        ("direct-tasmota", "telemetry", 5, 5, "[]"),
        ("direct-tasmota", "business", 1, 1, "[]"),
    }
    assert [event["state"] for event in await books.events()] == ["working"]
    assert sorted(fields["temperature_c"] for key, fields in store.points.items() if key[0] == "environment") == [
        20,
        21,
        22,
        23,
        24,
    ]
    assert await books.tally() == {"messages": 7, "redelivered": 0, "qos0": 1, "retained": 0}
    assert await books.letters() == []


async def received(books, count, event_class=None):
    return await books.received(event_class) == count


STEPS = ("direct_taken", "direct_kept", "direct_acknowledged", "points", "ledger", "inbox", "commit")


@pytest.mark.parametrize("kill", [(step, hit) for step in STEPS for hit in (1, 2)], ids=str)
async def test_killed_at_any_step_nothing_of_qos_1_is_lost_and_nothing_comes_twice(broker, sqlite, store, declared, kill):
    books, hits, path = Books(sqlite), 0, declared(PLUG)
    step, hit = kill

    async def die(at):
        nonlocal hits
        hits += at == step
        if at == step and hits == hit:
            raise KilledError(at)

    async def reached():
        return hits > 0

    async with device(broker) as plug:
        async with dying(broker, sqlite, store, path, die):
            for i in range(12):
                if i == 6:  # what follows comes in another group
                    await eventually(reached, f"the first {step}")
                await plug.publish("tele/slab/SENSOR", sensor(i))
                await plug.publish("stat/mixer/RESULT", b'{"POWER":"%s"}' % (b"OFF" if i % 2 else b"ON"))
        async with serving(worker(broker, sqlite, store, path)):
            await plug.publish("tele/slab/SENSOR", sensor(12))
            await books.read(25)
    assert (await books.tally())["messages"] == 25
    assert await books.received("telemetry") == 13
    assert sorted(fields["temperature_c"] for key, fields in store.points.items() if key[0] == "environment") == list(range(13))
    states = [event["state"] for event in await books.events()]
    # a new worker does not know the last state of a device, as a gateway that starts does not
    assert [one for i, one in enumerate(states) if i == 0 or states[i - 1] != one] == ["working", "off"] * 6
    assert len(states) - 12 <= 1
    assert all(row["beyond"] == "[]" and row["upto"] == row["received"] for row in await books.streams())
    assert await books.letters() == []


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_a_message_that_comes_again_is_known_but_one_that_is_the_same_is_not(broker, sqlite, store, declared, version):
    books, path = Books(sqlite), declared(PLUG)
    spoken = {"version": version, "share": "ingest" if version == "5" else None}

    async def die(at):
        if at == "direct_kept":
            raise KilledError(at)

    async with device(broker) as plug:
        async with dying(broker, sqlite, store, path, die, **spoken):
            await plug.publish("tele/slab/SENSOR", sensor(20))
        async with serving(worker(broker, sqlite, store, path, **spoken)):
            await plug.publish("tele/slab/SENSOR", sensor(20))
            await books.read(2)
            await eventually(lambda: tallied(books, redelivered=1), "the repetition")
    assert await books.tally() == {"messages": 2, "redelivered": 1, "qos0": 0, "retained": 0}
    assert await books.received() == 2


async def tallied(books, **counts):
    tally = await books.tally()
    return all(tally[name] == count for name, count in counts.items())


async def test_a_series_store_that_is_away_holds_no_state_up(broker, sqlite, store, declared):
    books = Books(sqlite)
    store.down = True
    async with device(broker) as plug, serving(worker(broker, sqlite, store, declared(PLUG))):
        for i in range(200):  # more than may be on their way from the broker at once
            await plug.publish("tele/slab/SENSOR", sensor(i))
        await plug.publish("stat/mixer/RESULT", b'{"POWER":"ON"}')
        await eventually(lambda: received(books, 1, "business"), "the state")
        assert await books.received("telemetry") == 0
        store.down = False
        await eventually(lambda: received(books, 200, "telemetry"), "the readings")
    assert len(store.of("environment")) == 200


async def test_what_was_kept_from_before_is_counted_and_passed_over(broker, sqlite, store, declared):
    books = Books(sqlite)
    async with device(broker) as plug:
        await plug.publish("tele/slab/SENSOR", sensor(20), retain=True)
        async with serving(worker(broker, sqlite, store, declared(PLUG))):
            await plug.publish("tele/slab/SENSOR", sensor(21))
            await books.read(2)
    assert await books.tally() == {"messages": 2, "redelivered": 0, "qos0": 0, "retained": 1}
    assert await books.received() == 1


async def test_the_time_in_which_nobody_listened_is_told(broker, sqlite, store, declared):
    books, path = Books(sqlite), declared(PLUG)
    async with device(broker) as plug:
        async with serving(worker(broker, sqlite, store, path)):
            pass
        await plug.publish("tele/slab/SENSOR", sensor(20))
        async with serving(worker(broker, sqlite, store, path)):
            await books.read(1)
        assert [gap["kept"] for gap in await books.gaps()] == [True]
    path.write_text(PLUG.replace("dialect", "session_expiry_s = 0\ndialect"))
    async with serving(worker(broker, sqlite, store, path)):
        pass
    async with serving(worker(broker, sqlite, store, path)):
        pass
    gaps = await books.gaps()
    assert [gap["kept"] for gap in gaps] == [True, False, False]
    assert all(gap["since"] < gap["until"] for gap in gaps)


async def test_another_worker_takes_over_and_gets_what_the_broker_kept(broker, sqlite, store, declared):
    books, path = Books(sqlite), declared(PLUG)
    async with device(broker) as plug:
        async with serving(worker(broker, sqlite, store, path, worker="one")):
            second = worker(broker, sqlite, store, path, worker="two")
            task = asyncio.create_task(second.run())
            await plug.publish("tele/slab/SENSOR", sensor(20))
            await books.read(1)
            assert not await listening(second)
        await plug.publish("tele/slab/SENSOR", sensor(21))
        await eventually(lambda: listening(second), "the other worker to take over", task)
        await books.read(2)
        second.stop()
        await task
    assert await books.received() == 2
    assert len({row["epoch"] for row in await books.streams() if row["event_class"] == "telemetry"}) == 2


async def test_hostile_payloads_stop_nobody(broker, engine, store, declared):
    books = Books(engine)
    nasty = [b"", b"\xff" * 50, b"[" * 20_000, b"NaN", b'{"AM2301":{"Temperature":"x"}}', b"\x12\x7f", b"{}", b"0"]
    nasty += [b'{"AM2301":{"Temperature":1e999}}', b'{"\\ud800":{"Temperature":1}}', b'{"a\\u0000b":{"Temperature":1}}']
    nasty += [b'{"POWER":"\\u0000\\ud800"}', b"x" * 70_000, b'{"Time":"0000-00-00","AM2301":{"Temperature":-1e308}}']
    names = ["slab", "mixer", "a b", "\u5854\u540a", "+x"[1:], "x" * 300, "..", "-"]
    text = PLUG.replace("dialect", "max_bytes = 65536\ndialect") + (
        '[[direct]]\nsite = "yard"\ntopic = "text/+"\npayload = "text"\nmeasurement = "environment"\nunknown_devices = "take"\n'
        'metrics.temperature_c = { unit = "Cel", title_en = "T", title_zh = "T", path = "" }\n'
    )
    count = 0
    async with device(broker) as plug, serving(worker(broker, engine, store, declared(text))):
        for name in names:
            for payload in nasty:
                for topic in ("tele/{}/SENSOR", "stat/{}/RESULT", "tele/{}/LWT", "text/{}"):
                    await plug.publish(topic.format(name), payload, qos=count % 2)
                    count += 1
        await plug.publish("tele/good/SENSOR", sensor(20))
        await books.read(count + 1)
        await eventually(lambda: has(store, 20), "the good one behind them")
    letters = await books.letters()
    assert letters
    assert {letter["reason"] for letter in letters} <= {"undecodable", "partly_undecodable"}
    assert all(row["beyond"] == "[]" for row in await books.streams())


async def has(store, value, name="temperature_c"):
    return any(fields.get(name) == value for fields in store.points.values())


async def test_a_device_that_the_site_file_does_not_name_waits_until_it_does(broker, engine, store, declared):
    books, sites = Books(engine), {"yard": SITE}
    path = declared('[[direct]]\nsite = "yard"\ndialect = "tasmota"\n')
    async with device(broker) as plug, serving(worker(broker, engine, store, path, sites=sites)):
        await plug.publish("tele/slab/SENSOR", sensor(20))
        await plug.publish("tele/mixer/SENSOR", sensor(21))
        await books.read(2)
        letters = await books.letters()
        assert [(letter["reason"], letter["gateway"], letter["seq"]) for letter in letters] == [
            ("unknown_device", "direct-tasmota", 1)
        ]
        assert await books.received() == 1
        slab = Device(id="slab", title_en="Slab", title_zh="板", kind="environment")
        sites["yard"] = structs.replace(SITE, devices=(*SITE.devices, slab))
        await deadletters.request_replay(engine, now=1, reason="unknown_device")
        await eventually(lambda: received(books, 2), "the letter to come in")
    stream = next(row for row in await books.streams() if row["event_class"] == "telemetry")
    assert (stream["upto"], stream["received"], stream["dead"]) == (2, 2, 0)
    assert {dict(key[1])["device"] for key in store.of("environment")} == {"slab", "mixer"}


LEVEL = """
[[direct]]
site = "yard"
name = "tanks"
topic = "tanks/+/level"
measurement = "equipment"
unknown_devices = "take"
metrics.level = { unit = "%", title_en = "Level", title_zh = "L", path = "level", maximum = LIMIT }
metrics.volts = { unit = "V", title_en = "Volts", title_zh = "V", path = "volts" }
state = { state = "pump" }
"""


async def test_what_could_not_be_read_is_read_once_the_mistake_is_mended(broker, engine, store, declared):
    books, path = Books(engine), declared(LEVEL.replace("LIMIT", "50"))
    async with device(broker) as tank:
        async with serving(worker(broker, engine, store, path)):
            await tank.publish("tanks/t1/level", b'{"level": 60, "pump": "odd"}')
            await tank.publish("tanks/t2/level", b'{"level": 70, "volts": 24, "pump": "working"}')
            await tank.publish("tanks/t3/level", b"nonsense")
            await books.read(3)
            assert await books.received() == 2
        reasons = [letter["reason"] for letter in await books.letters()]
        assert sorted(reasons) == ["partly_undecodable", "undecodable", "undecodable"]
        declared(LEVEL.replace("LIMIT", "100").replace('"pump" }', '"pump", words = { odd = "idle" } }'))
        async with serving(worker(broker, engine, store, path)):
            await deadletters.request_replay(engine, now=1)
            await eventually(lambda: replayed(books, 2), "two letters to be taken")
            await eventually(lambda: received(books, 4), "the events of the first")
            await eventually(lambda: has(store, 70, "level"), "the value of the second")
    assert await books.received("business") == 2
    assert sorted(event["device"] for event in await books.events()) == ["t1", "t2"]
    second = [fields for key, fields in store.points.items() if ("device", "t2") in key[1] and key[0] == "equipment"]
    assert second == [{"level": 70.0, "volts": 24.0}]
    left = [letter for letter in await books.letters() if letter["replayed_at"] is None]
    assert [(letter["topic"], letter["payload"]) for letter in left] == [("tanks/t3/level", b"nonsense")]


async def replayed(books, count):
    return sum(letter["replayed_at"] is not None for letter in await books.letters()) == count


async def test_a_changed_file_is_taken_and_a_wrong_one_is_not(broker, sqlite, store, declared):
    books = Books(sqlite)
    path = declared(PLUG)
    async with device(broker) as plug, serving(worker(broker, sqlite, store, path)) as ingest:
        path.write_text(PLUG + '[[direct]]\nsite = "yard"\ndialect = "tasmoto"\n')
        direct = ingest._direct
        await eventually(lambda: refused(direct), "the mistake to be seen")
        path.write_text(PLUG + LEVEL.replace("LIMIT", "100"))
        await eventually(lambda: heard(ingest, 2), "the second table to be heard")
        await plug.publish("tanks/t1/level", b'{"level": 60}')
        await plug.publish("tele/slab/SENSOR", sensor(20))
        await eventually(lambda: received(books, 2), "both")
        path.write_text(LEVEL.replace("LIMIT", "100"))
        await eventually(lambda: heard(ingest, 1), "the first table to end")
    assert {row["gateway"] for row in await books.streams()} == {"direct-tasmota", "tanks"}


async def refused(direct):
    return direct.mistake is not None and "did you mean 'tasmota'?" in direct.mistake


async def heard(ingest, count):
    return sum(await voices(ingest)) == count


async def test_a_window_that_is_open_at_the_end_of_service_is_not_lost(broker, sqlite, store, declared):
    books = Books(sqlite)
    text = LEVEL.replace('state = { state = "pump" }', "").replace(
        "LIMIT", "100, filter = { window = { every_s = 3600, give = ['mean', 'count'] } }"
    )
    async with device(broker) as tank, serving(worker(broker, sqlite, store, declared(text))):
        for level in (10, 20, 60):
            await tank.publish("tanks/t1/level", b'{"level": %d}' % level)
        await books.read(3)
    levels = [fields for (measurement, _, _), fields in store.points.items() if measurement == "equipment"]
    assert levels == [{"level": 30.0, "level_count": 3.0}]  # ingest tells of itself every ten seconds
    assert await books.received() == 1


CASES = sorted(Path(mqtt.__file__).parent.glob("testcases/*"))


def made_straight(config: str) -> str:
    """The agent's tables as tables of direct devices."""
    numbers = itertools.count()
    return re.sub(
        r"\[\[devices\]\]",
        lambda _: f'[[direct]]\nsite = "yard"\nname = "d{next(numbers)}"\nunknown_devices = "take"',
        config.replace("[devices.", "[direct."),
    )


def whole(fields: dict) -> Event:
    """An event of an agent, of which the header does not matter."""
    told = {"at": fields["at_ns"]} if "at_ns" in fields else {"at": 0}
    header = {"id": "01890a5d-ac96-774b-bcce-b302099a8057", "site": "yard", "gateway": "g", "epoch": "e", "seq": 1}
    clock = {"quality": "ntp", "boot": "b", "mono": 1}
    rest = {name: value for name, value in fields.items() if name != "at_ns"}
    return codec.decode_event(json.dumps(header | {"clock": clock} | told | rest).encode())


def seen(point: Point, told: set[int]) -> tuple:
    """A point, with its time where a device told that (two things of one instant lie a nanosecond apart)."""
    at = point.at // 1000 * 1000
    return point.measurement, frozenset(point.tags.items()), frozenset(point.fields.items()), at if at in told else None


@pytest.mark.parametrize("case", [one for one in CASES if one.name != "sensor-trouble"], ids=lambda one: one.name)
async def test_each_dialect_says_the_same_straight_as_through_an_agent(broker, sqlite, store, declared, case):
    books = Books(sqlite)
    expected = [whole(fields) for fields in json.loads((case / "expected.json").read_text())["events"]]
    path = declared(made_straight((case / "config.toml").read_text()))
    messages = [(topic, payload_of(payload)) for topic, payload in json.loads((case / "input.json").read_text())]
    async with device(broker) as one, serving(worker(broker, sqlite, store, path)):
        for topic, payload in messages:
            await one.publish(topic, payload)
        await books.read(len(messages))
    told = {event.at // 1000 * 1000 for event in expected} - {0}
    telemetry = PointMaker(SITE).points([event for event in expected if event.event_class == "telemetry"])
    wanted = {seen(point, told) for point in telemetry}
    points = [Point(key[0], dict(key[1]), fields, key[2]) for key, fields in store.points.items()]
    others = OWN_MEASUREMENTS - {"position", "gateway_health"}
    assert {seen(point, told) for point in points if point.measurement not in others} == wanted
    business = [json.loads(codec.encode(event)) for event in expected if event.event_class == "business"]
    header = {"id", "gateway", "epoch", "seq", "clock"}
    plain = [
        {n: v for n, v in event.items() if n not in header and (n != "at" or v // 1000 * 1000 in told)} for event in business
    ]
    inbox = [event for event in await books.events() if event["kind"] != "fix"]
    for event in (*inbox, *plain):
        event["at"] = event.get("at", 0) // 1000 * 1000 if event.get("at", 0) // 1000 * 1000 in told else 0
    assert [{n: v for n, v in event.items() if n not in header} for event in inbox] == plain


async def test_a_broker_that_restarts_is_heard_again_and_the_time_without_it_is_told(broker, sqlite, store, declared):
    books = Books(sqlite)
    async with serving(worker(broker, sqlite, store, declared(PLUG))) as ingest:
        async with device(broker) as plug:
            await plug.publish("tele/slab/SENSOR", sensor(20))
            await books.read(1)
        broker.stop()
        await eventually(lambda: silent(ingest), "the loss to be seen")
        await eventually(lambda: standing(books, online=False), "that to be told")
        broker.start()
        await eventually(lambda: standing(books, online=True), "the worker to hear the devices again")
        async with device(broker, "other") as plug:
            await plug.publish("tele/slab/SENSOR", sensor(21))
            await books.read(2)
    assert [gap["kept"] for gap in await books.gaps()] == [True]
    assert await standing(books, online=False)
    assert await books.received() == 2


async def test_devices_are_online_though_the_database_stood_still_when_that_was_to_be_said(
    broker, sqlite, store, declared, monkeypatch
):
    real = Messages.say

    async def away_once(self, presence, now):
        monkeypatch.setattr(Messages, "say", real)
        raise TimeoutError("no answer")

    monkeypatch.setattr(Messages, "say", away_once)
    async with serving(worker(broker, sqlite, store, declared(PLUG))):
        await eventually(lambda: standing(Books(sqlite), online=True), "the devices to be online")


async def test_the_time_without_a_broker_begins_when_it_last_answered_not_when_its_silence_was_noticed(
    broker, sqlite, store, declared
):
    books = Books(sqlite)

    async def beats():
        [lane] = await books.rows(select(direct_lane))
        return lane["beat"]

    async def beaten(count):
        return await beats() >= count

    async with serving(worker(broker, sqlite, store, declared(PLUG))) as ingest:
        broker.process.send_signal(signal.SIGSTOP)
        stopped_at = time.time_ns()
        before = await beats()
        await eventually(lambda: beaten(before + 2), "the worker to say twice that it lives")
        broker.kill()
        await eventually(lambda: silent(ingest), "the loss to be seen")
        broker.start()
        await eventually(lambda: standing(books, online=True), "the worker to hear the devices again")
    [gap] = await books.gaps()
    assert gap["since"] <= stopped_at


async def standing(books, *, online):
    rows = await books.rows(select(gateway))
    return [(row["gateway"], row["online"]) for row in rows] == [("direct-tasmota", online)]


async def silent(ingest):
    return not await listening(ingest)
