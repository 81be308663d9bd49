"""Fixtures of ingest's unit tests."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest import migrate
from plumbline.database import open_engine


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An empty database with the tables of ingest, which need not survive the machine."""
    engine = open_engine(database_url, durable=False)
    await migrate(engine)
    yield engine
    await engine.dispose()
