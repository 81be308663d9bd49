"""A database that dies and comes back."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import tracking_site as site
from tests.servers import PostgreSql, open_folder
from tracking_service.intake import Intake
from tracking_service.mail import Mail
from tracking_service.notices import Notices


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder("outage") as path:
        yield path


async def test_a_database_that_was_killed_is_waited_for_and_nothing_is_lost(folder):
    server = PostgreSql(folder / "server")
    await asyncio.to_thread(server.start)
    engine = await site.database(server.url)
    seen: asyncio.Queue[str] = asyncio.Queue()
    intake = Intake(
        engine=engine,
        sites=site.SITES,
        heard=lambda outcome: [seen.put_nowait(row.event_id) for row in outcome.observed] and None,
        poll_s=0.05,
    )
    notices = Notices(engine=engine, notifier=Mail("smtp://127.0.0.1:9?from=site@example.org"), poll_s=0.05)
    tasks = [asyncio.create_task(intake.run()), asyncio.create_task(notices.run())]
    try:
        first, second = site.beam(1), site.beam(2)
        await site.post(engine, first)
        assert await asyncio.wait_for(seen.get(), 60) == first.id
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        for attempt in range(100):
            try:
                await site.post(engine, second)
                break
            except Exception:  # noqa: BLE001 - the pool still holds connections that died
                assert attempt < 99
        assert await asyncio.wait_for(seen.get(), 60) == second.id
        assert not any(task.done() for task in tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await engine.dispose()
        await asyncio.to_thread(server.stop)
