"""The place where state is made anew: a database of its own in a temporary folder, gone when it was compared."""

import contextlib
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from plumbline.database import open_engine
from plumbline.inbox import gateway
from tracking_service.rooms import minutes
from tracking_service.tables import metadata

#: KiB of a shadow's pages that are kept in memory: what comes in by time lies in its indexes by line.
_CACHE_KIB: Final = 65_536


@contextlib.asynccontextmanager
async def shadow(live: AsyncConnection) -> AsyncGenerator[AsyncEngine]:
    """An empty database with tracking's tables, and what is known of the gateways."""
    rows = [row._asdict() for row in (await live.execute(select(gateway))).all()]  # pyright: ignore[reportPrivateUsage] - SQLAlchemy's public name
    with tempfile.TemporaryDirectory(prefix="plumbline-rebuild-", ignore_cleanup_errors=True) as folder:
        engine = open_engine(f"sqlite:///{Path(folder) / 'shadow.db'}", durable=False)
        event.listen(engine.sync_engine, "connect", _in_a_hurry)
        try:
            async with engine.begin() as connection:
                await connection.run_sync(metadata.create_all)
                await connection.run_sync(gateway.create)
                if rows:
                    await connection.execute(insert(gateway), rows)
                await minutes.prepare(connection)
            yield engine
        finally:
            await engine.dispose()


def _in_a_hurry(connection: Any, _record: Any) -> None:
    """Nobody wants a shadow back after a crash: it never waits for the disk."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=OFF")
    cursor.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    cursor.close()
