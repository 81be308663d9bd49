"""The SQL database that a command looks into or changes, and what a person is told where it cannot."""

import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Annotated, Final

import typer
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline.database import open_engine
from plumbline.errors import PlumblineError

_MEANING: Final = "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME."

#: The database of a server: it must be named.
Database = Annotated[str, typer.Option(envvar="PLUMBLINE_DATABASE", help=_MEANING)]
#: Where `plumbline up` keeps its own by default.
OF_UP: Final = "sqlite:///var/plumbline/plumbline.db"


#: What to do, by the class of the SQLSTATE (ISO 9075-2, 24.1; PostgreSQL, appendix A).
_ADVICE: Final = {
    "28": "check user and password in the URL (PLUMBLINE_DATABASE, --database)",
    "3D": "make that database, or name the right one (PLUMBLINE_DATABASE, --database)",
    "57": "the database starts or ends: try again in a moment",
    "53": "the database is full or has too many connections: see its log",
}


def _advice(error: DBAPIError) -> str:
    state = str(getattr(error.orig, "sqlstate", None) or "")
    usual = "check the URL, and bring the database to this version with 'plumbline db upgrade'"
    return _ADVICE.get(state[:2], usual)


@contextlib.asynccontextmanager
async def opened(url: str, *, existing: bool = False) -> AsyncGenerator[AsyncEngine]:
    """An engine for `url`, closed at the end; with `existing` an SQLite file is not made where there is none.

    Raises `PlumblineError` where the database does not answer, refuses, or is not one of ours.
    """
    if existing and url.startswith("sqlite"):
        file = url.partition("///")[2]
        if not Path(file).is_file():
            raise PlumblineError(f"{file}: there is no such database; name one with --database or start 'plumbline up'")
    engine = open_engine(url)
    shown = engine.url.render_as_string(hide_password=True)
    try:
        yield engine
    except DBAPIError as error:
        reason = str(error.orig).partition("\n")[0]
        raise PlumblineError(f"{shown}: {reason}; {_advice(error)}") from error
    except OSError as error:
        why = error.strerror or str(error)
        raise PlumblineError(
            f"{shown}: {why}; start the database, or name the right one (PLUMBLINE_DATABASE, --database)"
        ) from error
    finally:
        await engine.dispose()
