"""Which letters are meant."""

from collections.abc import Sequence
from typing import TypedDict, Unpack

from sqlalchemy import ColumnElement, func

from ingest.tables import dead_letter


class Choice(TypedDict, total=False):
    """Letters that meet all of these; what is absent or `None` does not matter."""

    numbers: Sequence[int] | None
    """Their ids; empty means any."""
    reason: str | None
    site: str | None
    gateway: str | None
    device: str | None
    since: int | None
    """Came (again) at or after this time, UTC in ns."""


def last_at() -> ColumnElement[int]:
    """When a letter came the last time."""
    return func.coalesce(dead_letter.c.last_at, dead_letter.c.received_at)


def chosen(**choice: Unpack[Choice]) -> list[ColumnElement[bool]]:
    """The conditions for a statement on the letters."""
    table = dead_letter.c
    found: list[ColumnElement[bool]] = []
    if numbers := choice.get("numbers"):
        found.append(table.id.in_(numbers))
    for column in (table.reason, table.site, table.gateway, table.device):
        value = choice.get(column.name)
        if value is not None:
            found.append(column == value)
    if (since := choice.get("since")) is not None:
        found.append(last_at() >= since)
    return found
