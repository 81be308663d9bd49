"""Dead letters: whose they are, which of them stay when there are too many, and how they come back once and only once."""

import asyncio

import msgspec
import pytest
import structlog
from sqlalchemy import func, select, update

from ingest import deadletters
from ingest.deadletters.keeping import device_of
from ingest.deadletters.newcomers import AGAIN_NS, Newcomers
from ingest.deadletters.replay import Replayer
from ingest.ledger.report import report
from ingest.operations.metrics import Metrics
from ingest.patience import Patience, Stop
from ingest.pipeline import Pipeline
from ingest.projection.projector import Projector
from ingest.receiving.parcel import Letter, open_parcel
from ingest.registry.sites import Registry
from ingest.tables import dead_letter
from plumbline import codec
from plumbline.delivery import StreamKey
from plumbline.event import CLASSES
from plumbline.inbox import inbox
from tests.batches import NOON, SITE, MemoryStore, batch, fix, reading, scan

BUSINESS = StreamKey("yard", "gw", "e1", "business")
TELEMETRY = StreamKey("yard", "gw", "e1", "telemetry")


async def keep(engine, retention, letters, now=NOON):
    async with engine.begin() as connection:
        await deadletters.keep(connection, [(letter, None) for letter in letters], now=now)
    return await retention.added(engine, letters)


def of_business(reason, numbers):
    return [Letter("t", reason, "", codec.encode(scan(i)), BUSINESS, i) for i in numbers]


def of_telemetry(reason, numbers):
    return [Letter("t", reason, "", codec.encode(reading(i)), TELEMETRY, i) for i in numbers]


def garbage(count, size, start=0):
    return [Letter("t", "not_json", "", b"%08d" % i + bytes(size)) for i in range(start, start + count)]


async def left(engine):
    async with engine.connect() as connection:
        rows = await connection.execute(select(dead_letter.c.reason, func.count()).group_by(dead_letter.c.reason))
        return dict(rows.all())


async def test_a_flood_of_one_reason_pushes_out_nothing_but_itself(engine):
    retention = deadletters.Retention(400_000)
    await keep(engine, retention, of_business("unknown_site", range(1, 51)))
    await keep(engine, retention, of_telemetry("over_budget", range(1, 51)))
    for start in range(0, 300, 10):
        await keep(engine, retention, garbage(10, 20_000, start))
    found = await left(engine)
    assert (found["unknown_site"], found["over_budget"]) == (50, 50)
    assert 5 < found["not_json"] < 25
    async with engine.connect() as connection:
        newest = await connection.scalar(select(dead_letter.c.payload).order_by(dead_letter.c.id.desc()).limit(1))
    assert newest.startswith(b"00000299")


async def test_reasons_share_the_room_and_business_goes_last(engine):
    retention = deadletters.Retention(60_000)
    await keep(engine, retention, of_telemetry("unknown_device", range(1, 11)))
    await keep(engine, retention, of_telemetry("over_budget", range(101, 301)))
    found = await left(engine)
    assert found["unknown_device"] == 10
    assert found["over_budget"] > 40
    await keep(engine, retention, of_business("invalid", range(1, 201)))
    found = await left(engine)
    assert found["invalid"] > 60
    assert found.keys() == {"invalid"}


async def test_replayed_letters_are_the_first_to_go(engine):
    retention = deadletters.Retention(60_000)
    await keep(engine, retention, of_business("unknown_site", range(1, 31)))
    async with engine.begin() as connection:
        await connection.execute(update(dead_letter).values(replayed_at=1))
    await keep(engine, retention, garbage(2, 25_000))
    assert (await left(engine))["not_json"] == 2
    assert (await left(engine)).get("unknown_site", 0) < 30


async def test_piles_tell_whose_letters_they_are_how_many_since_when_and_what_to_do(engine):
    retention = deadletters.Retention()
    again = of_telemetry("unknown_device", [1])
    await keep(engine, retention, [*again, *of_telemetry("unknown_device", [2, 3])], now=NOON)
    await keep(engine, retention, again, now=NOON + 9)
    await keep(engine, retention, garbage(1, 10), now=NOON + 5)
    first, second = await deadletters.overview(engine)
    assert (first.reason, first.site, first.device, first.letters, first.times) == ("unknown_device", "yard", "node", 3, 4)
    assert (first.first_at, first.last_at) == (NOON, NOON + 9)
    assert "add the device to the site file" in first.remedy
    assert (second.reason, second.site, second.device) == ("not_json", None, None)
    assert [pile.reason for pile in await deadletters.overview(engine, since=NOON + 6)] == ["unknown_device"]
    assert [pile.reason for pile in await deadletters.overview(engine, site="moon")] == []
    assert await deadletters.count(engine, device="node", gateway="gw") == 3


@pytest.mark.parametrize(
    ("payload", "device"),
    [
        (b'{"device":"node 1","at":-1}', "node 1"),
        (b'{"device":7}', None),
        (b'{"device":"a\\u0000' + b"x" * 100 + b'"}', "a\ufffd" + "x" * 62),
        (b"[" * 10_000, None),
        (b"\xff", None),
        (b'{"device":"' + b"x" * 70_000 + b'"}', None),
    ],
)
def test_the_device_is_read_as_far_as_the_rest_lets_it(payload, device):
    assert device_of(payload) == device


class Bench:
    """A pipeline and two replayers over the same tables, without MQTT."""

    def __init__(self, engine, sites) -> None:
        self.store = MemoryStore()
        common = {"engine": engine, "store": self.store, "sites": sites, "clock": lambda: NOON, "metrics": Metrics()}
        retention = deadletters.Retention()
        self.pipelines = {name: Pipeline(**common, event_class=name, retention=retention) for name in CLASSES}
        self.projector = Projector(**common, stop=Stop(), retention=retention, patience=Patience())
        self.replayers = [
            Replayer(**common, pipelines=self.pipelines, stop=Stop(), on_commit=lambda: None, patience=Patience())
            for _ in range(2)
        ]
        self.sites = sites

    async def take(self, *messages):
        for topic, payload in messages:
            parcel = open_parcel(topic, payload, sites=self.sites, received_at=NOON, ack=lambda: None)
            await self.pipelines["business" if "business" in topic else "telemetry"].commit([parcel])


async def test_two_workers_that_replay_the_same_letters_take_each_once(engine):
    sites = {}
    bench = Bench(engine, sites)
    await bench.take(*(batch([scan(i), scan(i + 1)]) for i in range(1, 40, 2)), *(batch([fix(i)]) for i in range(1, 21)))
    sites["yard"] = SITE
    assert await deadletters.request_replay(engine, now=1) == 60
    while sum(await asyncio.gather(*(one.replay() for one in bench.replayers))):
        pass
    counts = [(s.received, s.dead, s.missing) for s in await report(engine)]
    assert counts == [(40, 0, 0), (20, 0, 0)]
    assert sum(day.received for stream in await report(engine) for day in stream.days) == 60
    async with engine.connect() as connection:
        assert await connection.scalar(select(func.count()).select_from(inbox)) == 60


async def test_a_point_of_business_that_the_store_refused_is_written_by_the_replay(engine):
    bench = Bench(engine, {"yard": SITE})
    bench.store.refuses = "scan"
    await bench.take(batch([scan(1)]))
    assert await bench.projector.project() == 1
    bench.store.refuses = None
    assert await deadletters.request_replay(engine, now=1, reason="point_refused") == 1
    await bench.replayers[0].replay()
    assert len(bench.store.of("scan")) == 1
    assert (await report(engine))[0].received == 1


async def test_letters_of_a_late_site_are_called_up_again_and_again_for_a_while_and_others_only_told(engine):
    sites = Registry({})
    now = NOON
    newcomers = Newcomers(engine=engine, sites=sites, clock=lambda: now)
    retention = deadletters.Retention()
    await keep(engine, retention, [*of_business("unknown_site", [1, 2]), *of_telemetry("unknown_device", [1])])
    assert await newcomers.look() == 0
    sites.replace({"yard": msgspec.structs.replace(SITE, unknown_devices="set_aside")})
    with structlog.testing.capture_logs() as logs:
        assert await newcomers.look() == 2
    assert [(line["letters"], line.get("do")) for line in logs] == [
        (1, "plumbline deadletters replay --reason unknown_device"),
        (2, None),
    ]
    await keep(engine, retention, of_business("unknown_site", [3]))  # another worker still judged by the files of before
    assert await newcomers.look() == 0
    now += AGAIN_NS // 2
    assert await newcomers.look() == 1
    now += AGAIN_NS
    assert await newcomers.look() == 0
    await keep(engine, retention, of_business("unknown_site", [4]))
    now += AGAIN_NS
    assert await newcomers.look() == 0
