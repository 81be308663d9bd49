"""The ingest service against a real broker, on both databases, with the embedded series store."""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Self

import pytest
from sqlalchemy import select

from ingest import IngestService, deadletters, migrate
from ingest.ledger.report import report
from ingest.patience import Patience
from ingest.pipeline import STEPS
from ingest.receiving.receive import Grouping
from ingest.series import open_store
from plumbline import codec, topics
from plumbline.address import Address
from plumbline.database import open_engine
from plumbline.delivery import Presence
from plumbline.inbox import gateway, inbox
from plumbline.mqtt import Connection
from tests.batches import SITE, MemoryStore, batch, check_in, fix, reading, scan
from tests.servers import Mosquitto, PostgreSql, free_port, open_folder, running

QUICK = Patience(first_s=0.01, cap_s=0.05)


class KilledError(Exception):
    """The service dies here."""


@pytest.fixture
async def store(tmp_path: Path):
    store = await open_store(f"embedded:{tmp_path}/series.duckdb")
    yield store
    await store.aclose()


@pytest.fixture
def broker(tmp_path: Path):
    """A broker of the test's own: the service takes every site's topics."""
    server = Mosquitto(tmp_path / "broker")
    with running(server):
        yield server


def service(broker, engine, store, **options):
    return IngestService(
        **({"broker": broker.url, "engine": engine, "store": store, "sites": {"yard": SITE}, "patience": QUICK} | options)
    )


@contextlib.asynccontextmanager
async def serving(ingest):
    """Run a service; stop it in order at the end."""
    task = asyncio.create_task(ingest.run())
    try:
        yield ingest
    finally:
        ingest.stop()
        await asyncio.wait_for(task, 120)


async def eventually(condition, what):
    """Wait until an async condition holds."""
    try:
        async with asyncio.timeout(120):
            while not await condition():  # noqa: ASYNC110 - what is waited for happens in servers
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"waited for {what}") from None


class Gateway:
    """The other side: publishes batches and keeps the newest watermark of each class and epoch."""

    def __init__(self, broker, name="gw", version="5") -> None:
        self.connection = Connection(address=Address.parse(broker.url), client_id=f"test-{name}", version=version, inbound=1000)
        self.name = name
        self.upto: dict[tuple[str, str], int] = {}
        self.answers = 0

    async def __aenter__(self) -> Self:
        await self.connection.__aenter__()
        for event_class in ("business", "telemetry"):
            await self.connection.subscribe(topics.committed("yard", self.name, event_class))
        self.listener = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *error) -> None:
        self.listener.cancel()
        await self.connection.__aexit__(*error)

    async def _listen(self):
        async for message in self.connection.messages():
            mark = codec.decode_watermark(message.payload)
            key = (mark.event_class, mark.epoch)
            self.upto[key] = max(self.upto.get(key, 0), mark.upto)
            self.answers += 1
            message.ack()

    async def send(self, *messages):
        await asyncio.gather(*(self.connection.publish(topic, payload) for topic, payload in messages))

    async def committed(self, upto, event_class="business", epoch="e1"):
        async def reached():
            return self.upto.get((event_class, epoch), 0) >= upto

        try:
            await eventually(reached, f"{event_class} watermark {upto}")
        except AssertionError as error:
            raise AssertionError(f"{error}, is {self.upto}") from None


async def ids(engine):
    async with engine.connect() as connection:
        return list(await connection.scalars(select(inbox.c.event_id).order_by(inbox.c.event_id)))


async def points(store, measurement="scan"):
    rows = await store.latest("yard", measurement, 0)
    return {row.device: row.fields for row in rows}


@pytest.mark.parametrize(("version", "share"), [("5", "ingest"), ("3.1.1", None)])
async def test_batches_come_in_and_watermarks_go_back(broker, engine, store, version, share):
    woken = asyncio.Event()
    ingest = service(broker, engine, store, version=version, share=share, on_commit=woken.set)
    async with Gateway(broker, version=version) as gw, serving(ingest):
        await eventually(lambda: connected(broker, ingest), "the service to subscribe")
        await gw.send(batch([scan(1), check_in(2)]), batch([reading(1), fix(2)]), batch([scan(3)]))
        await gw.committed(3)
        await gw.committed(2, "telemetry")
        assert woken.is_set()
        await eventually(lambda: has_points(store, "scan"), "the projection")
        answers = gw.answers
        await gw.send(batch([scan(3)]))
        await eventually(lambda: answered(gw, answers + 1), "the answer to what came again")
        await eventually(lambda: has_heat(store, {"scans", "people", "machines", "noise", "dust"}), "heat")
    by_class = {s.event_class: s for s in await report(engine)}
    assert (by_class["business"].received, by_class["business"].duplicate, by_class["business"].missing) == (3, 1, 0)
    assert by_class["telemetry"].received == 2
    assert (await points(store, "environment"))["node"]["pm2_5"] == 13.0


async def has_heat(store, sources):
    return {cell.source for cell in await store.heat("yard", 0, 2**62)} == sources


async def connected(broker, ingest):
    """Whether it hears everything that it listens to: what is said before, no broker keeps."""
    return not ingest._away()


async def answered(gw, answers):
    return gw.answers >= answers


async def has_points(store, measurement):
    return bool(await points(store, measurement))


async def test_the_watermark_is_retained_for_a_gateway_that_comes_later(broker, engine, store):
    async with serving(service(broker, engine, store)) as ingest:
        await eventually(lambda: connected(broker, ingest), "the service to subscribe")
        async with Gateway(broker) as gw:
            await gw.send(batch([scan(1), scan(2)]))
            await gw.committed(2)
    async with Gateway(broker) as late:
        await late.committed(2)


@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_any_step_the_next_worker_brings_the_same_end(broker, engine, store, step):
    hits = 0

    async def die(at):
        nonlocal hits
        if at == step:
            hits += 1
            if hits == 2:
                raise KilledError(at)

    messages = [batch([scan(i), scan(i + 1)]) for i in range(1, 20, 2)] + [
        batch([reading(i), fix(i + 1)]) for i in range(1, 20, 2)
    ]
    options = {"worker": "w", "grouping": Grouping(messages=2)}
    async with Gateway(broker) as gw:
        first = service(broker, engine, store, checkpoint=die, **options)
        task = asyncio.create_task(first.run())
        await eventually(lambda: connected(broker, first), "the service to subscribe")
        await gw.send(*messages)
        with pytest.raises(ExceptionGroup):
            await asyncio.wait_for(task, 120)
        async with serving(service(broker, engine, store, **options)):
            await gw.committed(20)
            await gw.committed(20, "telemetry")
            await eventually(lambda: has_points(store, "scan"), "the projection")
    streams = await report(engine)
    assert [(s.received, s.missing, s.watermark) for s in streams] == [(20, 0, 20), (20, 0, 20)]
    kinds = [codec.decode_event(body).event_class for body in await bodies(engine)]
    assert kinds.count("business") == 20
    assert len(await store.history("yard", "position", "lat", start=0, end=2**62, every_ns=10**9)) == 10


async def bodies(engine):
    async with engine.connect() as connection:
        return list(await connection.scalars(select(inbox.c.body)))


async def test_a_poison_message_is_kept_and_blocks_nobody(broker, engine, store):
    async with serving(service(broker, engine, store)) as ingest, Gateway(broker) as gw:
        await eventually(lambda: connected(broker, ingest), "the service to subscribe")
        topic, good = batch([scan(1)])
        nasty = [b"", b"\xff\x00", b"[" * 100_000, b'{"v":99}', good[:40], good.replace(b"yard", b"moon")]
        await gw.send(*((topic, payload) for payload in nasty), (topic, good))
        await gw.committed(1)
    assert len(await deadletters.listing(engine)) == len(nasty)
    assert await ids(engine) == [scan(1).id]


async def test_a_dead_letter_is_replayed_by_the_running_service(broker, engine, store):
    sites = {}
    async with Gateway(broker) as gw:
        async with serving(service(broker, engine, store, sites=sites)) as ingest:
            await eventually(lambda: connected(broker, ingest), "the service to subscribe")
            await gw.send(batch([scan(1)]))
            await gw.committed(1)
        sites["yard"] = SITE
        await deadletters.request_replay(engine, now=1, reason="unknown_site")
        async with serving(service(broker, engine, store, sites=sites)):
            await eventually(lambda: has_points(store, "scan"), "the replayed scan")
    assert await ids(engine) == [scan(1).id]


async def test_a_store_that_is_down_holds_telemetry_at_the_broker_in_bounded_memory_and_business_goes_on(broker, engine):
    down = MemoryStore()
    down.down = True
    ingest = service(broker, engine, down, inbound=8, grouping=Grouping(messages=4))
    async with serving(ingest), Gateway(broker) as gw:
        await eventually(lambda: connected(broker, ingest), "the service to subscribe")
        await gw.send(*(batch([reading(i)]) for i in range(1, 101)))
        await gw.send(batch([scan(1)]))
        await gw.committed(1)
        messages = ingest.metrics.registry.get_sample_value("plumbline_ingest_messages_total", {"class": "telemetry"})
        assert messages is not None
        assert messages <= 8
        assert ("telemetry", "e1") not in gw.upto
        down.down = False
        await gw.committed(100, "telemetry")
    assert len(down.of("environment")) == 100


async def test_a_broker_that_is_killed_and_comes_back_loses_nothing_that_the_gateway_sends_again(broker, engine, store):
    async with serving(service(broker, engine, store)) as ingest:
        await eventually(lambda: connected(broker, ingest), "the service to subscribe")
        async with Gateway(broker) as gw:
            await gw.send(batch([scan(1)]))
            await gw.committed(1)
            broker.kill()
        broker.start()
        async with Gateway(broker) as gw:

            async def sent_until_committed():
                await gw.send(batch([scan(1)]), batch([scan(2)]))  # as an outbox does: again until the watermark passes it
                return gw.upto.get(("business", "e1"), 0) >= 2

            await eventually(sent_until_committed, "both scans")
    (stream,) = await report(engine)
    assert (stream.received, stream.missing) == (2, 0)


async def test_two_workers_share_the_subscription_and_keep_one_account(broker, engine, store):
    workers = [service(broker, engine, store, worker=name) for name in ("a", "b")]
    async with serving(workers[0]), serving(workers[1]), Gateway(broker) as gw:
        for worker in workers:
            await eventually(lambda worker=worker: connected(broker, worker), "the workers to subscribe")
        await gw.send(*(batch([scan(i)]) for i in range(1, 101)))
        await gw.committed(100)
    (stream,) = await report(engine)
    assert (stream.received, stream.duplicate, stream.missing) == (100, 0, 0)
    shares = [w.metrics.registry.get_sample_value("plumbline_ingest_messages_total", {"class": "business"}) for w in workers]
    assert sum(shares) == 100
    assert min(shares) > 0


async def test_presence_is_followed_and_tells_since_when_a_gateway_is_away(broker, engine, store):
    topic = topics.presence("yard", "gw")

    async def row():
        async with engine.connect() as connection:
            found = (await connection.execute(select(gateway))).mappings().one_or_none()
            return dict(found) if found else {}

    async with serving(service(broker, engine, store)) as ingest, Gateway(broker) as gw:
        await eventually(lambda: connected(broker, ingest), "the service to subscribe")
        said = Presence(site="yard", gateway="gw", online=True, at=1000, agent="a" * 200 + "\0")
        await gw.connection.publish(topic, b"", retain=True)
        await gw.connection.publish(topic, b"nonsense")
        await gw.connection.publish(topic, codec.encode(said), retain=True)

        async def online(value):
            return (await row()).get("online") is value

        await eventually(lambda: online(True), "the birth")
        assert ((await row())["since"], (await row())["agent"]) == (1000, "a" * 64)
        seen = (await row())["last_seen"]
        gone = Presence(site="yard", gateway="gw", online=False, at=1000)
        await gw.connection.publish(topic, codec.encode(gone), retain=True)
        await eventually(lambda: online(False), "the will")
        assert (await row())["since"] == seen
        assert [letter["reason"] for letter in await deadletters.listing(engine)] == ["not_json"]


async def test_stopped_in_the_middle_everything_taken_is_committed_and_answered(broker, engine, store):
    async with Gateway(broker) as gw:
        async with serving(service(broker, engine, store, worker="w")) as ingest:
            await eventually(lambda: connected(broker, ingest), "the service to subscribe")
            await gw.send(*(batch([scan(i)]) for i in range(1, 201)))
        async with serving(service(broker, engine, store, worker="w")):
            await gw.committed(200)
    (stream,) = await report(engine)
    assert (stream.received, stream.missing) == (200, 0)


async def test_a_database_that_is_killed_is_waited_for(broker, store):
    with open_folder("killed") as folder, running(PostgreSql(folder / "server")) as server:
        engine = open_engine(server.url)
        await migrate(engine)
        async with serving(service(broker, engine, store)) as ingest, Gateway(broker) as gw:
            await eventually(lambda: connected(broker, ingest), "the service to subscribe")
            await gw.send(batch([scan(1)]), batch([reading(1)]))
            await gw.committed(1)
            server.kill()
            await gw.send(batch([scan(2)]), batch([reading(2)]))

            async def tried():
                return bool(ingest.metrics.registry.get_sample_value("plumbline_ingest_retries_total", {"what": "database"}))

            await eventually(tried, "a try without a database")
            await asyncio.to_thread(server.start)
            await gw.committed(2)
            await gw.committed(2, "telemetry")
        assert [(s.received, s.missing) for s in await report(engine)] == [(2, 0), (2, 0)]
        await engine.dispose()


async def test_a_service_whose_broker_is_away_can_be_stopped(engine, store):
    class Nowhere:
        url = f"mqtt://127.0.0.1:{free_port()}"

    async with serving(service(Nowhere, engine, store)) as ingest:
        assert not await connected(Nowhere, ingest)


async def test_the_bodies_in_the_inbox_are_json_objects(broker, engine, store):
    async with serving(service(broker, engine, store)) as ingest, Gateway(broker) as gw:
        await eventually(lambda: connected(broker, ingest), "the service to subscribe")
        await gw.send(batch([scan(1)]))
        await gw.committed(1)
    assert [json.loads(body)["kind"] for body in await bodies(engine)] == ["scan"]
