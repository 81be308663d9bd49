"""A gateway wakes up in 1970, and its events leave before anybody knows the time: in the end the office has them all, once, right."""

import asyncio
import contextlib
import sys
import time
import types
from functools import partial
from pathlib import Path

import pytest
from msgspec import Struct, structs
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from edge_agent import config
from edge_agent.agent import Agent
from edge_agent.reader import Capture
from edge_agent.readers import READERS
from ingest import IngestService
from ingest.clocks.corrections import Corrector, learn
from ingest.deadletters import LIMIT_BYTES, Retention, listing
from ingest.deadletters.replay import Replayer
from ingest.ledger.report import report
from ingest.operations.metrics import Metrics
from ingest.patience import Patience, Stop
from ingest.pipeline import Pipeline
from ingest.receiving.parcel import open_parcel
from plumbline import codec
from plumbline.clock import EventClock
from plumbline.clock_set import BootReference, ClockSet
from plumbline.event import CLASSES, ClockReading, Reading, Scan
from plumbline.inbox import inbox
from tests.batches import NOON, SITE, MemoryStore, batch, reading, scan
from tests.integration.tiny_ingest import until
from tests.servers import Mosquitto, running

S = 10**9
QUICK = Patience(first_s=0.01, cap_s=0.05)
MONO = 50 * S
OFFSET = NOON - MONO
"""The boot was 50 s before noon, in truth."""
SAID = ClockSet(
    site="yard", gateway="gw", boots=(BootReference(boot="b1", quality="gps", offset_ns=OFFSET, before_ns=MONO + 10 * S),)
)
LONG_AGO = 1_704_067_200 * S


@pytest.fixture
def broker(tmp_path: Path):
    server = Mosquitto(tmp_path / "broker")
    with running(server):
        yield server


async def inbox_rows(engine):
    async with engine.connect() as connection:
        return (await connection.execute(select(inbox).order_by(inbox.c.position))).all()


async def eventually(condition, what):
    try:
        async with asyncio.timeout(120):
            while not await condition():  # noqa: ASYNC110 - what is waited for happens in servers
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"waited for {what}")


# The parts, in every order.


class Office:
    """The pipelines, the corrector and the replayer of an ingest, without a broker."""

    def __init__(self, engine) -> None:
        self.engine = engine
        self.store = MemoryStore()
        self.corrector = Corrector(engine=engine, clock=lambda: NOON)
        common = {"engine": engine, "store": self.store, "sites": {"yard": SITE}, "metrics": Metrics(), "clock": lambda: NOON}
        self.pipelines = {name: Pipeline(event_class=name, retention=Retention(LIMIT_BYTES), **common) for name in CLASSES}
        self.replayer = Replayer(pipelines=self.pipelines, stop=Stop(), on_commit=lambda: None, patience=QUICK, **common)

    async def take(self, *events) -> None:
        topic, payload = batch(events)
        parcel = open_parcel(topic, payload, sites={"yard": SITE}, received_at=NOON, ack=lambda: None)
        await self.pipelines[events[0].event_class].commit([parcel])

    async def hear(self) -> None:
        async with self.engine.begin() as connection:
            await learn(connection, SAID, NOON)
        await self.settle()

    async def settle(self) -> None:
        await self.corrector.sweep()
        await self.replayer.replay()


def lost(event, **clock):
    """The event as it was stamped while the clock was not set, `seq` seconds behind MONO."""
    fields = {"quality": "free", "boot": "b1", "mono": MONO + event.seq * S, "unset": True} | clock
    return structs.replace(event, at=LONG_AGO + event.seq, clock=ClockReading(**fields))


async def test_a_worker_that_stood_still_wants_no_letter_that_another_replayed_meanwhile(engine, monkeypatch):
    office, other = Office(engine), Office(engine)
    await office.take(lost(reading(1)), lost(reading(2)))
    async with engine.begin() as connection:
        await learn(connection, SAID, NOON)
    real = AsyncEngine.begin

    @contextlib.asynccontextmanager
    async def stood_still(self):
        monkeypatch.setattr(AsyncEngine, "begin", real)
        await other.settle()
        async with real(self) as connection:
            yield connection

    monkeypatch.setattr(AsyncEngine, "begin", stood_still)
    await office.settle()
    [stream] = await report(engine)
    assert (stream.received, stream.dead) == (2, 0)


@pytest.mark.parametrize("order", ["before", "between", "behind"])
async def test_in_whatever_order_events_and_reference_come_everything_is_right_and_once(engine, order):
    office = Office(engine)
    if order == "before":
        await office.hear()
    await office.take(lost(scan(1)), lost(scan(2)))
    await office.take(lost(reading(1)), lost(reading(2)))
    if order == "between":
        await office.hear()
    await office.take(lost(scan(3)))
    await office.take(lost(reading(3)))
    if order == "behind":
        assert office.store.points == {}
        assert {letter["reason"] for letter in await listing(engine)} == {"clock_unset"}
        await office.hear()
    await office.settle()
    rows = await inbox_rows(engine)
    events = [codec.decode_event(row.body) for row in rows]
    assert [(row.at, event.at) for row, event in zip(rows, events, strict=True)] == [(NOON + n * S,) * 2 for n in (1, 2, 3)]
    assert [event.clock for event in events] == [
        ClockReading(quality="gps", boot="b1", mono=MONO + n * S, original=LONG_AGO + n) for n in (1, 2, 3)
    ]
    assert not any(row.projected for row in rows)
    assert [at for _, _, at in office.store.of("environment")] == [NOON + n * S for n in (1, 2, 3)]
    for stream in await report(engine):
        assert (stream.received, stream.duplicate, stream.dead, stream.missing) == (3, 0, 0, 0)


async def test_events_of_another_boot_or_behind_the_reference_stay_as_they_are(engine):
    office = Office(engine)
    await office.take(lost(scan(1), boot="b0"), lost(scan(2), mono=MONO + 10 * S))
    before = [(row.at, row.body) for row in await inbox_rows(engine)]
    await office.hear()
    assert [(row.at, row.body) for row in await inbox_rows(engine)] == before


async def test_what_tracking_has_taken_in_already_waits_for_it_again(engine):
    office = Office(engine)
    await office.take(lost(scan(1)))
    async with engine.begin() as connection:
        await connection.execute(inbox.update().values(processed_at=NOON, projected=True))
    await office.hear()
    (row,) = await inbox_rows(engine)
    assert (row.processed_at, row.projected) == (None, False)
    again = codec.encode(codec.decode_event(row.body))
    await office.hear()
    assert (await inbox_rows(engine))[0].body == again


async def test_points_of_a_clock_that_was_merely_not_vouched_for_are_not_written_twice(engine):
    office = Office(engine)
    await office.take(lost(scan(1), unset=False))
    async with engine.begin() as connection:
        await connection.execute(inbox.update().values(projected=True))
    await office.hear()
    (row,) = await inbox_rows(engine)
    assert (row.at, row.projected) == (NOON + S, True)


async def test_a_letter_about_a_clock_that_was_far_ahead_is_made_good(engine):
    office = Office(engine)
    ahead = structs.replace(lost(scan(1), unset=False), at=NOON + 900 * 86_400 * S)
    await office.take(ahead)
    assert await inbox_rows(engine) == []
    await office.hear()
    (row,) = await inbox_rows(engine)
    assert row.at == NOON + S
    (stream,) = await report(engine)
    assert (stream.received, stream.dead, stream.missing) == (1, 0, 0)


async def test_a_reference_that_lies_days_ahead_of_the_office_corrects_nothing(engine):
    office = Office(engine)
    await office.take(lost(scan(1)))
    (one,) = SAID.boots
    wrong = structs.replace(SAID, boots=(structs.replace(one, offset_ns=OFFSET + 2 * 86_400 * S),))
    async with engine.begin() as connection:
        await learn(connection, wrong, NOON)
    await office.settle()
    assert [row.at for row in await inbox_rows(engine)] == [LONG_AGO + 1]


# All of it, with a real agent.

SETTINGS = """
site = "yard"
gateway = "gw"
[server]
brokers = ["{url}"]
[uplink]
linger_ms = {{ business = 0, telemetry = 0 }}
[health]
every_s = 0.3
[[reader]]
type = "both"
name = "gate"
"""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Both:
    """Reads a label and a sensor as often as it is told."""

    asked: asyncio.Queue

    def __init__(self, name, *_: object) -> None:
        self.name = name

    async def run(self, emit):
        while True:
            n = await Both.asked.get()
            await emit(Capture(self.name, partial(Scan, raw=b"%d" % n, text=f"label {n}")))
            await emit(Capture("node", partial(Reading, measurement="environment", values={"pm2_5": float(n)})))


@pytest.fixture
def both(monkeypatch):
    module = types.ModuleType("both_reader")
    module.Settings, module.build = Settings, Both
    Both.asked = asyncio.Queue()
    monkeypatch.setitem(sys.modules, "both_reader", module)
    monkeypatch.setitem(READERS, "both", "both_reader")
    return Both.asked


@contextlib.asynccontextmanager
async def serving(ingest):
    task = asyncio.create_task(ingest.run())
    try:
        yield ingest
    finally:
        ingest.stop()
        await asyncio.wait_for(task, 120)


async def test_a_gateway_in_1970_that_is_set_later_leaves_nothing_missing_twice_or_misdated(broker, engine, both, tmp_path):
    synced, begun = [], time.time_ns()
    clock = EventClock(wall_ns=lambda: time.time_ns() if synced else 7 * S, quality=lambda: "ntp" if synced else "free")
    path = tmp_path / "gateway.toml"
    path.write_text(SETTINGS.format(url=broker.url))
    store, stop = MemoryStore(), asyncio.Event()
    ingest = IngestService(broker=broker.url, engine=engine, store=store, sites={"yard": SITE}, patience=QUICK)

    async def scans():
        return [codec.decode_event(row.body) for row in await inbox_rows(engine) if row.kind == "scan"]

    async def arrived(count):
        return len(await scans()) == count

    async def letters(count):
        found = [letter for letter in await listing(engine, reason="clock_unset") if letter["replayed_at"] is None]
        return len(found) >= count

    async def right():
        return all(event.clock.quality == "ntp" for event in await scans())

    async with serving(ingest):
        agent = asyncio.create_task(Agent(config.load(path), clock=clock).run(stop))
        for n in range(5):
            both.put_nowait(n)
        await eventually(lambda: arrived(5), "scans although nobody knows the time")
        await eventually(lambda: letters(5), "readings in quarantine")
        assert all(event.clock.unset for event in await scans())
        told = {measurement for measurement, _, _ in store.points}
        assert told <= {"ingest", "gateway", "ledger", "dead_letter"}, (
            "ingest tells of itself every ten seconds, and of nobody else"
        )
        synced.append(True)
        for n in range(5, 8):
            both.put_nowait(n)
        await eventually(lambda: arrived(8), "scans behind the sync")
        await eventually(right, "the correction")
        await until(lambda: len(store.of("scan")) == len(store.of("environment")) == 8, "points at the right time")
        stop.set()
        await agent
        for event in await scans():
            assert begun <= event.at <= time.time_ns()
        assert [event.clock.original is not None for event in await scans()] == [True] * 5 + [False] * 3
        for measurement in ("scan", "environment"):
            assert all(begun <= at <= time.time_ns() for _, _, at in store.of(measurement))

        async def all_revived():
            return not any(stream.dead for stream in await report(engine))

        await eventually(all_revived, "the health of before")
    by_class = {stream.event_class: stream for stream in await report(engine)}
    assert by_class["business"].received == 8
    assert all(stream.missing == 0 for stream in by_class.values())
