"""InfluxQL from typed parts, with Grafana's macros in it.

What Grafana fills in: `$timeFilter` (the board's range), `$__interval` (about a pixel), `${site:regex}` and other variables.
A variable is always written with its format: what a datasource does to a bare `$site` has changed from one Grafana to the
next, `:regex` has not.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery

DATASOURCE_TYPE: Final = "influxdb"
DATASOURCE_UID: Final = "plumbline-series"
#: Fields that are there in each language: `title` and `title_zh`.
_TOLD: Final = frozenset({"title", "text"})


def quoted(name: str) -> str:
    """A measurement, tag or field as InfluxQL quotes it."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def literal(value: str) -> str:
    """A text as InfluxQL quotes it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


@dataclass(frozen=True)
class Column:
    """What is selected, and the name of the answer's column. Columns of functions can be reckoned with."""

    text: str
    name: str

    def __str__(self) -> str:
        """As it stands after SELECT."""
        return self.text if self.text == quoted(self.name) else f"{self.text} AS {quoted(self.name)}"

    def __add__(self, other: "Column | float") -> "Column":
        """The sum."""
        return self._with("+", other)

    def __sub__(self, other: "Column | float") -> "Column":
        """The difference."""
        return self._with("-", other)

    def __mul__(self, other: "Column | float") -> "Column":
        """The product."""
        return self._with("*", other)

    def __truediv__(self, other: "Column | float") -> "Column":
        """The quotient; InfluxDB makes it 0 where `other` is 0."""
        return self._with("/", other)

    def named(self, name: str) -> "Column":
        """The same under another name."""
        return replace(self, name=name)

    def _with(self, operator: str, other: "Column | float") -> "Column":
        return replace(self, text=f"({self.text} {operator} {other.text if isinstance(other, Column) else other})")


def field(name: str) -> Column:
    """A field (or a tag that is not grouped by) as it is."""
    return Column(quoted(name), name)


def last(name: str) -> Column:
    """The newest value."""
    return Column(f"last({quoted(name)})", name)


def mean(name: str) -> Column:
    """The arithmetic mean."""
    return Column(f"mean({quoted(name)})", name)


def total(name: str) -> Column:
    """The sum."""
    return Column(f"sum({quoted(name)})", name)


def highest(name: str) -> Column:
    """The greatest value."""
    return Column(f"max({quoted(name)})", name)


def lowest(name: str) -> Column:
    """The smallest value."""
    return Column(f"min({quoted(name)})", name)


def count(name: str) -> Column:
    """How many values there are."""
    return Column(f"count({quoted(name)})", name)


@dataclass(frozen=True)
class Condition:
    """What must hold of a point."""

    text: str


def tag_is(tag: str, value: str) -> Condition:
    """The tag has this value."""
    return Condition(f"{quoted(tag)} = {literal(value)}")


def tag_chosen(tag: str, variable: str) -> Condition:
    """The tag has a value that was chosen in this variable of the board: as a whole, not as a part of a longer name."""
    return Condition(f"{quoted(tag)} =~ /^${{{variable}:regex}}$/")


def tag_among(tag: str, variable: str) -> Condition:
    """The tag has one of the values, with | between them, that this variable of the board is."""
    return Condition(f"{quoted(tag)} =~ /^(${{{variable}:raw}})$/")


def site_or_unknown() -> Condition:
    """The chosen site, and what came with no site that is known: else nobody would ever see it."""
    return Condition(f"{quoted('site')} =~ /^(${{site:regex}}|unknown)$/")


def more_than(name: str, figure: float) -> Condition:
    """The field is more than this."""
    return Condition(f"{quoted(name)} > {figure:g}")


@dataclass(frozen=True, kw_only=True)
class Query:
    """A statement within the board's time range, and within the chosen site unless it is for all."""

    source: "str | tuple[str, ...] | Query"
    """A measurement; several, each answering for itself; or what another query gives: then range and site are that one's."""
    columns: tuple[Column, ...]
    group_by: tuple[str, ...] = ()
    """Tags: one answer for each combination of their values."""
    every: str = ""
    """Also one for each step of this length: `$__interval`, `1h`."""
    fill: Literal["none", "null", "previous"] = "none"
    """What a step without points gives."""
    where: tuple[Condition, ...] = ()
    newest: bool = False
    """Take the newest point of each group as it is, with its gaps, instead of functions over the range."""
    before: str = ""
    """Read this much before the range too: what changed then still holds at the range's beginning."""
    all_sites: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the answer as Grafana names them in a table."""
        return ("Time", *self.group_by, *(column.name for column in self.columns))

    def influxql(self) -> str:
        """The statement."""
        words = [f"SELECT {', '.join(map(str, self.columns))} FROM {self._from()}"]  # noqa: S608 - every name is quoted, and ours
        if conditions := [condition.text for condition in self._conditions()]:
            words.append(f"WHERE {' AND '.join(conditions)}")
        if groups := [*([f"time({self.every})"] if self.every else []), *map(quoted, self.group_by)]:
            words.append(f"GROUP BY {', '.join(groups)}")
        if self.every:
            words.append(f"fill({self.fill})")
        if self.newest:
            words.append("ORDER BY time DESC LIMIT 1")
        return " ".join(words)

    def in_words_of(self, language: str) -> "Query":
        """The same with what is told of orders, milestones, lines and evidence in `language`, `en` or `zh`."""
        if language == "en":
            return self
        source = self.source.in_words_of(language) if isinstance(self.source, Query) else self.source
        own = tuple(
            replace(column, text=column.text.replace(quoted(column.name), quoted(f"{column.name}_{language}")))
            if column.name in _TOLD and not isinstance(self.source, Query)
            else column
            for column in self.columns
        )
        return replace(self, source=source, columns=own)

    def _from(self) -> str:
        if isinstance(self.source, Query):
            return f"({self.source.influxql()})"
        return quoted(self.source) if isinstance(self.source, str) else ", ".join(map(quoted, self.source))

    def _conditions(self) -> Iterable[Condition]:
        if not isinstance(self.source, Query):
            if self.before:
                yield Condition(f"time >= ${{__from}}ms - {self.before} AND time <= ${{__to}}ms")
            else:
                yield Condition("$timeFilter")
            if not self.all_sites:
                yield tag_chosen("site", "site")
        elif self.every:  # else its steps would begin in 1970
            yield Condition("$timeFilter")
        yield from self.where


class Target(Dataquery, Builder["Target"]):
    """A query of Grafana's InfluxDB datasource, which the SDK has no builder for.

    Args:
        query: what is asked.
        alias: names a line of each group (`$tag_device`); without one the answer is one table, tags as columns: a map's heat
            layer reads only the first frame, so there may be but one.
        ref_id: names the query within its panel.
    """

    def __init__(self, query: Query, *, alias: str = "", ref_id: str = "A") -> None:
        self.query = query
        self.alias = alias
        self.ref_id = ref_id

    def build(self) -> "Target":
        """Itself: there is nothing to set step by step."""
        return self

    def to_json(self) -> dict[str, object]:
        """As Grafana stores it."""
        return {
            "refId": self.ref_id,
            "datasource": {"type": DATASOURCE_TYPE, "uid": DATASOURCE_UID},
            "query": self.query.influxql(),
            "rawQuery": True,
            **({"resultFormat": "time_series", "alias": self.alias} if self.alias else {"resultFormat": "table"}),
        }


class Remarks(Target):
    """A query of annotations: each row is a mark at its time.

    Args:
        query: gives the columns `title` and `text`.
        tags: further columns, shown as the mark's labels.
    """

    def __init__(self, query: Query, *, tags: tuple[str, ...] = ()) -> None:
        super().__init__(query, ref_id="Anno")
        self.tags = tags

    def to_json(self) -> dict[str, object]:
        """As Grafana stores it under the annotation's `target`."""
        columns = {"titleColumn": "title", "textColumn": "text", "tagsColumn": ",".join(self.tags), "timeEndColumn": ""}
        return super().to_json() | columns | {"fromAnnotations": True}


def tag_values(measurement: str, tag: str, *, of_site: bool = False) -> str:
    """The query behind a board's variable."""
    within = f" WHERE {tag_chosen('site', 'site').text}" if of_site else ""
    return f"SHOW TAG VALUES FROM {quoted(measurement)} WITH KEY = {quoted(tag)}{within}"
