# ruff: noqa: S608 - tables and columns are named by the catalog (m1, n2); everything else is a parameter
"""Rollups and histories out of a DuckDB file: SQL over the tables of the catalog. Used by the reading threads."""

import json
from collections.abc import Sequence
from typing import Any, Final

from duckdb import DuckDBPyConnection

from ingest.series.duckdb_catalog import Table
from ingest.series.limits import LATEST
from plumbline.rollup import HOUR, STATISTICS, Span, finer, metrics_of, rolled
from plumbline.series import Bucket, FieldValue, Measured, Point

_SCALE: Final = 2.0**-64
"""Sums are taken of scaled numbers, so that they never overflow; by a power of two, so that nothing is lost."""


def roll(
    cursor: DuckDBPyConnection, table: Table, site: str, measurement: str, span: Span, *, start: int, end: int
) -> list[Point]:
    """The rollup points of a window, out of `table`, which holds what is next finer."""
    numbers = {name: column for (name, kind), column in table.columns.items() if kind == "n"}
    if finer(span) is None:
        metrics = sorted(numbers)
        columns = [_of_raw(numbers[metric]) for metric in metrics]
    else:
        metrics = metrics_of(set(numbers))
        columns = [_of_rollups(*(numbers[f"{metric}_{word}"] for word in STATISTICS)) for metric in metrics]
    if not metrics:
        return []
    rows = cursor.execute(
        f"""
        WITH by_series AS (
            SELECT series, {_start("$every")} AS start, {", ".join(columns)} FROM {table.name}
            WHERE at_ns >= $first AND at_ns < $end
                AND series IN (SELECT id FROM series WHERE measurement = {table.id} AND site = $site)
            GROUP BY ALL)
        SELECT s.tags, by_series.* EXCLUDE (series) FROM by_series JOIN series s ON s.id = by_series.series
        """,
        {"every": span.ns, "first": start, "end": end, "site": site},
    ).fetchall()
    name = rolled(measurement, span)
    tags_of: dict[str, dict[str, str]] = {}
    points: list[Point] = []
    for text, at, *values in rows:
        if (tags := tags_of.get(text)) is None:
            tags = tags_of[text] = dict(json.loads(text))
        if fields := _fields(metrics, values):
            points.append(Measured(name, tags, fields, at))
    return points


def _fields(metrics: Sequence[str], values: Sequence[Any]) -> dict[str, FieldValue]:
    fields: dict[str, FieldValue] = {}
    for place, metric in enumerate(metrics):
        low, high, total, count, last = values[5 * place : 5 * place + 5]
        if count:
            said = (low, high, total / count / _SCALE, float(count), last)
            fields |= {f"{metric}_{word}": value for word, value in zip(STATISTICS, said, strict=True)}
    return fields


def _of_raw(column: str) -> str:
    # fsum: a sum that does not depend on the order in which threads come upon the rows
    return f"min({column}), max({column}), fsum({column} * {_SCALE!r}), count({column}), arg_max({column}, at_ns)"


def _of_rollups(low: str, high: str, mean: str, count: str, last: str) -> str:
    return f"min({low}), max({high}), fsum({mean} * {_SCALE!r} * {count}), sum({count}), arg_max({last}, at_ns)"


def _start(every: str) -> str:
    # `%` follows the sign of the time: twice, so that intervals before 1970 begin where they should.
    return f"at_ns - ((at_ns % {every}) + {every}) % {every}"


def history(
    cursor: DuckDBPyConnection,
    table: Table,
    site: str,
    columns: Sequence[str],
    *,
    inside: tuple[int, int],
    every_ns: int,
    device: str | None,
) -> list[Bucket]:
    """A metric in equal intervals. `columns`: that of the raw numbers, or those of minimum, maximum, mean and count."""
    low, high, mean, count = columns if len(columns) > 1 else (*columns, *columns, *columns, "")
    weight, samples = (f" * {count}", f"sum({count})") if count else ("", f"count({mean})")
    rows = cursor.execute(
        f"""
        WITH by_series AS (
            SELECT series, {_start("$every")} AS start,
                sum({mean}{weight}) AS total, min({low}) AS minimum, max({high}) AS maximum, {samples} AS samples
            FROM {table.name} WHERE at_ns >= $first AND at_ns < $end AND {mean} IS NOT NULL GROUP BY ALL)
        SELECT s.device, start, sum(total) / sum(samples), min(minimum), max(maximum), sum(samples)::BIGINT
        FROM by_series JOIN series s ON s.id = by_series.series
        WHERE s.site = $site AND s.device IS NOT NULL AND ($device IS NULL OR s.device = $device)
        GROUP BY s.device, start
        """,
        {"every": min(every_ns, LATEST), "first": inside[0], "end": inside[1], "site": site, "device": device},
    ).fetchall()
    return [Bucket(*row) for row in rows]


def earliest(cursor: DuckDBPyConnection, table: Table, site: str) -> int | None:
    """The time of the oldest row of a site."""
    of_site = f"SELECT id FROM series WHERE measurement = {table.id} AND site = ?"
    [(found,)] = cursor.execute(f"SELECT min(at_ns) FROM {table.name} WHERE series IN ({of_site})", [site]).fetchall()
    return found


def days(cursor: DuckDBPyConnection, table: Table, before: int) -> list[int]:
    """The ends of the days that have rows older than a time; of the last of them, that time."""
    day = 24 * HOUR.ns
    found = cursor.execute(
        f"SELECT DISTINCT {_start('$day')} + $day FROM {table.name} WHERE at_ns < $before ORDER BY 1",
        {"day": day, "before": before},
    )
    return [min(end, before) for (end,) in found.fetchall()]


def until(cursor: DuckDBPyConnection, table: Table, site: str, measurement: str) -> int | None:
    """Up to when (ns) the rollups of a measurement are complete. `table` holds what is said about that."""
    tags = json.dumps([["of", measurement], ["site", site]], ensure_ascii=False)
    [(found,)] = cursor.execute(
        f"SELECT max({table.number('until')}) FROM {table.name} WHERE series IN (SELECT id FROM series WHERE tags = ?)", [tags]
    ).fetchall()
    return None if found is None else int(found) * 1_000_000
