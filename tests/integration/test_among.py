"""A column among the texts of one parameter, on SQLite and on PostgreSQL."""

import pytest
from sqlalchemy import Column, MetaData, String, Table, event, insert, select

from plumbline.among import among
from plumbline.database import open_engine

_TEXTS = ("a", "", "B-1~2", "1", "01", "\"quoted's", "back\\slash", "[1]", "null", "钢筋", "\U0001f9f1", " a", "A", "x" * 200)
_TABLE = Table("named", MetaData(), Column("name", String(256), primary_key=True))
_FOUND = select(_TABLE.c.name).where(among(_TABLE.c.name, "some"))


@pytest.fixture
async def engine(empty_database_url):
    engine = open_engine(empty_database_url)
    async with engine.begin() as connection:
        await connection.run_sync(_TABLE.create)
        await connection.execute(insert(_TABLE), [{"name": one} for one in _TEXTS])
    yield engine
    await engine.dispose()


@pytest.mark.parametrize("asked", [[], *([one] for one in _TEXTS), list(_TEXTS), ["a", "a", "not there"]])
async def test_exactly_the_texts_that_were_asked_for_are_found(engine, asked):
    async with engine.connect() as connection:
        found = (await connection.execute(_FOUND, {"some": asked})).scalars().all()
    assert sorted(found) == sorted(set(asked) & set(_TEXTS))


async def test_a_set_of_more_texts_than_a_statement_takes_parameters_is_asked_for_with_the_same_statement(engine):
    said = set()
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *told: said.add(told[2]))
    async with engine.connect() as connection:
        for asked in ({"a"}, {f"n{number}" for number in range(50_000)} | {"钢筋"}):
            found = (await connection.execute(_FOUND, {"some": asked})).scalars().all()
            assert set(found) == asked & set(_TEXTS)
    assert len({one for one in said if "named" in one}) == 1
