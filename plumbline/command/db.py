"""`plumbline db`: bring a database to this version."""

import asyncio

import typer

import ingest
import tracking_service
from plumbline.command.sql import Database, opened

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.callback()
def db() -> None:
    """The SQL database."""


@app.command()
def upgrade(
    database: Database,
) -> None:
    """Make or change the tables of ingest and tracking; running it again changes nothing."""
    asyncio.run(_upgrade(database))
    print("the database is at this version")


async def _upgrade(database: str) -> None:
    async with opened(database) as engine:
        await ingest.migrate(engine)
        await tracking_service.migrate(engine)
