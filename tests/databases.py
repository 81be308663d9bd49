"""Databases with tables: made once a process, and copied for every test after that."""

import asyncio
import atexit
import contextlib
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline.database import open_engine
from tests.servers import DEADLINE_S

Migrate = Callable[[AsyncEngine], Awaitable[None]]


async def opened(url: str, *migrations: Migrate, durable: bool = False) -> AsyncEngine:
    """An engine on a database with the tables of these migrations; what is not there yet is a copy of one that has them."""
    place = make_url(url)
    if place.get_backend_name() == "sqlite":
        there = Path(place.database or "").exists()
        if not there:
            shutil.copyfile(await _file(migrations), place.database or "")
    else:
        there = not await _copied(place, migrations)
    engine = open_engine(url, durable=durable)
    if there:
        await _migrated(engine, migrations)
    return engine


_files: dict[tuple[Migrate, ...], Path] = {}
"""SQLite files with all tables and nothing in them."""
_models: dict[tuple[int | None, tuple[Migrate, ...]], str] = {}
"""Databases like that, by the server's port and the migrations: PostgreSQL copies what nobody is connected to."""


async def _migrated(engine: AsyncEngine, migrations: tuple[Migrate, ...]) -> None:
    for migrate in migrations:
        await migrate(engine)


async def _file(migrations: tuple[Migrate, ...]) -> Path:
    if migrations not in _files:
        folder = Path(tempfile.mkdtemp(prefix="plumbline-tables-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        engine = open_engine(f"sqlite:///{folder}/t.db", durable=False)
        await _migrated(engine, migrations)
        await engine.dispose()
        _files[migrations] = folder / "t.db"
    return _files[migrations]


async def _copied(place: URL, migrations: tuple[Migrate, ...]) -> bool:
    """Make a database; false where it is there already, whatever is in it."""
    known = (place.port, migrations)
    if known not in _models:
        model = f"model_{len(_models)}"
        await _create(place, model)
        engine = open_engine(place.set(database=model).render_as_string(hide_password=False))
        await _migrated(engine, migrations)
        await engine.dispose()
        _models[known] = model
    return await _create(place, place.database or "", _models[known])


async def _create(place: URL, name: str, model: str = "template1") -> bool:
    connection = await asyncpg.connect(
        host=place.host, port=place.port, user=place.username, database="postgres", timeout=DEADLINE_S
    )
    try:
        # Files are copied in a fifth of the time that the log of every page takes, which nobody here reads.
        async with asyncio.timeout(DEADLINE_S):
            while True:
                with contextlib.suppress(asyncpg.ObjectInUseError):  # the server still sees off whoever made the model
                    await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE {model} STRATEGY FILE_COPY')
                    return True
    except asyncpg.DuplicateDatabaseError:
        return False
    finally:
        await connection.close()
