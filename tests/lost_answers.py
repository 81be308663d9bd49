"""A commit that takes place, and whose answer nobody hears: the server stood still just then, or the connection broke."""

import contextlib
from collections.abc import Iterator
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine


@contextlib.contextmanager
def answer_lost(engine: AsyncEngine) -> Iterator[list[str]]:
    """Within the block the first COMMIT raises `TimeoutError` after it was done; the list then says so."""
    dialect, told = engine.sync_engine.dialect, list[str]()
    commit = dialect.do_commit

    def unheard(connection: Any) -> None:
        commit(connection)
        if not told:
            told.append("lost")
            raise TimeoutError("no answer to COMMIT")

    dialect.do_commit = unheard
    try:
        yield told
    finally:
        del dialect.do_commit
