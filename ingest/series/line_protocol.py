"""InfluxDB line protocol, version 1, nanoseconds: points into lines.

Source: InfluxData, "Line protocol reference", and the cases of influxdata/line-protocol-corpus. What the format cannot
say (not-a-number, infinities, a line feed in a tag, a name that ends in a backslash) is refused with a reason, never bent:
a bent tag would be another series.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from ingest.series.limits import (
    RefusedError,
    check_exact,
    check_finite,
    check_key,
    check_measurement,
    check_name,
    check_portable,
    check_text,
    check_time,
)
from plumbline.series import Point, RefusedPoint

_IN_MEASUREMENT: Final = str.maketrans({",": "\\,", " ": "\\ "})
_IN_KEY: Final = str.maketrans({",": "\\,", " ": "\\ ", "=": "\\="})
_IN_STRING: Final = str.maketrans({"\\": "\\\\", '"': '\\"'})


class Encoded(NamedTuple):
    """What became of a batch: lines and the points they say, index by index, and the points that cannot be said."""

    lines: list[str]
    points: Sequence[Point]
    refused: list[RefusedPoint]


class LineEncoder:
    """Encodes points; remembers escaped tag sets and keys (at most `cache_size` each), since they repeat.

    With `portable`, what goes in comes out of every InfluxDB: whole numbers are written as floats (a field has one type for
    ever, and a sensor that says 21 now says 21.5 in a minute), an integer that no float equals is refused, and so are names
    that 1.x misreads.
    """

    def __init__(self, *, portable: bool = False, cache_size: int = 100_000) -> None:
        self._portable = portable
        self._cache_size = cache_size
        self._heads: dict[tuple[str, tuple[tuple[str, str], ...]], str] = {}
        self._keys: dict[str, str] = {}

    def encode(self, points: Sequence[Point]) -> Encoded:
        """Encode a batch: a line a point, in order, without those that cannot be said."""
        lines: list[str] = []
        refused: list[RefusedPoint] = []
        line = self.line
        for point in points:
            try:
                lines.append(line(point))
            except RefusedError as error:
                refused.append(RefusedPoint(point, str(error)))
        if not refused:
            return Encoded(lines, points, refused)
        no = {id(entry.point) for entry in refused}
        return Encoded(lines, [point for point in points if id(point) not in no], refused)

    def line(self, point: Point) -> str:
        """One line without its line feed. Raises `RefusedError` with the reason."""
        key = (point.measurement, tuple(point.tags.items()))
        head = self._heads.get(key)
        if head is None:
            head = self._remember_head(point.measurement, point.tags)
        keys = self._keys
        parts: list[str] = []
        for name, value in point.fields.items():
            escaped = keys.get(name) or self._remember_key(name)
            # `type is` first: it decides nearly every field at a third of the cost of isinstance.
            if type(value) is float and value - value == 0.0:
                parts.append(f"{escaped}{value!r}")
            else:
                parts.append(escaped + self._value(name, value))
        if not parts:
            raise RefusedError("the point has no fields; a point says at least one")
        check_time(point.at)
        return f"{head} {','.join(parts)} {point.at}"

    def _value(self, name: str, value: object) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            check_text(value, f"the text of field {name[:80]!r}")
            return f'"{value.translate(_IN_STRING)}"'
        if isinstance(value, int):
            return self._integer(name, value)
        if isinstance(value, float):
            check_finite(name, value)
            return repr(float(value))  # a subclass may print itself differently
        raise RefusedError(f"field {name[:80]!r} is of type {type(value).__name__}; a field is a number, a truth value or text")

    def _integer(self, name: str, value: int) -> str:
        if self._portable:
            check_exact(name, value)
            return repr(float(value))
        if not -(2**63) <= value < 2**63:
            raise RefusedError(f"field {name[:80]!r} holds an integer beyond 64 bits; send it as text")
        return f"{value:d}i"

    def _remember_head(self, measurement: str, tags: Mapping[str, str]) -> str:
        check_measurement(measurement)
        if self._portable:
            check_portable(measurement, "the measurement")
        parts = [measurement.translate(_IN_MEASUREMENT)]
        for key, value in sorted(tags.items()):
            if value:
                check_key(key, "the tag key")
                check_name(value, f"the value of tag {key[:80]!r}")
                parts.append(f"{key.translate(_IN_KEY)}={value.translate(_IN_KEY)}")
        if len(self._heads) >= self._cache_size:
            self._heads.clear()
        head = self._heads[measurement, tuple(tags.items())] = ",".join(parts)
        return head

    def _remember_key(self, name: str) -> str:
        check_key(name, "the field key")
        if self._portable:
            check_portable(name, "the field key")
        if len(self._keys) >= self._cache_size:
            self._keys.clear()
        escaped = self._keys[name] = name.translate(_IN_KEY) + "="
        return escaped
