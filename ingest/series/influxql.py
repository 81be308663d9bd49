"""InfluxQL: whatever stands in a name or a text stays inside its quotes; windows as conditions; what an answer holds."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ingest.series.limits import window

Row = dict[str, Any]
Group = tuple[Mapping[str, str], list[Row]]
"""The tags of a series in an answer, and its rows."""

_IN_STRING: Final = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n"})
_IN_IDENTIFIER: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def string(text: str) -> str:
    """`text` as a string literal."""
    return f"'{text.translate(_IN_STRING)}'"


def identifier(name: str) -> str:
    """`name` as the name of a measurement, tag or field."""
    return f'"{name.translate(_IN_IDENTIFIER)}"'


def condition(start: int, end: int) -> str | None:
    """The half-open window as a condition; `None` where nothing can lie in it."""
    inside = window(start, end)
    # The end is asked as the last included nanosecond: the end of the last window is no time to InfluxDB.
    return inside and f"time >= {inside[0]} AND time <= {inside[1] - 1}"


def rows_of(result: Mapping[str, Any]) -> Iterator[Group]:
    """The series of one statement's result."""
    for series in result.get("series", ()):
        columns: list[str] = series["columns"]
        yield series.get("tags", {}), [dict(zip(columns, values, strict=True)) for values in series.get("values", ())]
