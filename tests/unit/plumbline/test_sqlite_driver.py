"""SQLite under SQLAlchemy: one visit to the connection's thread a statement, and everything that a cursor is asked for."""

import asyncio

import pytest
from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table, insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from plumbline.database import open_engine

metadata = MetaData()
WORDS = Table(
    "words",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("word", String, unique=True),
    Column("body", LargeBinary),
)


@pytest.fixture
async def engine(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path}/driver.db", durable=False)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield engine
    await engine.dispose()


async def visits(connection, statement, *rows):
    """How often a statement goes to the connection's thread, and what it gave."""
    driver = (await connection.get_raw_connection()).driver_connection
    really, counted = driver._execute, []

    def execute(*args):
        counted.append(args)
        return really(*args)

    driver._execute = execute
    try:
        result = await connection.execute(statement, *rows)
    finally:
        del driver._execute
    return len(counted), result


async def test_a_statement_goes_to_the_thread_once(engine):
    async with engine.begin() as connection:
        many = [{"word": str(n), "body": b"\0%d" % n} for n in range(100)]
        count, result = await visits(connection, insert(WORDS), many)
        assert (count, result.rowcount) == (1, 100)
        count, result = await visits(connection, select(WORDS).order_by(WORDS.c.id))
        assert count == 1
        assert [(row.word, row.body) for row in result] == [(row["word"], row["body"]) for row in many]


async def test_rows_counts_and_keys_are_told_as_ever(engine):
    async with engine.begin() as connection:
        made = await connection.execute(insert(WORDS).values(word="one"))
        assert made.inserted_primary_key == (1,)
        again = await connection.execute(insert(WORDS).values(word="two").returning(WORDS.c.id, WORDS.c.word))
        assert again.all() == [(2, "two")]
        changed = await connection.execute(update(WORDS).values(body=b"x"))
        assert changed.rowcount == 2
        nobody = await connection.execute(update(WORDS).where(WORDS.c.id > 9).values(body=b"y"))
        assert nobody.rowcount == 0
        assert (await connection.execute(select(WORDS.c.word).where(WORDS.c.id == 7))).first() is None
        found = (await connection.execute(select(WORDS).order_by(WORDS.c.id))).mappings()
        assert [dict(row) for row in found] == [{"id": 1, "word": "one", "body": b"x"}, {"id": 2, "word": "two", "body": b"x"}]
        streamed = await connection.stream(select(WORDS.c.word).order_by(WORDS.c.id))
        assert [row.word async for row in streamed] == ["one", "two"]


async def test_what_sqlite_refuses_is_raised_as_sqlalchemy_names_it_and_undone(engine):
    with pytest.raises(IntegrityError):
        async with engine.begin() as connection:
            await connection.execute(insert(WORDS), [{"word": "same"}, {"word": "same"}])
    with pytest.raises(OperationalError):
        async with engine.begin() as connection:
            await connection.exec_driver_sql("SELECT nothing FROM nowhere")
    async with engine.connect() as connection:
        assert (await connection.execute(select(WORDS))).all() == []


async def test_a_connection_that_is_closed_underneath_is_a_database_that_is_away(engine):
    async with engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        await driver.close()
        with pytest.raises(OperationalError):
            await connection.execute(select(WORDS))
    async with engine.begin() as connection:
        await connection.execute(insert(WORDS).values(word="afterwards"))


async def test_a_connection_is_rolled_back_after_use_unless_nothing_came_after_its_commit(engine):
    async with engine.begin() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        really, undone = driver.rollback, []

        def rollback():
            undone.append(driver.in_transaction)
            return really()

        driver.rollback = rollback
        await connection.execute(insert(WORDS).values(word="kept"))
    assert undone == []
    async with engine.connect() as connection:
        assert (await connection.get_raw_connection()).driver_connection is driver
        await connection.execute(insert(WORDS).values(word="dropped"))
    assert undone == [True]
    async with engine.connect() as connection:
        assert [row.word for row in await connection.execute(select(WORDS))] == ["kept"]
    assert len(undone) == 2
    assert not driver.in_transaction


async def test_a_statement_that_was_given_up_while_it_ran_is_undone(engine):
    async def hang():
        async with engine.begin() as connection:
            await connection.execute(insert(WORDS).values(word="given up"))
            entered.set()
            await connection.exec_driver_sql(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT max(i) FROM n"
            )

    entered = asyncio.Event()
    task = asyncio.create_task(hang())
    await entered.wait()
    task.cancel()
    await asyncio.wait([task])
    async with engine.begin() as connection:
        assert (await connection.execute(select(WORDS))).all() == []
