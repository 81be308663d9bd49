"""Writers of one SQLite file queue for their turn instead of polling for its lock."""

import asyncio
import itertools
import sqlite3
from types import SimpleNamespace

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.util import greenlet_spawn

from plumbline import database
from plumbline.database import open_engine


@pytest.fixture
async def engine(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path}/turns.db", durable=False)
    async with engine.begin() as connection:
        await connection.exec_driver_sql("CREATE TABLE said (word TEXT)")
    yield engine
    await engine.dispose()


async def say(engine, word):
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO said VALUES (:word)"), {"word": word})


async def said(engine):
    async with engine.connect() as connection:
        await connection.execution_options(read_only=True)
        return [row.word for row in await connection.execute(text("SELECT word FROM said ORDER BY rowid"))]


async def waiting(engine, count):
    """Until so many connections are out of the pool: their tasks wait for their turn."""
    while engine.pool.checkedout() < count:  # noqa: ASYNC110 - the pool tells nobody
        await asyncio.sleep(0)


async def test_a_new_file_is_asked_for_again_though_the_process_stood_still_meanwhile(monkeypatch):
    tries = itertools.count(1)

    def refuse_twice(_statement):
        if next(tries) < 3:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error

    hours = itertools.count(step=3600)
    monkeypatch.setattr(database, "time", SimpleNamespace(monotonic=lambda: next(hours)))
    await greenlet_spawn(database._log_ahead, SimpleNamespace(execute=refuse_twice))
    assert next(tries) == 4


async def test_writers_have_their_turn_in_the_order_in_which_they_came(engine, monkeypatch):
    asked = []
    really_take = database._Turns.take

    def take(turns, record):
        asked.append(record)
        return really_take(turns, record)

    monkeypatch.setattr(database._Turns, "take", take)
    async with engine.begin() as first:
        await first.execute(text("INSERT INTO said VALUES ('first')"))
        tasks = []
        for word in ("a", "b", "c", "d"):
            tasks.append(asyncio.create_task(say(engine, word)))
            while len(asked) < len(tasks) + 1:  # noqa: ASYNC110 - until it has its connection and asks for its turn
                await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert await said(engine) == ["first", "a", "b", "c", "d"]


async def test_readers_wait_for_no_writer(engine):
    async with engine.begin() as writer:
        await writer.execute(text("INSERT INTO said VALUES ('not yet')"))
        assert await said(engine) == []
    assert await said(engine) == ["not yet"]


async def test_a_turn_ends_with_a_failure_a_rollback_and_a_writer_that_is_cancelled(engine):
    async def fail():
        async with engine.begin() as connection:
            await connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")

    async def hang(entered):
        async with engine.begin():
            entered.set()
            await asyncio.Event().wait()

    with pytest.raises(DBAPIError):
        await fail()
    entered = asyncio.Event()
    task = asyncio.create_task(hang(entered))
    await entered.wait()
    queued = asyncio.create_task(say(engine, "never"))
    await waiting(engine, 2)
    queued.cancel()
    task.cancel()
    await asyncio.wait([task, queued])
    await say(engine, "after all")
    assert await said(engine) == ["after all"]


async def test_one_connection_may_write_in_several_transactions(engine):
    async with engine.connect() as connection:
        for word in ("one", "two"):
            await connection.execute(text("INSERT INTO said VALUES (:word)"), {"word": word})
            await connection.commit()
    await say(engine, "three")
    assert await said(engine) == ["one", "two", "three"]


async def test_who_opens_a_new_file_while_another_makes_its_tables_waits_for_it(tmp_path):
    # SQLite's own wait does not help here: turned over to WAL under another's reserved lock, it refuses at once
    file = tmp_path / "new.db"
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE said (word TEXT)")
    engine = open_engine(f"sqlite:///{file}", durable=False)
    asked = asyncio.Event()
    event.listen(engine.sync_engine, "do_connect", lambda *_: asked.set())
    saying = asyncio.create_task(say(engine, "after"))
    await asked.wait()
    await asyncio.wait([saying], timeout=0.1)
    other.execute("COMMIT")
    other.close()
    await saying
    assert await said(engine) == ["after"]
    await engine.dispose()
