"""Fixtures of ingest's unit tests."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ingest import migrate
from tests import databases


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An empty database with the tables of ingest, which need not survive the machine."""
    engine = await databases.opened(database_url, migrate)
    yield engine
    await engine.dispose()
