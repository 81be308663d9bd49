"""InfluxDB line protocol, version 1, nanoseconds: points into lines.

Source: InfluxData, "Line protocol reference", and the cases of influxdata/line-protocol-corpus. What the format cannot
say (not-a-number, infinities, a line feed in a tag, a name that ends in a backslash) is refused with a reason, never bent:
a bent tag would be another series.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from plumbline.series import Point, RefusedPoint

EARLIEST: Final = -(2**63) + 2
"""The smallest time that InfluxDB stores, in nanoseconds since 1970 (the two below are its own sentinels)."""
LATEST: Final = 2**63 - 2
"""The greatest time that InfluxDB stores, in nanoseconds since 1970."""
EXACT: Final = 2**53
"""Every integer up to here has a float of its own (IEEE 754 binary64)."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_IN_MEASUREMENT: Final = str.maketrans({",": "\\,", " ": "\\ "})
_IN_KEY: Final = str.maketrans({",": "\\,", " ": "\\ ", "=": "\\="})
_IN_STRING: Final = str.maketrans({"\\": "\\\\", '"': '\\"'})


class RefusedError(Exception):
    """A point that cannot be said; the text is the reason, for a person."""


class Encoded(NamedTuple):
    """What became of a batch: lines and the points they say, index by index, and the points that cannot be said."""

    lines: list[str]
    points: Sequence[Point]
    refused: list[RefusedPoint]


def check_name(text: str, what: str) -> None:
    """Raise `RefusedError` where `text` cannot be a measurement, key or tag value; `what` names it in the reason."""
    if not text:
        raise RefusedError(f"{what} is empty; give it a name")
    if text.endswith("\\"):
        raise RefusedError(f"{what} {text[:80]!r} ends in a backslash, which line protocol cannot say; leave it out")
    if _CONTROL.search(text):
        raise RefusedError(f"{what} {text[:80]!r} holds a control character; leave it out")
    if not text.isascii():
        check_text(text, what)


def check_text(text: str, what: str) -> None:
    """Raise `RefusedError` where `text` has no UTF-8 form."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RefusedError(f"{what} is not Unicode text (lone surrogate at {error.start}); send valid UTF-8") from None


def check_measurement(measurement: str) -> None:
    """Raise `RefusedError` where this cannot be a measurement's name."""
    check_name(measurement, "the measurement")
    if measurement.startswith("#"):
        raise RefusedError(f"the measurement {measurement[:80]!r} would be read as a comment; begin it with another character")


def check_key(key: str, what: str) -> None:
    """Raise `RefusedError` where this cannot be the key of a tag or field."""
    check_name(key, what)
    if key == "time":
        raise RefusedError(f"{what} 'time' is the column of the point's own time; use another name")


def check_time(at: int) -> None:
    """Raise `RefusedError` where InfluxDB cannot hold the time."""
    if not EARLIEST <= at <= LATEST:
        raise RefusedError(f"the time {at} ns is outside 1677-09-21 to 2262-04-11; correct the device's clock")


class LineEncoder:
    """Encodes points; remembers escaped tag sets and keys (at most `cache_size` each), since they repeat.

    With `integers_as_floats`, whole numbers are written as floats: a field has one type for ever, and a sensor that says
    21 now says 21.5 in a minute. An integer that no float equals is then refused.
    """

    def __init__(self, *, integers_as_floats: bool = False, cache_size: int = 100_000) -> None:
        self._integers_as_floats = integers_as_floats
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
            if not math.isfinite(value):
                raise RefusedError(f"field {name[:80]!r} is {value}, which is no number; leave the field out instead")
            return repr(float(value))  # a subclass may print itself differently
        raise RefusedError(f"field {name[:80]!r} is of type {type(value).__name__}; a field is a number, a truth value or text")

    def _integer(self, name: str, value: int) -> str:
        if self._integers_as_floats:
            check_exact(name, value)
            return repr(float(value))
        if not -(2**63) <= value < 2**63:
            raise RefusedError(f"field {name[:80]!r} holds an integer beyond 64 bits; send it as text")
        return f"{value:d}i"

    def _remember_head(self, measurement: str, tags: Mapping[str, str]) -> str:
        check_measurement(measurement)
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
        if len(self._keys) >= self._cache_size:
            self._keys.clear()
        escaped = self._keys[name] = name.translate(_IN_KEY) + "="
        return escaped


def check_exact(name: str, value: int) -> None:
    """Raise `RefusedError` where no float equals the integer."""
    if -EXACT <= value <= EXACT:
        return
    try:
        exact = float(value) == value
    except OverflowError:
        exact = False
    if not exact:
        raise RefusedError(f"field {name[:80]!r} holds an integer that no 64-bit float equals; send it as text")
