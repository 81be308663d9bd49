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


async def test_a_connection_that_the_server_ended_is_not_used_again(postgresql, unique_name):
    engine = open_engine(postgresql.new_database(unique_name("ended")))
    other = open_engine(engine.url.render_as_string(hide_password=False))
    async with engine.connect() as connection:
        process = await connection.scalar(text("SELECT pg_backend_pid()"))
        ended = asyncio.Event()
        (await connection.get_raw_connection()).driver_connection.add_termination_listener(lambda _connection: ended.set())
    async with other.connect() as connection:
        await connection.scalar(text("SELECT pg_terminate_backend(:process)"), {"process": process})
    async with asyncio.timeout(120):
        await ended.wait()
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT pg_backend_pid()")) != process
    await engine.dispose()
    await other.dispose()


async def test_a_connection_is_asked_whether_it_answers_once_it_has_lain_a_while(postgresql, unique_name, monkeypatch):
    engine = open_engine(postgresql.new_database(unique_name("asked")))
    asked = []
    ping = engine.dialect.do_ping
    monkeypatch.setattr(engine.dialect, "do_ping", lambda connection: asked.append(connection) or ping(connection))

    async def use() -> int:
        async with engine.connect() as connection:
            await connection.scalar(text("SELECT 1"))
        return len(asked)

    monkeypatch.setattr(database, "_TRUSTED_S", 3600.0)
    assert [await use(), await use()] == [0, 0]
    monkeypatch.setattr(database, "_TRUSTED_S", 0.0)
    assert [await use(), await use()] == [1, 2]
    await engine.dispose()
