"""`plumbline db`: bring a database to this version."""

import asyncio
from typing import Annotated

import typer

import ingest
import tracking_service
from plumbline.database import open_engine

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.callback()
def db() -> None:
    """The SQL database."""


@app.command()
def upgrade(
    database: Annotated[
        str, typer.Option(envvar="PLUMBLINE_DATABASE", help="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME.")
    ],
) -> None:
    """Make or change the tables of ingest and tracking; running it again changes nothing."""
    asyncio.run(_upgrade(database))
    print("the database is at this version")


async def _upgrade(database: str) -> None:
    engine = open_engine(database)
    try:
        await ingest.migrate(engine)
        await tracking_service.migrate(engine)
    finally:
        await engine.dispose()
