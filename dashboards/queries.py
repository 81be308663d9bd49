"""What the boards ask: InfluxQL built from typed parts, apart from how it is drawn.

Every query is restricted to the board's time range (`$timeFilter`) and site (`$site`), both filled in by Grafana.
"""

from dataclasses import dataclass
from typing import Final, Literal

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery

DATASOURCE_TYPE: Final = "influxdb"
DATASOURCE_UID: Final = "plumbline-series"


def quoted(name: str) -> str:
    """A measurement, tag or field as InfluxQL quotes it."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True)
class Column:
    """A field, or what a function makes of it; the answer's column has the field's name."""

    field: str
    function: Literal["mean", "sum", "max", "last"] | None = None

    def __str__(self) -> str:
        """The selected expression."""
        name = quoted(self.field)
        return f"{self.function}({name}) AS {name}" if self.function else name


@dataclass(frozen=True)
class Query:
    """A table: a row for each combination of the values of `group_by`."""

    measurement: str
    columns: tuple[Column, ...]
    group_by: tuple[str, ...]
    newest: bool = False
    """Take the newest point of each group as it is, with its gaps, instead of functions over the range."""
    where: str = ""
    """A further condition, for another variable of the board."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the answer as Grafana names them."""
        return ("Time", *self.group_by, *(column.field for column in self.columns))

    def influxql(self) -> str:
        """The statement, with Grafana's variables in it."""
        columns = ", ".join(map(str, self.columns))
        groups = ", ".join(map(quoted, self.group_by))
        further = f" AND {self.where}" if self.where else ""
        newest = " ORDER BY time DESC LIMIT 1" if self.newest else ""
        return (
            f"SELECT {columns} FROM {quoted(self.measurement)}"  # noqa: S608 - every name is quoted, and ours
            f' WHERE $timeFilter AND "site" =~ /^$site$/{further} GROUP BY {groups}{newest}'
        )

    def target(self) -> "Target":
        """The query as a panel carries it."""
        return Target(self.influxql())


class Target(Dataquery, Builder["Target"]):
    """A query of Grafana's InfluxDB datasource, which the SDK has no builder for."""

    def __init__(self, influxql: str, ref_id: str = "A") -> None:
        self.influxql = influxql
        self.ref_id = ref_id

    def build(self) -> "Target":
        """Itself: there is nothing to set step by step."""
        return self

    def to_json(self) -> dict[str, object]:
        """As Grafana stores it. The table format: a map's heat layer reads only the first frame, so there may be but one."""
        return {
            "refId": self.ref_id,
            "datasource": {"type": DATASOURCE_TYPE, "uid": DATASOURCE_UID},
            "query": self.influxql,
            "rawQuery": True,
            "resultFormat": "table",
        }


def tag_values(measurement: str, tag: str) -> str:
    """The query behind a board's variable."""
    return f"SHOW TAG VALUES FROM {quoted(measurement)} WITH KEY = {quoted(tag)}"


HEAT: Final = Query(
    "heat",
    (Column("lat", "mean"), Column("lon", "mean"), Column("weight", "sum")),
    ("cell",),
    where='"source" =~ /^$source$/',
)
MATERIAL: Final = Query(
    "material",
    (Column("title"), Column("arrived"), Column("expected"), Column("percent")),
    ("order", "line"),
    newest=True,
)
MILESTONES: Final = Query(
    "milestone",
    (Column("title"), Column("rag"), Column("state"), Column("percent")),
    ("order", "milestone"),
    newest=True,
)
GATEWAYS: Final = Query(
    "gateway_health",
    (Column("readers_failing"), Column("readers_total"), Column("queue_business_events"), Column("disk_free_bytes")),
    ("device",),
    newest=True,
)
