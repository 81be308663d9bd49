"""InfluxDB line protocol, version 1, nanoseconds: points into lines.

Source: InfluxData, "Line protocol reference", and the cases of influxdata/line-protocol-corpus. What the format cannot
say (not-a-number, infinities, a line feed in a tag, a name that ends in a backslash) is refused with a reason, never bent:
a bent tag would be another series.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Final, Self

import msgspec

from ingest.series.known_tags import KnownTags
from ingest.series.limits import (
    EARLIEST,
    LATEST,
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
from ingest.series.vouched import vouched
from plumbline.series import Point, RefusedPoint

_IN_MEASUREMENT: Final = str.maketrans({",": "\\,", " ": "\\ "})
_IN_KEY: Final = str.maketrans({",": "\\,", " ": "\\ ", "=": "\\="})
_IN_STRING: Final = str.maketrans({"\\": "\\\\", '"': '\\"'})

_JSON: Final = msgspec.json.Encoder()
_NOT_A_NUMBER: Final = b":null"
"""What JSON says of numbers that are none."""
_MEANT: Final = b':"{}'
_HIDDEN: Final = b"\xfb\xfc\xfd\xfe"
"""Bytes that no UTF-8 has (RFC 3629): they stand for those above in a head, while the latter are JSON's own."""
_NEXT_LINE: Final = b"\xff"
_HIDE: Final = bytes.maketrans(_MEANT, _HIDDEN)
_FROM_JSON: Final = bytes.maketrans(b":}" + _HIDDEN + _NEXT_LINE, b"= " + _MEANT + b"\n")
_ONLY_JSON: Final = b'{"\n'


@dataclass(frozen=True, slots=True)
class Encoded:
    """What became of a batch: its lines and the points they say, index by index, and the points not said."""

    said: bytes | list[str]
    """The lines as they are sent; or one by one, where some text in them may hold a line feed."""
    heads: Sequence[str]
    """What each line begins with up to its first field: one text for all lines of a series."""
    points: Sequence[Point]
    refused: list[RefusedPoint] = field(default_factory=list[RefusedPoint])

    def __len__(self) -> int:
        return len(self.points)

    @property
    def lines(self) -> list[str]:
        """The lines, without line feeds at their ends."""
        return self.said.decode().split("\n") if isinstance(self.said, bytes) else self.said

    @property
    def body(self) -> bytes:
        """All lines as they are sent."""
        return self.said if isinstance(self.said, bytes) else "\n".join(self.said).encode()

    def parts(self, most: int) -> "list[Encoded]":
        """All lines, in order, in parts of about `most`."""
        count = max(1, round(len(self) / most))
        if count == 1:
            return [self]
        size, whole = -(-len(self) // count), type(self)(self.lines, self.heads, self.points)
        return [whole.ordered(range(first, min(first + size, len(self)))) for first in range(0, len(self), size)]

    def chosen(self, which: Iterable[object]) -> Self:
        """The lines for which something true stands in `which`, in order."""
        return self.ordered(list(compress(range(len(self)), which)))

    def ordered(self, indices: Sequence[int]) -> Self:
        """The lines of these indices, in their order."""
        lines, heads, points = self.lines, self.heads, self.points
        return type(self)([lines[i] for i in indices], [heads[i] for i in indices], [points[i] for i in indices])

    def joined(self, other: Self) -> Self:
        """These lines, then the other ones."""
        if not len(other) and not other.refused:
            return self
        lines = [*(self.lines if len(self) else ()), *other.lines]
        return type(self)(lines, [*self.heads, *other.heads], [*self.points, *other.points], self.refused + other.refused)


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
        self._hidden: dict[str, msgspec.Raw] = {}
        self._keys: dict[str, str] = {}
        self._known = KnownTags(self._head, most=cache_size // 2)

    def encode(self, points: Sequence[Point]) -> Encoded:
        """Encode a batch: a line a point without those that cannot be said, in order for each series."""
        measured, others = vouched(points)
        heads = self.heads(measured)
        if heads is None:
            return self.one_by_one(points)
        return self.with_heads(heads, measured).joined(self.one_by_one(others))

    def heads(self, measured: Sequence[Point]) -> list[str] | None:
        """The heads of points that are vouched for, in order; `None` where nobody can say one of them."""
        try:
            return self._known.of(measured)
        except RefusedError:
            return None

    def with_heads(self, heads: list[str], points: Sequence[Point]) -> Encoded:
        """Encode points that are vouched for, with these heads: in bulk, if none of them needs a look of its own."""
        times, fields = [point.at for point in points], [point.fields for point in points]
        if not points or min(times) < EARLIEST or max(times) > LATEST or not all(fields) or "time" in set().union(*fields):
            return self.one_by_one(points)
        # Of each line three texts, \xffHEAD and {"a":1.5,"b":2.0} and 17, become HEAD a=1.5,b=2.0 17 with a line feed before it:
        # names hold none of the characters that change or go, and heads hide them.
        pieces: list[object] = [None] * (3 * len(points))
        pieces[0::3], pieces[1::3], pieces[2::3] = self._hiding(heads), fields, times
        said = _JSON.encode_lines(pieces)
        if _NOT_A_NUMBER in said:
            return self.one_by_one(points)
        return Encoded(said.translate(_FROM_JSON, _ONLY_JSON)[1:], heads, points)

    def line(self, point: Point) -> str:
        """One line without its line feed. Raises `RefusedError` with the reason."""
        return f"{self._head(point.measurement, point.tags)}{self._fields(point)} {point.at}"

    def one_by_one(self, points: Sequence[Point]) -> Encoded:
        """Encode points with a look at each."""
        encoded = Encoded(lines := list[str](), heads := list[str](), taken := list[Point]())
        for point in points:
            try:
                head, told = self._head(point.measurement, point.tags), self._fields(point)
            except RefusedError as error:
                encoded.refused.append(RefusedPoint(point, str(error)))
                continue
            heads.append(head)
            lines.append(f"{head}{told} {point.at}")
            taken.append(point)
        return encoded

    def _fields(self, point: Point) -> str:
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
        return ",".join(parts)

    def _head(self, measurement: str, tags: Mapping[str, str]) -> str:
        return self._heads.get((measurement, tuple(tags.items()))) or self._remember_head(measurement, tags)

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
        head = self._heads[measurement, tuple(tags.items())] = f"{','.join(parts)} "
        return head

    def _hiding(self, heads: list[str]) -> list[msgspec.Raw]:
        """Heads as they stand between pieces of JSON."""
        try:
            return list(map(self._hidden.__getitem__, heads))
        except KeyError:
            return list(map(self._hide, heads))

    def _hide(self, head: str) -> msgspec.Raw:
        hidden = self._hidden.get(head)
        if hidden is None:
            if len(self._hidden) >= self._cache_size:
                self._hidden.clear()
            hidden = self._hidden[head] = msgspec.Raw(_NEXT_LINE + head.encode().translate(_HIDE))
        return hidden

    def _remember_key(self, name: str) -> str:
        check_key(name, "the field key")
        if self._portable:
            check_portable(name, "the field key")
        if len(self._keys) >= self._cache_size:
            self._keys.clear()
        escaped = self._keys[name] = name.translate(_IN_KEY) + "="
        return escaped
