"""Who is told: contact points by environment, the notification policy, and the hours in which noise at night is no matter.

A contact point is there when its variable is in the environment; `OPERATIONS` in its name sends the technical alerts elsewhere
than the site's. In files the values stay references, which Grafana fills in from its own environment; over the HTTP API, which
fills in nothing, the values themselves are sent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from dashboards.alerts.rule import PRODUCT, Audience, group_of
from dashboards.alerts.rules import NIGHT
from plumbline.errors import PlumblineError
from plumbline.text import Language, Text

KINDS: Final = ("MAIL", "WEBHOOK", "DINGTALK", "WECOM")
#: The night's alert is held back in these hours of the site.
_DAY: Final = (6, 22)
DAYTIME: Final = "Plumbline daytime"
_EVERYBODY: Final[tuple[Audience, ...]] = ("site", "operations")

_TITLE: Final = Text(
    "Plumbline: {{ if .Alerts.Firing }}{{ len .Alerts.Firing }} open{{ else }}resolved{{ end }} ({{ .CommonLabels.alertname }})",
    "Plumbline：{{ if .Alerts.Firing }}{{ len .Alerts.Firing }} 条告警{{ else }}已恢复{{ end }}（{{ .CommonLabels.alertname }}）",
)
#: Without a `$`: Grafana would take what follows for a variable of its environment.
_MESSAGE: Final = Text(
    "{{ range .Alerts.Firing }}■ {{ .Annotations.summary }}\n{{ .Annotations.description }}\n{{ .Annotations.board }}\n{{ .Annotations.runbook_url }}\n\n{{ end }}"
    "{{ range .Alerts.Resolved }}● Resolved: {{ .Annotations.summary }}\n\n{{ end }}",
    "{{ range .Alerts.Firing }}■ {{ .Annotations.summary }}\n{{ .Annotations.description }}\n{{ .Annotations.board }}\n{{ .Annotations.runbook_url }}\n\n{{ end }}"
    "{{ range .Alerts.Resolved }}● 已恢复：{{ .Annotations.summary }}\n\n{{ end }}",
)


def variable(kind: str, audience: Audience) -> str:
    """The environment variable of a contact point: `PLUMBLINE_ALERT_MAIL`, `PLUMBLINE_ALERT_OPERATIONS_MAIL`."""
    return f"PLUMBLINE_ALERT_{'OPERATIONS_' if audience == 'operations' else ''}{kind}"


@dataclass(frozen=True)
class Contacts:
    """The contact points of an environment."""

    found: Mapping[Audience, Mapping[str, str]]
    """Of each audience: kind → variable."""
    values: Mapping[str, str]

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Contacts":
        """What an environment names. Raises `PlumblineError` where a value cannot be one."""
        found: dict[Audience, dict[str, str]] = {}
        for audience in _EVERYBODY:
            named = {kind: variable(kind, audience) for kind in KINDS if environment.get(variable(kind, audience), "").strip()}
            found[audience] = named
        found["operations"] = found["operations"] or found["site"]
        found["site"] = found["site"] or found["operations"]
        values = {name: environment[name].strip() for named in found.values() for name in named.values()}
        for name, value in values.items():
            if name.endswith("_MAIL") and "@" not in value:
                raise PlumblineError(f"{name} is no mail address; give one, or several with ; between them")
            if not name.endswith("_MAIL") and not value.startswith(("https://", "http://")):
                raise PlumblineError(f"{name} is no URL; give the one of the webhook or of the group's robot, with https://")
        return cls(found, values)

    def __bool__(self) -> bool:
        """Whether anybody is to be told."""
        return any(self.found.values())

    def receivers(self, language: Language, *, secrets: bool) -> list[tuple[str, dict[str, Any]]]:
        """Contact point → each of its integrations; with the values themselves (`secrets`) or with references to them."""
        return [
            (
                group_of(audience),
                {
                    "uid": f"plumbline-{audience}-{kind.lower()}",
                    "type": {"MAIL": "email", "WEBHOOK": "webhook", "DINGTALK": "dingding", "WECOM": "wecom"}[kind],
                    "settings": _settings(kind, self.values[name] if secrets else f"${{{name}}}", language),
                    "disableResolveMessage": False,
                },
            )
            for audience in _EVERYBODY
            for kind, name in self.found[audience].items()
        ]

    def in_file(self, language: Language, timezone: str, org: int = 1) -> dict[str, Any]:
        """A provisioning file. Its policy replaces the whole tree that the Grafana has: there is no other way in files."""
        points: dict[str, list[dict[str, Any]]] = {}
        for name, integration in self.receivers(language, secrets=False):
            points.setdefault(name, []).append(integration)
        return {
            "apiVersion": 1,
            "contactPoints": [{"orgId": org, "name": name, "receivers": found} for name, found in points.items()],
            "muteTimes": [{"orgId": org, **daytime(timezone)}],
            "policies": [
                {"orgId": org, "receiver": group_of("operations"), "group_by": ["alertname", "site"], "routes": [route()]}
            ],
        }


def route() -> dict[str, Any]:
    """Our branch of the notification policy's tree."""
    operations, site = group_of("operations"), group_of("site")
    return {
        "receiver": site,
        "object_matchers": [[PRODUCT[0], "=", PRODUCT[1]]],
        "group_by": ["alertname", "site"],
        "group_wait": "30s",
        "group_interval": "5m",
        "repeat_interval": "12h",
        "routes": [
            # What Grafana itself says when the series store does not answer is nothing that a site could mend.
            {
                "receiver": operations,
                "object_matchers": [["alertname", "=~", "Datasource(Error|NoData)"]],
                "group_by": ["alertname"],
            },
            {"receiver": operations, "object_matchers": [["audience", "=", "operations"]]},
            {"receiver": site, "object_matchers": [list(_equal(NIGHT))], "mute_time_intervals": [DAYTIME]},
        ],
    }


def is_ours(found: Mapping[str, Any]) -> bool:
    """Whether a branch of somebody's tree is the one that we put there."""
    return [*PRODUCT[:1], "=", PRODUCT[1]] in (found.get("object_matchers") or [])


def daytime(timezone: str) -> dict[str, Any]:
    """The hours of the day in UTC: Grafana 9.5 knows no zones here. By the zone's time without summer time, all year."""
    begin, end = ((hour * 60 - _offset_minutes(timezone)) % 1440 for hour in _DAY)
    spans = [(begin, end)] if begin < end else [(begin, 1440), (0, end)]
    times = [{"start_time": _clock(start), "end_time": _clock(stop)} for start, stop in spans if start < stop]
    return {"name": DAYTIME, "time_intervals": [{"times": times}]}


def _offset_minutes(timezone: str) -> int:
    noon = datetime(2026, 1, 1, 12, tzinfo=ZoneInfo(timezone))
    return round(((noon.utcoffset() or timedelta()) - (noon.dst() or timedelta())).total_seconds() / 60)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _equal(labels: Mapping[str, str]) -> Sequence[str]:
    ((name, value),) = labels.items()
    return name, "=", value


def _settings(kind: str, value: str, language: Language) -> dict[str, Any]:
    title, message = _TITLE.of(language), _MESSAGE.of(language)
    match kind:
        case "MAIL":
            return {"addresses": value, "singleEmail": True, "subject": title, "message": message}
        case "WEBHOOK":
            return {"url": value, "httpMethod": "POST"}
        case "DINGTALK":
            return {"url": value, "msgType": "actionCard", "title": title, "message": message}
        case _:
            return {"url": value, "msgtype": "markdown", "title": title, "message": message}
