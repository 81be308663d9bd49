"""Bring tracking's tables to this version."""

from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline import database


async def migrate(engine: AsyncEngine) -> None:
    """Create or upgrade tracking's tables; the inbox is ingest's and must be made by its migrations."""
    await database.migrate(engine, package="tracking", folder=Path(__file__).parent / "migrations")
