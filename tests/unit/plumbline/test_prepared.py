"""Prepared statements write what SQLAlchemy would write, alone or many together, all or nothing."""

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    select,
    text,
    update,
)
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from ingest.upsert import insert_of
from plumbline.database import open_engine
from plumbline.prepared import Prepared, together

metadata = MetaData()
WORDS = Table(
    "prepared_words",
    metadata,
    Column("word", String(8), primary_key=True),
    Column("times", BigInteger, nullable=False),
    Column("known", Boolean, nullable=False),
    Column("body", LargeBinary, nullable=True),
    Column("small", Integer, nullable=False),
)
NAMES = tuple(column.name for column in WORDS.columns)


def upsert(postgresql):
    statement = insert_of(WORDS, postgresql=postgresql)
    times = WORDS.c.times + statement.excluded.times
    return statement.on_conflict_do_update(index_elements=["word"], set_={"times": times})


SAY = Prepared(upsert, *NAMES)
FORGET = Prepared(
    lambda _: update(WORDS).where(WORDS.c.word == bindparam("the_word")).values(known=bindparam("is_known")),
    "is_known",
    "the_word",
)
PLAIN = Prepared(lambda postgresql: insert_of(WORDS, postgresql=postgresql), *NAMES)
ROWS = [("a", 1, True, None, -1), ("b", 2**62, False, b"\0\xff", 2**31 - 1), ("石", 3, True, b"", 0)]


@pytest.fixture
async def words(empty_database_url):
    engine = open_engine(empty_database_url, durable=False)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield engine
    await engine.dispose()


async def said(engine):
    async with engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(select(WORDS).order_by(WORDS.c.word))]


async def test_rows_are_written_as_sqlalchemy_writes_them(words):
    async with words.begin() as connection:
        await connection.execute(WORDS.insert(), [dict(zip(NAMES, row, strict=True)) for row in ROWS])
    expected = await said(words)
    async with words.begin() as connection:
        await connection.execute(WORDS.delete())
        await SAY.write(connection, ROWS)
    assert await said(words) == expected == sorted(ROWS)


async def test_what_is_written_together_is_sent_at_the_end_in_its_order(words):
    async with words.begin() as connection:
        async with together(connection):
            await SAY.write(connection, ROWS)
            await SAY.write(connection, [("a", 10, False, None, 0)])
            await FORGET.write(connection, [(False, "a")])
            await SAY.write(connection, [])
            assert (await connection.execute(select(WORDS))).all() == []
        assert (await connection.execute(select(WORDS.c.times, WORDS.c.known).where(WORDS.c.word == "a"))).all() == [
            (11, False)
        ]
    assert len(await said(words)) == 3


@pytest.mark.parametrize("apart", [True, False])
async def test_what_the_database_refuses_is_raised_as_sqlalchemy_names_it_and_undone(words, apart):
    async def write(row):
        async with words.begin() as connection:
            if apart:
                await SAY.write(connection, ROWS)
                await PLAIN.write(connection, [row])
            else:
                async with together(connection):
                    await SAY.write(connection, ROWS)
                    await PLAIN.write(connection, [row])

    with pytest.raises(IntegrityError, match="prepared_words"):
        await write(ROWS[0])
    with pytest.raises((DataError, DBAPIError, OverflowError)):
        await write(("c", 2**80, True, None, 0))
    assert await said(words) == []


async def test_a_block_that_fails_sends_nothing_and_leaves_the_connection_as_it_was(words):
    async def fail():
        async with words.begin() as connection, together(connection):
            await SAY.write(connection, ROWS)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await said(words) == []
    async with words.begin() as connection:
        await SAY.write(connection, ROWS)
    assert len(await said(words)) == 3


async def test_a_statement_whose_parameters_stand_in_another_order_is_not_made(words):
    wrong = Prepared(lambda postgresql: insert_of(WORDS, postgresql=postgresql), *reversed(NAMES))
    async with words.begin() as connection:
        with pytest.raises(AssertionError, match="rows must have"):
            await wrong.write(connection, ROWS)


@pytest.mark.parametrize("count", [1, 3, 4, 5, 63, 64, 256, 257, 1000])
async def test_any_number_of_rows_is_written_each_once_and_in_its_order(words, count):
    rows = [(str(n % 100), 1, n % 2 == 0, b"%d" % n, n) for n in range(count)]
    async with words.begin() as connection:
        await SAY.write(connection, rows)
    there = {row[0]: row for row in await said(words)}
    assert sum(row[1] for row in there.values()) == count
    assert all(there[row[0]][2:] == row[2:] for row in rows[:100])


async def test_a_database_that_goes_away_in_the_middle_is_told_as_just_that(postgresql):
    # who waits for databases waits for these errors, and would end with any other
    engine = open_engine(postgresql.new_database("gone_in_the_middle"), durable=False)
    end = text("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(DBAPIError):
        async with engine.begin() as connection, together(connection):
            await connection.execute(end)
    async with engine.begin() as connection, together(connection):
        assert await connection.scalar(text("SELECT 1")) == 1
    await engine.dispose()
