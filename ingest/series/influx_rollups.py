# ruff: noqa: S608 - every name and text in a query is quoted by ingest.series.influxql
"""Rollups and retention by InfluxQL: what is computed, where it is complete, what is deleted."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ingest.series.influx_server import InfluxServer, NotANumberError
from ingest.series.influxql import condition, identifier, rows_of, string
from plumbline.rollup import COVER, STATISTICS, Span, finer, metrics_of, rolled
from plumbline.series import Bucket, FieldValue, Measured, Point

#: Metrics asked for in one query.
_AT_ONCE: Final = 50
_SCALE: Final = 2.0**-64
#: The same without an exponent, which InfluxQL does not read. Sums are taken of scaled numbers: they never overflow.
_SCALED: Final = f"{_SCALE:.75f}".rstrip("0")
_NUMBERS: Final = frozenset({"float", "integer", "unsigned"})


class InfluxRollups:
    """See `plumbline.series.SeriesRollups`; and histories out of what it keeps."""

    def __init__(self, server: InfluxServer) -> None:
        self._server = server

    async def rolled(self, site: str, measurement: str, span: Span, *, start: int, end: int) -> Sequence[Point]:
        """See `SeriesRollups.rolled`."""
        within = condition(start, end)
        if within is None:
            return []
        source = finer(span)
        name = measurement if source is None else rolled(measurement, source)
        fields = await self._number_fields(name)
        metrics = sorted(fields) if source is None else metrics_of(fields)
        where = f"FROM {identifier(name)} WHERE site = {string(site)} AND {within}"
        points: list[Point] = []
        for first in range(0, len(metrics), _AT_ONCE):
            some = metrics[first : first + _AT_ONCE]
            if source is not None:
                result = await self._server.ask(_of_rollups(some, where, within, span))
            else:
                try:
                    result = await self._server.ask(_of_raw(some, where, span))
                except NotANumberError:  # a sum of numbers at the end of what a float holds: means of scaled ones
                    result = await self._server.ask(_of_raw_scaled(some, where, within, span))
            points += _points(result, rolled(measurement, span), some)
        return points

    async def earliest(self, site: str, measurement: str) -> int | None:
        """See `SeriesRollups.earliest`."""
        query = f"SELECT *::field FROM {identifier(measurement)} WHERE site = {string(site)} ORDER BY time LIMIT 1"
        return next((row["time"] for _, rows in rows_of(await self._server.ask(query)) for row in rows), None)

    async def forget(self, measurement: str, before: int) -> None:
        """See `SeriesRollups.forget`."""
        await self._server.ask(f"DELETE FROM {identifier(measurement)} WHERE time < {before}")

    async def until(self, site: str, measurement: str) -> int | None:
        """Up to when (ns) the rollups of a measurement are complete; `None`: there are none."""
        query = f'SELECT "until" FROM {identifier(COVER)} WHERE site = {string(site)} AND "of" = {string(measurement)}'
        found = (row["until"] for _, rows in rows_of(await self._server.ask(query)) for row in rows)
        return next((int(said) * 1_000_000 for said in found if said is not None), None)

    async def history(
        self, site: str, measurement: str, field: str, span: Span, *, within: str, every_ns: int, device: str | None
    ) -> list[Bucket]:
        """A history out of the rollups of one span, by device in no particular order."""
        low, high, mean, count = (identifier(f"{field}_{word}") for word in ("min", "max", "mean", "count"))
        which = "" if device is None else f" AND device = {string(device)}"
        result = await self._server.ask(
            f"SELECT SUM(t) AS t, SUM(n) AS n, MIN(a) AS a, MAX(b) AS b"
            f" FROM (SELECT {mean} * {_SCALED} * {count} AS t, {count} AS n, {low} AS a, {high} AS b"
            f" FROM {identifier(rolled(measurement, span))} WHERE site = {string(site)} AND {within} AND device != ''{which})"
            f" WHERE {within} GROUP BY device, time({every_ns}ns) fill(none)"
        )
        return [
            Bucket(tags["device"], row["time"], row["t"] / row["n"] / _SCALE, float(row["a"]), float(row["b"]), int(row["n"]))
            for tags, rows in rows_of(result)
            for row in rows
            if row["n"]
        ]

    async def _number_fields(self, measurement: str) -> set[str]:
        result = await self._server.ask(f"SHOW FIELD KEYS FROM {identifier(measurement)}")
        return {row["fieldKey"] for _, rows in rows_of(result) for row in rows if row["fieldType"] in _NUMBERS}


def _of_raw(metrics: Sequence[str], where: str, span: Span) -> str:
    chosen = ", ".join(
        f"MIN({name}) AS a{i}, MAX({name}) AS b{i}, MEAN({name}) AS c{i}, COUNT({name}) AS d{i}, LAST({name}) AS e{i}"
        for i, name in enumerate(map(identifier, metrics))
    )
    return f"SELECT {chosen} {where} GROUP BY time({span.ns}ns), * fill(none)"


def _of_raw_scaled(metrics: Sequence[str], where: str, within: str, span: Span) -> str:
    inner = ", ".join(f"{name} AS v{i}, {name} * {_SCALED} AS s{i}" for i, name in enumerate(map(identifier, metrics)))
    outer = ", ".join(
        f"MIN(v{i}) AS a{i}, MAX(v{i}) AS b{i}, SUM(s{i}) AS t{i}, COUNT(v{i}) AS d{i}, LAST(v{i}) AS e{i}"
        for i in range(len(metrics))
    )
    return f"SELECT {outer} FROM (SELECT {inner} {where} GROUP BY *) WHERE {within} GROUP BY time({span.ns}ns), * fill(none)"


def _of_rollups(metrics: Sequence[str], where: str, within: str, span: Span) -> str:
    inner: list[str] = []
    for i, metric in enumerate(metrics):
        low, high, mean, count, last = (identifier(f"{metric}_{word}") for word in STATISTICS)
        inner.append(f"{low} AS a{i}, {high} AS b{i}, {mean} * {_SCALED} * {count} AS t{i}, {count} AS d{i}, {last} AS e{i}")
    outer = ", ".join(
        f"MIN(a{i}) AS a{i}, MAX(b{i}) AS b{i}, SUM(t{i}) AS t{i}, SUM(d{i}) AS d{i}, LAST(e{i}) AS e{i}"
        for i in range(len(metrics))
    )
    return (
        f"SELECT {outer} FROM (SELECT {', '.join(inner)} {where} GROUP BY *)"
        f" WHERE {within} GROUP BY time({span.ns}ns), * fill(none)"
    )


def _points(result: Mapping[str, Any], name: str, metrics: Sequence[str]) -> Iterator[Point]:
    for tags, rows in rows_of(result):
        named = {key: value for key, value in tags.items() if value}
        for row in rows:
            fields: dict[str, FieldValue] = {}
            for i, metric in enumerate(metrics):
                count = row[f"d{i}"]
                if count:
                    mean = row[f"c{i}"] if f"c{i}" in row else row[f"t{i}"] / count / _SCALE
                    said = (row[f"a{i}"], row[f"b{i}"], mean, count, row[f"e{i}"])
                    fields |= {f"{metric}_{word}": float(value) for word, value in zip(STATISTICS, said, strict=True)}
            if fields:
                yield Measured(name, named, fields, row["time"])
