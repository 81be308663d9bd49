"""Rollups: what a measurement's numbers were per minute, quarter of an hour and hour, and what the series are called.

Of a measurement `environment` with a metric `pm25_ugm3` the minutes are the measurement `environment_1m` with the fields
`pm25_ugm3_min`, `_max`, `_mean`, `_count`, `_last`, the tags of the raw points, and the start of the minute as time; so are
`environment_15m` and `environment_1h`. Only readings are rolled up: their measurements are named by device types. What ingest
names itself (positions, scans, states, heat …) is counted or drawn in other ways.
"""

from typing import Final, NamedTuple

MINUTE_NS: Final = 60_000_000_000
STATISTICS: Final = ("min", "max", "mean", "count", "last")
#: What of a measurement's rollups is complete: tags `site` and `of` (the measurement), field `until` (ms since 1970), at 1970.
COVER: Final = "rollup"


class Span(NamedTuple):
    """An interval over which numbers are rolled up, aligned to 1970."""

    name: str
    ns: int

    def floor(self, at: int) -> int:
        """The start of the interval in which a time (ns) lies."""
        return at - at % self.ns

    def ceil(self, at: int) -> int:
        """The first start of an interval that is not before a time (ns)."""
        return -(-at // self.ns) * self.ns


MINUTE: Final = Span("1m", MINUTE_NS)
QUARTER: Final = Span("15m", 15 * MINUTE_NS)
HOUR: Final = Span("1h", 60 * MINUTE_NS)
#: From fine to coarse: each is computed from the one before it, the first from the raw points.
SPANS: Final = (MINUTE, QUARTER, HOUR)
_ENDINGS: Final = tuple(f"_{span.name}" for span in SPANS)


def rolled(measurement: str, span: Span) -> str:
    """The measurement that holds the rollups of another."""
    return f"{measurement}_{span.name}"


def is_rolled(measurement: str) -> bool:
    """Whether a measurement is named like a rollup: nobody else may call one so."""
    return measurement.endswith(_ENDINGS)


def finer(span: Span) -> Span | None:
    """What a rollup is computed from; `None`: the raw points."""
    place = SPANS.index(span)
    return SPANS[place - 1] if place else None


def metrics_of(fields: set[str]) -> list[str]:
    """The metrics whose statistics stand in a rollup's fields, sorted."""
    named = (name.removesuffix("_count") for name in fields if name.endswith("_count"))
    return sorted(metric for metric in named if all(f"{metric}_{word}" in fields for word in STATISTICS))
