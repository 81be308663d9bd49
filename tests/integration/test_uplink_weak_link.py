"""The uplink over links that fail, against a real broker and the real ingest: the ledger proves nothing missing, nothing twice."""

import asyncio
import contextlib

import pytest
from sqlalchemy import func, select

from edge_agent.config import Linger, Server, UplinkSettings
from edge_agent.outbox import Outbox
from edge_agent.uplink import Uplink
from ingest import IngestService, migrate
from ingest.ledger.report import report
from ingest.patience import Patience
from plumbline.event import CLASSES
from plumbline.inbox import inbox
from tests import databases
from tests.batches import SITE, MemoryStore, reading, scan
from tests.integration.tiny_ingest import until
from tests.servers import Mosquitto, running
from tests.weak_link import WeakLink

SETTINGS = UplinkSettings(batch_events=50, linger_ms=Linger(business=0, telemetry=5), resend_after_s=2.0, drain_bytes_per_s=0)


@pytest.fixture
def broker(tmp_path):
    with running(Mosquitto(tmp_path / "broker")) as server:
        yield server


@contextlib.asynccontextmanager
async def site(broker, tmp_path):
    """A running ingest; yields a function that reads the ledger and how many events the inbox holds."""
    engine = await databases.opened(f"sqlite:///{tmp_path}/plumbline.db", migrate)
    store = MemoryStore()
    service = IngestService(
        broker=broker.url, engine=engine, store=store, sites={"yard": SITE}, patience=Patience(first_s=0.01, cap_s=0.05)
    )
    task = asyncio.create_task(service.run())

    async def proof():
        async with engine.connect() as connection:
            rows = (await connection.execute(select(func.count()).select_from(inbox))).scalar_one()
        return {one.event_class: one for one in await report(engine)}, rows, store

    try:
        yield proof
    finally:
        service.stop()
        await asyncio.wait_for(task, 120)
        await engine.dispose()


@contextlib.asynccontextmanager
async def linked(outbox, url, settings=SETTINGS):
    server = Server(brokers=(url,), keepalive_s=5)
    uplink = Uplink(outbox, server=server, settings=settings, chance=lambda: 0.0)
    task = asyncio.create_task(uplink.run())
    try:
        yield uplink
    finally:
        uplink.stop()
        await asyncio.wait([task], timeout=10)
        task.cancel()


def left(outbox):
    return sum(outbox.stream(name).pending for name in CLASSES)


class Line:
    """Numbers scans and readings through, and appends them."""

    def __init__(self, outbox) -> None:
        self.outbox, self.n = outbox, 0

    async def append(self, count):
        for _ in range(count // 10):
            numbers = range(self.n + 1, self.n + 11)
            self.n += 10
            await self.outbox.append([scan(numbers[0]), *(reading(n) for n in numbers)])
            await asyncio.sleep(0)


async def prove(outbox, proof, line, deadline_s=120.0):
    await until(lambda: left(outbox) == 0, "everything to be committed", deadline_s)
    ledger, rows, store = await proof()
    for name, count in (("business", line.n // 10), ("telemetry", line.n)):
        one = ledger[name]
        assert (one.received, one.missing, one.dead, one.thinned) == (count, 0, 0, 0)
        assert one.watermark == count
    assert rows == line.n // 10
    assert len(store.of("environment")) == line.n


async def reset(link, _line):
    link.reset()


async def reset_within_a_packet(link, line):
    link.reset_after = 3000
    await line.append(100)
    await until(lambda: link.reset_after is None, "the reset")


async def swallow(link, line):
    link.swallow()
    await line.append(50)


async def away(link, line):
    link.refusing = True
    link.reset()
    await line.append(200)
    link.refusing = False


async def far(link, _line):
    link.latency_s = 0.5


async def slow(link, _line):
    link.bytes_per_s = 20_000


async def slow_far_and_cut(link, line):
    link.bytes_per_s, link.latency_s = 20_000, 0.2
    await line.append(300)
    link.reset_after = 5000


@pytest.mark.parametrize("fault", [reset, reset_within_a_packet, swallow, away, far, slow, slow_far_and_cut])
async def test_nothing_is_missing_and_nothing_counts_twice_whatever_the_link_does(broker, tmp_path, fault):
    async with (
        site(broker, tmp_path) as proof,
        WeakLink(broker.port) as link,
        Outbox(tmp_path / "outbox.db", site="yard", gateway="gw") as outbox,
        linked(outbox, link.url) as uplink,
    ):
        line = Line(outbox)
        await line.append(100)
        await until(lambda: left(outbox) < outbox.stream("telemetry").last, "the first to be committed")
        for _ in range(2):
            await fault(link, line)
            await line.append(300)
            await until(lambda: uplink.connected, "the connection")
        await prove(outbox, proof, line)


async def test_live_events_overtake_a_backlog_on_a_slow_link(broker, tmp_path):
    async with (
        site(broker, tmp_path) as proof,
        WeakLink(broker.port) as link,
        Outbox(tmp_path / "outbox.db", site="yard", gateway="gw") as outbox,
    ):
        line = Line(outbox)
        await line.append(10_000)
        link.bytes_per_s = 20_000
        async with linked(outbox, link.url) as uplink:
            await until(lambda: uplink.connected, "the connection")
            for _ in range(3):
                newest = {name: outbox.stream(name).last + 1 for name in CLASSES}
                await line.append(10)
                await until(
                    lambda new=newest: all(_holds(outbox, name, number) for name, number in new.items()), "the live events"
                )
                assert outbox.stream("telemetry").pending > 1000, "the backlog went first"
                assert all(len(outbox.stream(name).committed) <= 4 for name in CLASSES), "too many holes"
            link.bytes_per_s = None
            await prove(outbox, proof, line)


def _holds(outbox, name, number):
    return any(first <= number <= last for first, last in outbox.stream(name).committed)
