"""What InfluxDB minds about points: its answers understood, and which of the points sent it means.

| server | says | the others are stored |
|---|---|---|
| 1.x | 400 `{"error": "partial write: REASON dropped=N"}`, or `unable to parse 'LINE': REASON` | yes |
| 2.x | 422 `{"code": "unprocessable entity", "message": "… partial write: REASON dropped=N"}`, 400 `invalid` | on 422 |
| 3 Core | 400 `{"error": "partial write of line protocol occurred", "data": [{"line_number": N, "error_message": REASON}]}` | yes |

N of a partial write is a count, of one of the shards (spans of time) that the points fell into. It names points where as
many points as that have the named field with the named type, or lie before all others where they came too late.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import msgspec

from ingest.series.line_protocol import Encoded
from plumbline.series import FieldValue, Point

_DROPPED: Final = re.compile(r"partial write: (?P<reason>.*) dropped=(?P<dropped>\d+)$", re.DOTALL)
_CONFLICT: Final = re.compile(r"input field .* is type ", re.DOTALL)
_TOO_OLD: Final = re.compile(r"(beyond|outside) retention policy", re.IGNORECASE)
_UNREADABLE: Final = "unable to parse '"
_TYPES: Final[Mapping[type, str]] = {float: "float", int: "float", bool: "boolean", str: "string"}
"""How the server calls what we write; whole numbers are written as floats."""

MOST_REASON: Final = 500
"""Characters kept of a reason."""

Kind = tuple[str, tuple[tuple[str, str], ...]]
"""A measurement, and the names and types of a point's fields."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that minds points."""

    reason: str
    dropped: int | None = None
    """How many points were dropped, where the server says so: all others are stored."""
    by_line: Mapping[int, str] = field(default_factory=dict[int, str])
    """Reasons by line, counted from 0, where the server names lines."""


def kind_of(point: Point) -> Kind:
    """What a server that minds types looks at."""
    return point.measurement, tuple((name, _type_of(value)) for name, value in point.fields.items())


def understood(content: bytes, encoded: Encoded) -> Refusal:
    """What an answer to these lines says."""
    body = _decoded(content)
    text = str(body.get("error") or body.get("message") or content.decode(errors="replace")).strip()
    match = _DROPPED.search(text)
    if match:
        return Refusal(match["reason"][:MOST_REASON], int(match["dropped"]))
    by_line = dict(_named_lines(body.get("data"), encoded)) or dict(_unreadable_lines(text, encoded))
    return Refusal(text[:MOST_REASON] or "refused without a reason", None, by_line)


def named(refusal: Refusal, points: Sequence[Point]) -> Mapping[int, str]:
    """The points, by index, that the refusal is about beyond doubt, with the reason of each; none where it leaves doubt."""
    reason, dropped = refusal.reason, refusal.dropped
    if dropped is None:
        return refusal.by_line
    if dropped >= len(points):
        return dict.fromkeys(range(len(points)), reason)
    meant = suspects(refusal, points)
    if not meant and _TOO_OLD.search(reason):
        oldest = sorted(range(len(points)), key=lambda index: points[index].at)
        if dropped > 0 and points[oldest[dropped - 1]].at < points[oldest[dropped]].at and "Upper" not in reason:
            meant = oldest[:dropped]
    return dict.fromkeys(meant, reason) if len(meant) == dropped else {}


def suspects(refusal: Refusal, points: Sequence[Point]) -> list[int]:
    """The points, by index, that have the field of which a refusal says that its type is another one."""
    if not _CONFLICT.search(refusal.reason):
        return []
    verdicts: dict[Kind, bool] = {}
    meant: list[int] = []
    for index, point in enumerate(points):
        kind = kind_of(point)
        if kind not in verdicts:
            verdicts[kind] = _is_meant(kind, refusal.reason)
        if verdicts[kind]:
            meant.append(index)
    return meant


def _is_meant(kind: Kind, reason: str) -> bool:
    measurement, fields = kind
    return any(f'input field "{name}" on measurement "{measurement}" is type {type_},' in reason for name, type_ in fields)


def _named_lines(data: object, encoded: Encoded) -> Iterable[tuple[int, str]]:
    """Lines that InfluxDB 3 names: by their number, in doubt (it cuts long ones) by how they begin."""
    entries = cast("list[object]", data if isinstance(data, list) else [data])
    places: dict[str, int] | None = None
    lines = encoded.lines
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        said = cast("dict[str, object]", entry)
        number, line = said.get("line_number"), str(said.get("original_line") or "")
        reason = str(said.get("error_message") or "refused without a reason")[:MOST_REASON]
        if type(number) is int and 0 < number <= len(encoded) and lines[number - 1].startswith(line.rstrip(".…")):
            yield number - 1, reason
        elif line:
            places = places or {text: index for index, text in enumerate(lines)}
            if line in places:
                yield places[line], reason


def _unreadable_lines(text: str, encoded: Encoded) -> Iterable[tuple[int, str]]:
    """Lines that 1.x and 2.x quote as unreadable."""
    quoted = text.split(_UNREADABLE)[1:]
    if quoted:
        places = {line: index for index, line in enumerate(encoded.lines)}
        for piece in quoted:
            line, _, reason = piece.rpartition("': ")
            if line in places:
                yield places[line], f"unable to parse: {reason.strip()[:MOST_REASON]}"


def _type_of(value: FieldValue) -> str:
    return _TYPES.get(type(value), "?")


def _decoded(content: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
