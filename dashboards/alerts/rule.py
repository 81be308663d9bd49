"""An alert rule, in the two forms that Grafana takes: a provisioning file and its HTTP API.

What a rule asks is a number per site and thing: one column of numbers, grouped by tags, so that Grafana makes an alert of
each. There are no variables of boards in it: a rule holds for every site.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from dashboards import naming
from dashboards.influxql import DATASOURCE_TYPE, DATASOURCE_UID, Query
from plumbline.text import Language, Text

Audience = Literal["site", "operations"]
Severity = Literal["warning", "critical"]

#: Apart from the boards' folder: Grafana makes either by its title, whichever it reads first.
FOLDER: Final = "Plumbline alerts"
FOLDER_UID: Final = "plumbline-alerts"
#: Every alert carries this label; our notification policy takes what has it and nothing else.
PRODUCT: Final = ("product", "plumbline")
INTERVAL_S: Final = 60
RUNBOOKS: Final = "docs/runbooks.md"

_EXPRESSION: Final = {"type": "__expr__", "uid": "__expr__"}


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """Holds while the newest number of the first query is over or under a figure."""

    is_: Literal["gt", "lt"]
    figure: float

    def steps(self, newest: tuple[str, ...]) -> list[dict[str, Any]]:
        """The last expression, named C."""
        evaluator = {"type": self.is_, "params": [self.figure]}
        return [_expression("C", {"type": "threshold", "expression": newest[0], "conditions": [{"evaluator": evaluator}]})]


@dataclass(frozen=True, kw_only=True)
class Formula:
    """Holds while a formula over the queries' newest numbers is not 0; they meet where their tags agree."""

    text: str
    """In Grafana's words: `$R0` is the newest number of the first query."""

    def steps(self, newest: tuple[str, ...]) -> list[dict[str, Any]]:
        """The last expression, named C."""
        del newest
        return [_expression("C", {"type": "math", "expression": self.text})]


@dataclass(frozen=True, kw_only=True)
class Alert:
    """A rule, and what people are told.

    Texts may hold what Grafana fills in: `{{ $labels.site }}`, `{{ $values.R0.Value }}` (the first query's newest number).
    """

    key: str
    """Names it: its UID, and its section in the runbooks."""
    title: Text
    audience: Audience
    severity: Severity
    asks: tuple[Query, ...]
    within_s: int
    """How far back the queries read."""
    holds: Threshold | Formula
    lasting: str
    """How long it must hold before anybody is told (`0s`: at once)."""
    summary: Text
    description: Text
    board: str
    """The board that shows more."""
    without_data: Literal["OK", "Alerting"] = "OK"
    """What it means when nothing comes: mostly that there is nothing to be told of. One rule tells that ingest is silent."""
    labels: Mapping[str, str] | None = None

    @property
    def uid(self) -> str:
        """Its UID in Grafana (at most 40 characters)."""
        return f"plumbline-{self.key}"

    def in_file(self, language: Language, runbooks: str, home: str = "") -> dict[str, Any]:
        """As a rule of a provisioning file; `home` is where the Grafana is, for the link to its board. Grafana fills in environment variables in labels and titles: they have none."""
        tags = {tag for query in self.asks for tag in query.group_by} & {"site", "order"}
        chosen = {tag: f"{{{{ $labels.{tag} }}}}" for tag in sorted(tags, reverse=True)}
        labels = {PRODUCT[0]: PRODUCT[1], "severity": self.severity, "audience": self.audience, **(self.labels or {})}
        return {
            "uid": self.uid,
            "title": self.title.of(language),
            "condition": "C",
            "data": self._data(),
            "for": self.lasting,
            "noDataState": self.without_data,
            # A store that does not answer is no late milestone: its own alert, DatasourceError, for who runs the servers.
            "execErrState": "Error",
            "annotations": {
                "summary": self.summary.of(language),
                "description": self.description.of(language),
                "runbook_url": f"{runbooks}#{self.key}",
                "board": home + naming.address(self.board, **chosen),
            },
            "labels": labels,
            "isPaused": False,
        }

    def in_api(
        self, language: Language, runbooks: str, home: str = "", *, org: int = 1, folder: str = FOLDER_UID
    ) -> dict[str, Any]:
        """As a rule of a group in Grafana's HTTP API."""
        return {
            **self.in_file(language, runbooks, home),
            "orgID": org,
            "folderUID": folder,
            "ruleGroup": group_of(self.audience),
        }

    def _data(self) -> list[dict[str, Any]]:
        queries = [
            {
                "refId": f"A{number}",
                "queryType": "",
                "relativeTimeRange": {"from": self.within_s, "to": 0},
                "datasourceUid": DATASOURCE_UID,
                "model": {
                    "refId": f"A{number}",
                    "datasource": {"type": DATASOURCE_TYPE, "uid": DATASOURCE_UID},
                    "query": query.influxql(),
                    "rawQuery": True,
                    "resultFormat": "time_series",
                    "intervalMs": 60_000,
                    "maxDataPoints": 1_000,
                },
            }
            for number, query in enumerate(self.asks)
        ]
        newest = tuple(f"R{number}" for number in range(len(self.asks)))
        reduced = [
            _expression(name, {"type": "reduce", "expression": f"A{number}", "reducer": "last", "settings": {"mode": "dropNN"}})
            for number, name in enumerate(newest)
        ]
        return [*queries, *reduced, *self.holds.steps(newest)]


def group_of(audience: Audience) -> str:
    """The rules' group."""
    return f"Plumbline {audience}"


def _expression(name: str, model: dict[str, Any]) -> dict[str, Any]:
    return {
        "refId": name,
        "queryType": "",
        "relativeTimeRange": {"from": 0, "to": 0},
        "datasourceUid": "__expr__",
        "model": {"refId": name, "datasource": _EXPRESSION, **model},
    }
