"""Devices that publish straight to the site's broker: a real worker, a real Mosquitto."""

import asyncio
import contextlib
import gc
import json
from pathlib import Path

import pytest

from ingest import migrate
from plumbline.database import open_engine
from tests.batches import MemoryStore
from tests.direct_devices import Books, KilledError, device, eventually, listening, serving, worker
from tests.servers import Mosquitto, running

PLUG = """
[[direct]]
site = "yard"
dialect = "tasmota"
unknown_devices = "take"
own.mixer = { state = { state = "POWER", words = { ON = "working", OFF = "off" } } }
"""


@pytest.fixture
async def engine(database_url):
    engine = open_engine(database_url)
    await migrate(engine)
    yield engine
    await engine.dispose()


@pytest.fixture
async def sqlite(tmp_path: Path):
    engine = open_engine(f"sqlite:///{tmp_path}/one.db")
    await migrate(engine)
    yield engine
    await engine.dispose()


@contextlib.asynccontextmanager
async def dying(broker, sqlite, store, path, checkpoint):
    """A worker that dies, with a database connection of its own, as a process has one. Ends when it is dead."""
    engine = open_engine(str(sqlite.url))
    doomed = worker(broker, engine, store, path, checkpoint=checkpoint)
    task = asyncio.create_task(doomed.run())
    await eventually(lambda: listening(doomed), "the worker to hear the devices", task)
    yield
    with pytest.raises(ExceptionGroup):
        await asyncio.wait_for(task, 30)
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

    async with device(broker) as plug:
        async with dying(broker, sqlite, store, path, die):
            for i in range(12):
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


async def test_a_message_that_comes_again_is_known_but_one_that_is_the_same_is_not(broker, sqlite, store, declared):
    books, path = Books(sqlite), declared(PLUG)

    async def die(at):
        if at == "direct_kept":
            raise KilledError(at)

    async with device(broker) as plug:
        async with dying(broker, sqlite, store, path, die):
            await plug.publish("tele/slab/SENSOR", sensor(20))
        async with serving(worker(broker, sqlite, store, path)):
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


async def has(store, temperature):
    return any(fields.get("temperature_c") == temperature for fields in store.points.values())
