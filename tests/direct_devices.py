"""A worker that hears devices straight from the broker, and what became of what they said."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

from sqlalchemy import select

from ingest import IngestService
from ingest.direct.tables import direct_cursor, direct_gap, direct_message, direct_tally
from ingest.patience import Patience
from ingest.tables import dead_letter, ledger_stream
from plumbline.address import Address
from plumbline.inbox import inbox
from plumbline.mqtt import Connection
from tests.batches import SITE

QUICK = Patience(first_s=0.01, cap_s=0.05)


class KilledError(Exception):
    """The worker dies here."""


def worker(broker, engine, store, direct: Path, **options) -> IngestService:
    return IngestService(
        **(
            {
                "broker": broker.url,
                "engine": engine,
                "store": store,
                "sites": {"yard": SITE},
                "patience": QUICK,
                "direct": direct,
                "worker": "w",
            }
            | options
        )
    )


@contextlib.asynccontextmanager
async def serving(ingest: IngestService) -> AsyncIterator[IngestService]:
    """Run a worker until it hears the devices of every table; stop it in order at the end."""
    task = asyncio.create_task(ingest.run())
    try:
        await eventually(lambda: listening(ingest), "the worker to hear the devices", task)
        yield ingest
    finally:
        ingest.stop()
        await asyncio.wait_for(task, 120)


async def voices(ingest: IngestService) -> list[float]:
    """Of each lane that this worker ever held: whether it hears the devices."""
    return [
        sample.value
        for metric in ingest.metrics.registry.collect()
        if metric.name == "plumbline_ingest_direct_listening"
        for sample in metric.samples
    ]


async def listening(ingest: IngestService) -> bool:
    """Whether it hears the devices of every declared table: what is said to a lane that is not there yet, nobody keeps."""
    found = await voices(ingest)
    return len(found) >= max(1, len(ingest._direct.file.tables)) and all(found)


async def eventually(condition, what, task=None):
    """Wait until an async condition holds."""
    try:
        async with asyncio.timeout(120):
            while not await condition():
                if task is not None and task.done():
                    task.result()
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"waited for {what}") from None


@contextlib.asynccontextmanager
async def device(broker, name="device") -> AsyncIterator[Connection]:
    async with Connection(address=Address.parse(broker.url), client_id=f"d-{name}", inbound=1000) as connection:
        yield connection


class Books:
    """What stands in the SQL database."""

    def __init__(self, engine) -> None:
        self.engine = engine

    async def rows(self, statement):
        async with self.engine.connect() as connection:
            await connection.execution_options(read_only=True)
            return (await connection.execute(statement)).mappings().all()

    async def events(self) -> list[dict]:
        """The inbox, in the order of arrival."""
        return [json.loads(row["body"]) for row in await self.rows(select(inbox).order_by(inbox.c.position))]

    async def received(self, event_class: str | None = None) -> int:
        rows = await self.rows(select(ledger_stream))
        return sum(row["received"] for row in rows if event_class in {None, row["event_class"]})

    async def streams(self):
        return await self.rows(select(ledger_stream).order_by(ledger_stream.c.epoch, ledger_stream.c.event_class))

    async def tally(self) -> dict[str, int]:
        rows = await self.rows(select(direct_tally))
        return {name: sum(row[name] for row in rows) for name in ("messages", "redelivered", "qos0", "retained")}

    async def gaps(self):
        return await self.rows(select(direct_gap).order_by(direct_gap.c.id))

    async def letters(self):
        return await self.rows(select(dead_letter).order_by(dead_letter.c.id))

    async def messages(self, count: int) -> bool:
        """Whether so many messages were taken, and all of them are read."""
        if (await self.tally())["messages"] < count:
            return False
        waiting = await self.rows(select(direct_message.c.position))
        cursors = await self.rows(select(direct_cursor.c.position))
        return not waiting or all(cursor["position"] >= max(row["position"] for row in waiting) for cursor in cursors)

    async def read(self, count: int) -> None:
        try:
            await eventually(lambda: self.messages(count), f"{count} messages")
        except AssertionError as error:
            raise AssertionError(f"{error}, is {await self.tally()}") from None
