"""A PostgreSQL whose connections fall silent without a word, as behind a router that forgot them."""

import asyncio

import pytest
from sqlalchemy import text

from plumbline import database
from plumbline.database import open_engine
from tests.weak_link import WeakLink


async def test_a_silent_connection_is_given_up_and_all_that_lay_beside_it_and_the_next_work(
    postgresql, unique_name, monkeypatch
):
    monkeypatch.setattr(database, "SILENCE_S", 0.5)
    url = postgresql.new_database(unique_name("silence"))
    async with WeakLink(postgresql.port) as link:
        engine = open_engine(url.replace(f":{postgresql.port}/", f":{link.port}/"))

        async def ask() -> int:
            async with engine.begin() as connection:
                return await connection.scalar(text("SELECT 1"))

        assert await asyncio.gather(ask(), ask(), ask()) == [1, 1, 1]
        link.swallow()
        async with asyncio.timeout(120):
            told = await asyncio.gather(ask(), ask(), ask(), return_exceptions=True)
            assert all(isinstance(one, OSError) or one == 1 for one in told), told
            assert await asyncio.gather(ask(), ask(), ask()) == [1, 1, 1]
            async with engine.connect() as connection:
                link.swallow()
                with pytest.raises(OSError):
                    await connection.scalar(text("SELECT 1"))
            assert await ask() == 1
        await engine.dispose()
