"""What Grafana's InfluxDB datasource makes of a query: macros and variables filled in, asked, the answer shaped into frames.

Written from the behaviour of Grafana 9.5 to 12 (InfluxQL): `table` is one frame with Time, the tags and the columns,
`time_series` a frame of Time and Value for each column of each group, named by the alias.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import httpx

#: Grafana's nice steps (ms): the one that a rough step is rounded to.
_STEPS = (1_000, 2_000, 5_000, 10_000, 15_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_200_000, 1_800_000)
_STEPS += (3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000, 86_400_000, 604_800_000)
_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
#: Of a panel.
_PIXELS = 1_000
#: `timeInterval` of our datasource.
_LEAST_MS = 10_000


class Range(NamedTuple):
    """From and to, ms since 1970."""

    start: int
    end: int

    @property
    def step_ms(self) -> int:
        rough = (self.end - self.start) / _PIXELS
        return max(_LEAST_MS, next((step for step in _STEPS if step >= rough), _STEPS[-1]))


def length_ms(text: str) -> int:
    """`24h`, `now-7d`."""
    found = re.fullmatch(r"(?:now-)?(\d+)([smhdw])", text)
    assert found, f"'{text}' is no length of time that Grafana and we both read"
    return int(found[1]) * _UNITS[found[2]]


def range_of(board: Mapping[str, Any], panel: Mapping[str, Any], now_ms: int) -> tuple[Range, Range]:
    """The panel's own range, and the board's, which `$__from` stands for."""
    assert board["time"]["to"] == "now"
    whole = Range(now_ms - length_ms(board["time"]["from"]), now_ms)
    if since := panel.get("timeFrom"):
        return Range(now_ms - length_ms(since), now_ms), whole
    return whole, whole


def _shown(value: str | Sequence[str], form: str) -> str:
    values = [value] if isinstance(value, str) else list(value)
    match form:
        case "regex":
            escaped = [re.sub(r"[\\^$*+?.()|[\]{}/]", r"\\\g<0>", one) for one in values]
            return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"
        case "raw":
            return values[0] if len(values) == 1 else ",".join(values)
        case _:
            raise AssertionError(f"no board of ours writes a variable as :{form}")


def expanded(query: str, within: Range, board: Range, chosen: Mapping[str, str | Sequence[str]]) -> str:
    """The statement as it is sent. Fails where something is left that Grafana would leave too, or fill in differently."""
    query = re.sub(r"\$\{(\w+):(\w+)\}", lambda found: _shown(chosen[found[1]], found[2]), query)
    query = query.replace("${__from}", str(board.start)).replace("${__to}", str(board.end))
    query = query.replace("$timeFilter", f"time >= {within.start}ms and time <= {within.end}ms")
    query = re.sub(r"\$(__)?interval\b", f"{within.step_ms // 1000}s", query)
    left = re.findall(r"\$(?!/)\S*", query)
    assert not left, f"{left} is left in {query}"
    return query


def asked(server: str, database: str, statement: str) -> list[dict[str, Any]]:
    """The series of the answer. Raises what InfluxDB says of a statement that it does not take."""
    answer = httpx.post(f"{server}/query", params={"db": database, "epoch": "ms"}, data={"q": statement}, timeout=120)
    (result,) = answer.json()["results"]
    assert "error" not in result, f"{result['error']}: {statement}"
    return result.get("series", [])


def _kind(values: Sequence[Any]) -> str:
    for value in values:
        if value is not None:
            return "boolean" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"
    return "number"


def table(series: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One frame: Time, tags, columns; none where nothing came."""
    if not series:
        return []
    tags = list(series[0].get("tags", {}))
    columns = series[0]["columns"]
    rows = [(one.get("tags", {}), row) for one in series for row in one["values"]]
    fields: list[dict[str, Any]] = [{"name": "Time", "type": "time", "values": [row[0] for _, row in rows]}]
    fields += [_field(tag, [own[tag] for own, _ in rows], "string") for tag in tags]
    for place, column in enumerate(columns[1:], start=1):
        values = [row[place] for _, row in rows]
        fields.append(_field(column, values, _kind(values)))
    return [{"name": series[0]["name"], "fields": fields}]


def _field(name: str, values: list[Any], kind: str) -> dict[str, Any]:
    return {"name": name, "type": kind, "values": values, "config": {"displayNameFromDS": name}}


def time_series(series: Sequence[Mapping[str, Any]], alias: str) -> list[dict[str, Any]]:
    """A frame of each column of each group."""
    frames: list[dict[str, Any]] = []
    for one in series:
        tags = one.get("tags", {})
        for place, column in enumerate(one["columns"]):
            if column == "time":
                continue
            values = [row[place] for row in one["values"]]
            name = _alias(alias, one["name"], column, tags)
            field = {
                "name": "Value",
                "type": _kind(values),
                "values": values,
                "labels": tags,
                "config": {"displayNameFromDS": name},
            }
            time = {"name": "Time", "type": "time", "values": [row[0] for row in one["values"]]}
            frames.append({"name": name, "fields": [time, field]})
    return frames


def _alias(alias: str, measurement: str, column: str, tags: Mapping[str, str]) -> str:
    if not alias:
        return f"{measurement}.{column}" + (
            f" {{ {', '.join(f'{key}: {value}' for key, value in tags.items())} }}" if tags else ""
        )

    def filled(found: re.Match[str]) -> str:
        word = found[1] or found[2]
        if word in {"m", "measurement"}:
            return measurement
        if word == "col":
            return column
        return tags.get(word.removeprefix("tag_"), found[0])

    return re.sub(r"\$(\w+)|\[\[([\s\S]+?)\]\]", filled, alias)


def frames_of(target: Mapping[str, Any], series: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The frames of a panel's target."""
    return table(series) if target["resultFormat"] == "table" else time_series(series, target.get("alias", ""))
