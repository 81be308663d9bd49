"""Bring tracking's tables to this version."""

from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline import database

_FOLDER: Final = Path(__file__).parent / "migrations"
_ADVISORY: Final = 0x506C756D_62_03


async def migrate(engine: AsyncEngine) -> None:
    """Create or upgrade tracking's tables; the inbox is ingest's and is made by its migrations.

    Several services may start at once: on PostgreSQL one goes first, SQLite has one writer.
    """
    if engine.dialect.name != "postgresql":
        await database.migrate(engine, package="tracking", folder=_FOLDER)
        return
    async with engine.begin() as turn:
        await turn.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ADVISORY})
        await database.migrate(engine, package="tracking", folder=_FOLDER)
