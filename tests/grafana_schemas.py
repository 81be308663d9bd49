"""What Grafana 9.5 takes, as JSON Schemas: written from the words of its documentation, to hold our files and requests to.

Objects are closed: a key that Grafana does not know, such as `execErrorState`, is passed over by it in silence, and by us not.
"""

from typing import Any

TEXT = {"type": "string", "minLength": 1}
FLAG = {"type": "boolean"}
NUMBER = {"type": "integer"}
DURATION = {"type": "string", "pattern": r"^(0s|([1-9]\d*(ms|[smhdw]))+)$"}
UID = {"type": "string", "pattern": r"^[A-Za-z0-9_-]{1,40}$"}
WORDS = {"type": "object", "additionalProperties": {"type": "string"}}


def closed(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """An object that has these keys and no others."""
    return {
        "type": "object",
        "required": list(required),
        "properties": required | (optional or {}),
        "additionalProperties": False,
    }


def listed(of: dict[str, Any], least: int = 1) -> dict[str, Any]:
    return {"type": "array", "items": of, "minItems": least}


_EXPRESSION = {"type": "object", "required": ["type", "uid"], "properties": {"uid": {"const": "__expr__"}}}
_MODEL = {
    "type": "object",
    "required": ["refId", "datasource"],
    "oneOf": [
        closed(
            {
                "refId": TEXT,
                "datasource": closed({"type": {"const": "influxdb"}, "uid": UID}),
                "query": TEXT,
                "rawQuery": {"const": True},
                "resultFormat": {"const": "time_series"},
            },
            {"intervalMs": NUMBER, "maxDataPoints": NUMBER, "alias": TEXT},
        ),
        closed(
            {
                "refId": TEXT,
                "datasource": _EXPRESSION,
                "type": {"const": "reduce"},
                "expression": TEXT,
                "reducer": {"enum": ["min", "max", "mean", "sum", "count", "last"]},
            },
            {"settings": closed({"mode": {"enum": ["", "dropNN", "replaceNN"]}}, {"replaceWithValue": {"type": "number"}})},
        ),
        closed({"refId": TEXT, "datasource": _EXPRESSION, "type": {"const": "math"}, "expression": TEXT}),
        closed(
            {
                "refId": TEXT,
                "datasource": _EXPRESSION,
                "type": {"const": "threshold"},
                "expression": TEXT,
                "conditions": listed(
                    {
                        "type": "object",
                        "required": ["evaluator"],
                        "properties": {
                            "evaluator": closed(
                                {
                                    "type": {"enum": ["gt", "lt", "within_range", "outside_range"]},
                                    "params": listed({"type": "number"}),
                                }
                            )
                        },
                    }
                ),
            }
        ),
    ],
}
_QUERY = closed(
    {
        "refId": TEXT,
        "relativeTimeRange": closed({"from": {"type": "integer", "minimum": 0}, "to": {"type": "integer", "minimum": 0}}),
        "datasourceUid": TEXT,
        "model": _MODEL,
    },
    {"queryType": {"type": "string"}},
)
_RULE = {
    "uid": UID,
    "title": {"type": "string", "minLength": 1, "maxLength": 190},
    "condition": TEXT,
    "data": listed(_QUERY),
    "for": DURATION,
    "noDataState": {"enum": ["OK", "NoData", "Alerting"]},
    "execErrState": {"enum": ["OK", "Error", "Alerting"]},
    "annotations": WORDS,
    "labels": WORDS,
}
_INTEGRATION = {
    "uid": UID,
    "type": {"enum": ["email", "webhook", "dingding", "wecom"]},
    "settings": {"type": "object"},
}
#: What each kind of contact point must be told, and may be.
SETTINGS = {
    "email": closed({"addresses": TEXT}, {"singleEmail": FLAG, "subject": TEXT, "message": TEXT}),
    "webhook": closed(
        {"url": TEXT},
        {"httpMethod": {"enum": ["POST", "PUT"]}, "username": TEXT, "password": TEXT, "title": TEXT, "message": TEXT},
    ),
    "dingding": closed({"url": TEXT}, {"msgType": {"enum": ["link", "actionCard"]}, "title": TEXT, "message": TEXT}),
    "wecom": closed({"url": TEXT}, {"msgtype": {"enum": ["markdown", "text"]}, "title": TEXT, "message": TEXT}),
}
_KINDS = [
    {"if": {"properties": {"type": {"const": kind}}}, "then": {"properties": {"settings": settings}}}
    for kind, settings in SETTINGS.items()
]

ROUTE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "receiver": TEXT,
        "object_matchers": listed(
            {"type": "array", "prefixItems": [TEXT, {"enum": ["=", "!=", "=~", "!~"]}, TEXT], "minItems": 3}
        ),
        "group_by": listed(TEXT),
        "group_wait": DURATION,
        "group_interval": DURATION,
        "repeat_interval": DURATION,
        "mute_time_intervals": listed(TEXT),
        "continue": FLAG,
        "routes": {"type": "array", "items": {"$ref": "#/$defs/route"}},
        "orgId": NUMBER,
    },
    "additionalProperties": False,
}
_CLOCK = {"type": "string", "pattern": r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$"}
_MUTED = {
    "name": TEXT,
    "time_intervals": listed(closed({"times": listed(closed({"start_time": _CLOCK, "end_time": _CLOCK}))})),
}


def _whole(schema: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": {"route": ROUTE}, **schema}


INTEGRATION_IN_FILE = {**closed(_INTEGRATION, {"disableResolveMessage": FLAG}), "allOf": _KINDS}

ALERTING_FILE = _whole(
    closed(
        {"apiVersion": {"const": 1}},
        {
            "groups": listed(
                closed(
                    {
                        "orgId": NUMBER,
                        "name": TEXT,
                        "folder": TEXT,
                        "interval": DURATION,
                        "rules": listed(closed(_RULE, {"isPaused": FLAG, "dashboardUid": UID, "panelId": NUMBER})),
                    }
                )
            ),
            "contactPoints": listed(closed({"orgId": NUMBER, "name": TEXT, "receivers": listed(INTEGRATION_IN_FILE)})),
            "policies": listed({"allOf": [{"$ref": "#/$defs/route"}, {"required": ["receiver"]}]}),
            "muteTimes": listed(closed({"orgId": NUMBER, **_MUTED})),
        },
    )
)
DATASOURCES_FILE = _whole(
    closed(
        {
            "apiVersion": {"const": 1},
            "datasources": listed(
                closed(
                    {
                        "name": TEXT,
                        "uid": UID,
                        "type": {"const": "influxdb"},
                        "access": {"enum": ["proxy", "direct"]},
                        "url": TEXT,
                        "database": TEXT,
                        "jsonData": closed(
                            {"dbName": TEXT, "httpMode": {"enum": ["GET", "POST"]}},
                            {"version": {"enum": ["InfluxQL", "Flux", "SQL"]}, "timeInterval": DURATION},
                        ),
                    },
                    {
                        "orgId": NUMBER,
                        "isDefault": FLAG,
                        "editable": FLAG,
                        "basicAuth": FLAG,
                        "basicAuthUser": TEXT,
                        "secureJsonData": WORDS,
                    },
                )
            ),
        }
    )
)
PROVIDERS_FILE = _whole(
    closed(
        {
            "apiVersion": {"const": 1},
            "providers": listed(
                closed(
                    {
                        "name": TEXT,
                        "type": {"const": "file"},
                        "options": closed({"path": TEXT}, {"foldersFromFilesStructure": FLAG}),
                    },
                    {
                        "orgId": NUMBER,
                        "folder": {"type": "string"},
                        "folderUid": UID,
                        "disableDeletion": FLAG,
                        "allowUiUpdates": FLAG,
                        "updateIntervalSeconds": {"type": "integer", "minimum": 1},
                    },
                )
            ),
        }
    )
)

# Bodies of the HTTP API
FOLDER = _whole(closed({"title": TEXT}, {"uid": UID, "version": NUMBER, "overwrite": FLAG}))
DATASOURCE = _whole(
    closed(
        {"name": TEXT, "type": TEXT, "access": {"enum": ["proxy", "direct"]}},
        {
            "uid": UID,
            "url": TEXT,
            "database": TEXT,
            "basicAuth": FLAG,
            "basicAuthUser": {"type": "string"},
            "isDefault": FLAG,
            "jsonData": {"type": "object"},
            "secureJsonData": WORDS,
        },
    )
)
BOARD = _whole(
    closed(
        {"dashboard": {"type": "object", "required": ["uid", "title", "panels", "schemaVersion"]}},
        {"folderUid": UID, "overwrite": FLAG, "message": {"type": "string"}},
    )
)
PLAYLIST = _whole(
    closed(
        {
            "name": TEXT,
            "interval": DURATION,
            "items": listed(
                closed(
                    {"type": {"enum": ["dashboard_by_uid", "dashboard_by_tag"]}, "value": TEXT},
                    {"order": NUMBER, "title": TEXT},
                )
            ),
        }
    )
)
CONTACT_POINT = _whole({**closed({**_INTEGRATION, "name": TEXT}, {"disableResolveMessage": FLAG}), "allOf": _KINDS})
POLICIES = _whole({"allOf": [{"$ref": "#/$defs/route"}, {"required": ["receiver"]}]})
MUTE_TIMING = _whole(closed(_MUTED))
RULE_GROUP = _whole(
    closed(
        {
            "title": TEXT,
            "folderUid": UID,
            "interval": {"type": "integer", "minimum": 10, "multipleOf": 10},
            "rules": listed(closed({**_RULE, "orgID": NUMBER, "folderUID": UID, "ruleGroup": TEXT}, {"isPaused": FLAG})),
        }
    )
)
ACCOUNT = _whole(closed({"name": TEXT, "role": {"enum": ["Viewer", "Editor", "Admin"]}}, {"isDisabled": FLAG}))
TOKEN = _whole(closed({"name": TEXT}, {"secondsToLive": NUMBER}))
