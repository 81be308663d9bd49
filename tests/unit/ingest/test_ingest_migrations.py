"""The migrations make exactly the tables that the code describes, on both databases."""

import asyncio

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData

from ingest import migrate, tables
from plumbline import inbox
from plumbline.database import open_engine


async def test_the_migrated_schema_is_the_one_in_the_code(empty_database_url):
    engine = open_engine(empty_database_url)
    await migrate(engine)
    both = MetaData()
    for metadata in (tables.metadata, inbox.metadata):
        for table in metadata.tables.values():
            table.to_metadata(both)

    def differences(connection):
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return [d for d in compare_metadata(context, both) if "alembic_" not in str(d)]

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_two_workers_may_migrate_at_once_and_again(empty_database_url):
    engines = [open_engine(empty_database_url) for _ in range(2)]
    await asyncio.gather(*(migrate(engine) for engine in engines))
    await migrate(engines[0])
    for engine in engines:
        await engine.dispose()
