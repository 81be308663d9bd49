"""The room of minutes: which metrics are wanted, which changed, what they were."""

import pytest
from sqlalchemy import delete, insert, select, update

from plumbline import inbox
from plumbline.database import open_engine
from plumbline.inbox import minute_summary, summary_count, watched
from plumbline.rollup import MINUTE_NS
from tracking_service.domain.facts import Minute, Need
from tracking_service.rooms import minutes
from tracking_service.tables import metadata, milestone, milestone_need, orders

TEMPERATURE = Need("metric", "yard/probe/temp_c")


@pytest.fixture
async def engine(empty_database_url):
    engine = open_engine(empty_database_url, durable=False)
    async with engine.begin() as connection:
        await connection.run_sync(inbox.metadata.create_all)
        await connection.run_sync(metadata.create_all)
        await connection.execute(insert(summary_count), [{"name": "written", "number": 0}, {"name": "read", "number": 0}])
    yield engine
    await engine.dispose()


async def count_on(connection, *keys):
    await connection.execute(delete(milestone_need))
    for place, key in enumerate(keys):
        await connection.execute(insert(milestone_need).values(milestone_id=f"m{place}", kind="metric", key=key))


async def tell(connection, minute, low, *, measurement="concrete", readings=60, metric="temp_c"):
    """As ingest does."""
    written = summary_count.c.name == "written"
    await connection.execute(update(summary_count).where(written).values(number=summary_count.c.number + 1))
    number = await connection.scalar(select(summary_count.c.number).where(written))
    place = {"site": "yard", "device": "probe", "metric": metric, "minute": minute, "measurement": measurement}
    here = [minute_summary.c[name] == value for name, value in place.items()]
    await connection.execute(delete(minute_summary).where(*here))
    values = {"low": low, "high": low + 2, "mean": low + 1, "readings": readings, "changed": number}
    await connection.execute(insert(minute_summary).values(**place, **values))


@pytest.fixture
async def milestones(engine):
    async with engine.begin() as connection:
        needed = {column.name: 0 for column in orders.c if not column.nullable} | {"number": "o", "document": "{}"}
        texts = {name: str(value) for name, value in needed.items() if isinstance(orders.c[name].type.python_type(), str)}
        await connection.execute(insert(orders).values(needed | texts))
        for place in range(3):
            row = {column.name: 0 for column in milestone.c if not column.nullable and column.server_default is None}
            texts = {name: str(value) for name, value in row.items() if milestone.c[name].type.python_type is str}
            await connection.execute(insert(milestone).values(row | texts | {"id": f"m{place}", "order_number": "o"}))


@pytest.mark.usefixtures("milestones")
async def test_what_milestones_count_on_is_watched_and_nothing_else(engine):
    async with engine.begin() as connection:
        await count_on(connection, TEMPERATURE.key, "yard/probe/humidity")
        await minutes.watch(connection)
        await connection.execute(update(watched).values(filled=True))
        await tell(connection, 7, 5.0, metric="humidity")
        await count_on(connection, TEMPERATURE.key, "yard/other/temp_c")
        await minutes.watch(connection)
        rows = (await connection.execute(select(watched).order_by(watched.c.device))).all()
        assert [(row.device, row.metric, row.filled) for row in rows] == [("other", "temp_c", False), ("probe", "temp_c", True)]
        assert (await connection.execute(select(minute_summary))).all() == []


@pytest.mark.usefixtures("milestones")
async def test_who_follows_is_told_of_each_change_once(engine):
    async with engine.begin() as connection:
        await count_on(connection, TEMPERATURE.key, "yard/other/temp_c")
        assert not await minutes.waits(connection)
        await tell(connection, 7, 5.0)
        assert await minutes.waits(connection)
    async with engine.connect() as connection:
        assert await minutes.follow(connection) == {"m0"}
        await connection.rollback()
    async with engine.begin() as connection:
        assert await minutes.follow(connection) == {"m0"}
        assert await minutes.follow(connection) == set()
        await tell(connection, 7, 6.0)
        assert await minutes.follow(connection) == {"m0"}


@pytest.mark.usefixtures("milestones")
async def test_what_comes_after_a_milestone_was_done_does_not_have_it_looked_at(engine):
    async with engine.begin() as connection:
        await count_on(connection, TEMPERATURE.key)
        await connection.execute(update(milestone).where(milestone.c.id == "m0").values(done_at=7 * MINUTE_NS))
        await tell(connection, 7 + 2 * 24 * 60, 5.0)
        assert await minutes.follow(connection) == set()
        await tell(connection, 3, 5.0)  # late: it may be out of range
        assert await minutes.follow(connection) == {"m0"}


async def test_a_minute_is_what_was_told_last_of_all_measurements(engine):
    async with engine.begin() as connection:
        await tell(connection, 7, 5.0)
        await tell(connection, 7, 6.0)
        await tell(connection, 7, 2.0, measurement="weather", readings=20)
        await tell(connection, 8, 6.0, readings=0)
        found = await minutes.facts(connection, [TEMPERATURE, Need("metric", "yard/none/x"), Need("line", "o~10")])
    assert found == {TEMPERATURE.key: [Minute(7 * MINUTE_NS, 2.0, 8.0, 6.0, 80)], "yard/none/x": []}


async def test_a_shadow_sees_the_same_minutes(engine, tmp_path):
    there = open_engine(f"sqlite:///{tmp_path / 'shadow.db'}", durable=False)
    async with engine.begin() as live, there.begin() as shadow:
        await tell(live, 7, 5.0)
        await minutes.prepare(shadow)
        await minutes.lend(live, shadow)
        assert await minutes.facts(shadow, [TEMPERATURE]) == await minutes.facts(live, [TEMPERATURE])
        assert await minutes.waits(shadow)
    await there.dispose()
