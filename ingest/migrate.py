"""Bringing the tables that ingest owns (ledger, dead letters, inbox, gateway) to this version."""

from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest.upsert import is_postgresql
from plumbline import database

FOLDER: Final = Path(__file__).parent / "migrations"
_ADVISORY: Final = 0x506C756D_62_02


async def migrate(engine: AsyncEngine) -> None:
    """Run the migrations that are missing. Several workers may start at once: on PostgreSQL one goes first, SQLite has one writer."""
    if not is_postgresql(engine):
        await database.migrate(engine, package="ingest", folder=FOLDER)
        return
    async with engine.begin() as turn:
        await turn.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ADVISORY})
        await database.migrate(engine, package="ingest", folder=FOLDER)
