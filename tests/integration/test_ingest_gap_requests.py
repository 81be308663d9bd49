"""What ingest misses is asked of real gateways and comes, or is booked as lost: dropped, restored, emptied."""

import asyncio
import contextlib
import shutil

import pytest
from sqlalchemy import select, update

from edge_agent.config import Linger, Server, UplinkSettings
from edge_agent.outbox import Outbox
from edge_agent.uplink import Uplink
from ingest import IngestService, migrate
from ingest.ledger.gaps import Asking
from ingest.ledger.report import report
from ingest.patience import Patience
from ingest.tables import ledger_stream
from plumbline.database import open_engine
from plumbline.inbox import inbox
from tests.batches import SITE, MemoryStore, reading, scan
from tests.integration.test_ingest_service import eventually, serving
from tests.servers import Mosquitto, running

FAST = UplinkSettings(batch_events=10, linger_ms=Linger(business=0, telemetry=0), window=4, resend_after_s=0.5)
QUICK = Patience(first_s=0.01, cap_s=0.05)
SOON = Asking(every_s=0.05, after_s=0.3, born_s=0.1, silent_s=0.5)


class Office:
    """A broker, an SQLite file, and ingest over them, each time anew."""

    def __init__(self, folder, broker) -> None:
        self.file = folder / "plumbline.db"
        self.broker = broker
        self.store = MemoryStore()
        self.engine = None

    @contextlib.asynccontextmanager
    async def ingest(self):
        self.engine = open_engine(f"sqlite:///{self.file}")
        await migrate(self.engine)
        service = IngestService(
            broker=self.broker.url,
            engine=self.engine,
            store=self.store,
            sites={"yard": SITE},
            patience=QUICK,
            asking=SOON,
        )
        async with serving(service):
            yield service
        await self.engine.dispose()

    async def stream(self, event_class="business"):
        return next((one for one in await report(self.engine) if one.event_class == event_class), None)

    async def holds(self, **figures):
        async def so():
            stream = await self.stream()
            return stream is not None and all(getattr(stream, name) == value for name, value in figures.items())

        await eventually(so, f"{figures}")
        return await self.stream()

    def keep(self):
        """Copy the database, whose service is not running."""
        shutil.copyfile(self.file, self.file.with_suffix(".copy"))

    def restore(self):
        self.forget()
        shutil.copyfile(self.file.with_suffix(".copy"), self.file)

    def forget(self):
        for path in self.file.parent.glob("plumbline.db*"):
            if path.suffix != ".copy":
                path.unlink()


@pytest.fixture
def broker(tmp_path):
    server = Mosquitto(tmp_path / "broker")
    with running(server):
        yield server


@pytest.fixture
def office(tmp_path, broker):
    return Office(tmp_path, broker)


@contextlib.asynccontextmanager
async def gateway(folder, broker, **options):
    """A real outbox and a real uplink."""
    async with Outbox(folder / "outbox.db", site="yard", gateway="gw", **options) as outbox:
        uplink = Uplink(outbox, server=Server(brokers=(broker.url,)), settings=FAST)
        task = asyncio.create_task(uplink.run())
        try:
            yield outbox
        finally:
            uplink.stop()
            await asyncio.wait_for(task, 120)


async def test_a_restored_database_is_filled_again_by_a_gateway_that_has_nothing_new_to_say(tmp_path, broker, office):
    async with gateway(tmp_path, broker) as outbox:
        async with office.ingest():
            await outbox.append([scan(n) for n in range(1, 11)])
            await office.holds(received=10)
        office.keep()
        async with office.ingest():
            await outbox.append([scan(n) for n in range(11, 31)])
            await office.holds(received=30)
        office.restore()
        async with office.ingest():
            stream = await office.holds(received=30, missing=0, lost=0, watermark=30)
            assert stream.verdict == "complete"
            async with office.engine.connect() as connection:
                assert len(list(await connection.scalars(select(inbox.c.event_id)))) == 30


async def test_an_emptied_database_gets_what_the_history_holds_and_books_the_rest_as_lost(tmp_path, broker, office):
    events = [scan(n) for n in range(1, 41)]
    async with gateway(tmp_path, broker, history_bytes=4000) as outbox:
        async with office.ingest():
            for event in events:
                await outbox.append([event])
            await office.holds(received=40)
        kept = {row.seq for row in (await outbox.replay("business", ((1, 99),), max_events=99, max_bytes=10**6)).events}
        assert 0 < len(kept) < 40
        office.forget()
        async with office.ingest():
            stream = await office.holds(received=len(kept), lost=40 - len(kept), missing=0, watermark=40)
            assert f"{40 - len(kept)} lost: the gateway does not have them any more (1-{40 - len(kept)})" in stream.verdict
            assert stream.off_by == 0
            await outbox.append([scan(41)])
            await office.holds(received=len(kept) + 1, watermark=41)


async def test_a_hole_that_the_gateway_knows_nothing_of_is_asked_for_while_it_stays_connected(tmp_path, broker, office):
    async with gateway(tmp_path, broker) as outbox, office.ingest():
        await outbox.append([scan(n) for n in range(1, 21)])
        await office.holds(received=20)
        async with office.engine.begin() as connection:  # as an older copy of the database would say
            hole = {"upto": 5, "beyond": "[[9,20]]", "received": 17}
            await connection.execute(update(ledger_stream).values(hole))
        stream = await office.holds(received=20, missing=0, watermark=20)
        assert stream.asked.times >= 1
        assert stream.asked.last_at is not None


async def test_telemetry_is_asked_for_too_and_never_what_was_thinned(tmp_path, broker, office):
    async with gateway(tmp_path, broker) as outbox, office.ingest():
        await outbox.append([reading(n) for n in range(1, 21)])

        async def all_there():
            stream = await office.stream("telemetry")
            return stream is not None and stream.received == 20

        await eventually(all_there, "the readings")
        async with office.engine.begin() as connection:
            hole = {"upto": 5, "beyond": "[[9,10],[12,20]]", "received": 14, "thinned": 2}
            await connection.execute(update(ledger_stream).values(hole))

        async def filled():
            stream = await office.stream("telemetry")
            return (stream.missing, stream.received, stream.thinned, stream.watermark) == (0, 18, 2, 20)

        await eventually(filled, "the hole to be filled")
