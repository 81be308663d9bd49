"""A small Grafana of our own: the part of its HTTP API that `plumbline dashboards push` speaks, in the documented shapes.

It keeps what it is given, refuses what its documentation does not allow, and answers as Grafana does: ids and versions of its
own, secrets hidden. It is no proof that a real Grafana takes the same.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator

from tests import grafana_schemas as schemas

TOKEN = "glsa_right"
#: Settings that Grafana keeps as secrets.
_SECRETS = {"wecom": {"url"}, "webhook": {"password"}}


class RefusedError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class SmallGrafana:
    """Its state, and what was written to it."""

    def __init__(self) -> None:
        self.version = "11.6.1"
        self.forbidden = ""
        self.folders: dict[str, dict[str, Any]] = {}
        self.sources: dict[str, dict[str, Any]] = {}
        self.boards: dict[str, dict[str, Any]] = {}
        self.provisioned: set[str] = set()
        self.playlists: dict[str, dict[str, Any]] = {}
        self.points: dict[str, dict[str, Any]] = {}
        self.mutes: dict[str, dict[str, Any]] = {}
        self.tree: dict[str, Any] = {"receiver": "grafana-default-email", "group_by": ["grafana_folder", "alertname"]}
        self.groups: dict[tuple[str, str], dict[str, Any]] = {}
        self.accounts: list[dict[str, Any]] = []
        self.tokens: dict[int, list[dict[str, Any]]] = {}
        self.writes: list[str] = []
        self.url = ""

    def answer(self, method: str, path: str, body: Any) -> Any:  # noqa: C901, PLR0911 - the API as a table
        """What Grafana says to a request under /api. Raises `RefusedError`."""
        path, _, _asked = path.partition("?")
        words = [unquote(word) for word in path.strip("/").split("/")]
        if method != "GET":
            self.writes.append(f"{method} {path}")
        match (method, words):
            case ("GET", ["health"]):
                return {"commit": "c", "database": "ok", "version": self.version}
            case ("GET", ["org"]):
                return {"id": 7, "name": "Main Org."}
            case ("GET", ["folders"]):
                return list(self.folders.values())
            case ("GET", ["folders", uid]):
                return self._there(self.folders, uid)
            case ("POST", ["folders"]):
                self._valid(schemas.FOLDER, body)
                if body["title"] in {folder["title"] for folder in self.folders.values()}:
                    raise RefusedError(409, "a folder with the same name already exists")
                self.folders[body["uid"]] = {"id": len(self.folders) + 1, "version": 1, **body}
                return self.folders[body["uid"]]
            case ("PUT", ["folders", uid]):
                self._valid(schemas.FOLDER, body)
                self._there(self.folders, uid)["title"] = body["title"]
                return self.folders[uid]
            case ("GET", ["datasources", "uid", uid]):
                source = dict(self._there(self.sources, uid))
                return {**source, "secureJsonFields": dict.fromkeys(source.pop("secureJsonData", {}), True), "id": 3}
            case ("POST", ["datasources"]):
                return self._source(body)
            case ("PUT", ["datasources", "uid", uid]):
                self._there(self.sources, uid)
                return self._source(body)
            case _:
                return self._more(method, words, body)

    def _more(self, method: str, words: list[str], body: Any) -> Any:  # noqa: C901, PLR0911 - the API as a table
        match (method, words):
            case ("GET", ["dashboards", "uid", uid]):
                return self._there(self.boards, uid)
            case ("POST", ["dashboards", "db"]):
                return self._board(body)
            case ("GET", ["playlists"]):
                return [{key: value for key, value in one.items() if key != "items"} for one in self.playlists.values()]
            case ("GET", ["playlists", uid]):
                return self._there(self.playlists, uid)
            case ("POST", ["playlists"]):
                self._valid(schemas.PLAYLIST, body)
                uid = f"made{len(self.playlists)}"
                self.playlists[uid] = {"uid": uid, **body}
                return self.playlists[uid]
            case ("PUT", ["playlists", uid]):
                self._valid(schemas.PLAYLIST, body)
                self._there(self.playlists, uid).update(body)
                return self.playlists[uid]
            case ("GET", ["serviceaccounts", "search"]):
                return {"totalCount": len(self.accounts), "serviceAccounts": self.accounts}
            case ("POST", ["serviceaccounts"]):
                self._valid(schemas.ACCOUNT, body)
                self.accounts.append({"id": len(self.accounts) + 10, **body})
                return self.accounts[-1]
            case ("GET", ["serviceaccounts", number, "tokens"]):
                return [{"id": one["id"], "name": one["name"]} for one in self.tokens.get(int(number), [])]
            case ("POST", ["serviceaccounts", number, "tokens"]):
                self._valid(schemas.TOKEN, body)
                made = {"id": 1, "name": body["name"], "key": f"glsa_viewer_{number}"}
                self.tokens.setdefault(int(number), []).append(made)
                return made
            case (_, ["v1", "provisioning", *rest]):
                return self._alerting(method, rest, body)
            case _:
                raise RefusedError(404, "Not found")

    def _alerting(self, method: str, words: list[str], body: Any) -> Any:  # noqa: C901, PLR0911, PLR0912 - the API as a table
        match (method, words):
            case ("GET", ["contact-points"]):
                return [_hidden(point) for point in self.points.values()]
            case ("POST", ["contact-points"]) | ("PUT", ["contact-points", _]):
                self._valid(schemas.CONTACT_POINT, body)
                self.points[body["uid"]] = {**body, "provenance": "api"}
                return self.points[body["uid"]]
            case ("GET", ["mute-timings", name]):
                return {"version": "v1", "provenance": "api", **self._there(self.mutes, name)}
            case ("POST", ["mute-timings"]) | ("PUT", ["mute-timings", _]):
                self._valid(schemas.MUTE_TIMING, body)
                self.mutes[body["name"]] = body
                return body
            case ("GET", ["policies"]):
                return {**self.tree, "provenance": "api"}
            case ("PUT", ["policies"]):
                self._valid(schemas.POLICIES, body)
                names = {"grafana-default-email", *(point["name"] for point in self.points.values())}
                for route in _routes(body):
                    if route.get("receiver") not in {*names, None}:
                        raise RefusedError(400, f"receiver '{route['receiver']}' does not exist")
                    if missing := set(route.get("mute_time_intervals", [])) - self.mutes.keys():
                        raise RefusedError(400, f"undefined time interval {missing}")
                self.tree = body
                return {"message": "policies updated"}
            case ("GET", ["folder", folder, "rule-groups", name]):
                return self._there(self.groups, (folder, name))
            case ("PUT", ["folder", folder, "rule-groups", name]):
                self._valid(schemas.RULE_GROUP, body)
                self._there(self.folders, folder)
                titles = [rule["title"] for rule in body["rules"]]
                if len(set(titles)) < len(titles) or body["title"] != name:
                    raise RefusedError(400, "a conflicting alert rule is found")
                self.groups[folder, name] = {
                    **body,
                    "rules": [{"id": 1, "provenance": "api", **rule} for rule in body["rules"]],
                }
                return self.groups[folder, name]
            case _:
                raise RefusedError(404, "Not found")

    def _source(self, body: Any) -> Any:
        self._valid(schemas.DATASOURCE, body)
        self.sources[body["uid"]] = {"readOnly": False, **body}
        return {"datasource": body, "message": "Datasource added"}

    def _board(self, body: Any) -> Any:
        self._valid(schemas.BOARD, body)
        uid = body["dashboard"]["uid"]
        if uid in self.provisioned:
            raise RefusedError(400, "Cannot save provisioned dashboard")
        self._there(self.folders, body["folderUid"])
        version = self.boards[uid]["dashboard"]["version"] + 1 if uid in self.boards else 1
        kept = {**body["dashboard"], "id": 5, "version": version}
        self.boards[uid] = {"dashboard": kept, "meta": {"provisioned": False, "folderUid": body["folderUid"]}}
        return {"uid": uid, "status": "success", "version": version, "url": f"/d/{uid}/x"}

    @staticmethod
    def _valid(schema: dict[str, Any], body: Any) -> None:
        if wrong := [
            f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
            for error in Draft202012Validator(schema).iter_errors(body)
        ]:
            raise RefusedError(400, "; ".join(wrong))

    @staticmethod
    def _there(kept: dict[Any, Any], key: Any) -> Any:
        if key not in kept:
            raise RefusedError(404, "not found")
        return kept[key]


def _hidden(point: dict[str, Any]) -> dict[str, Any]:
    secrets = _SECRETS.get(point["type"], set())
    settings = {key: "[REDACTED]" if key in secrets else value for key, value in point["settings"].items()}
    return {**point, "settings": settings}


def _routes(route: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield route
    for below in route.get("routes", []):
        yield from _routes(below)


@contextmanager
def serving(prefix: str = "") -> Iterator[SmallGrafana]:
    """A small Grafana on a free port, below `prefix`."""
    grafana = SmallGrafana()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(grafana, f"{prefix}/api"))
    grafana.url = f"http://127.0.0.1:{server.server_address[1]}{prefix}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield grafana
    finally:
        server.shutdown()
        server.server_close()


def _handler(grafana: SmallGrafana, base: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet: in two, the second waits 40 ms for an acknowledgement

        def _serve(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                if not self.path.startswith(base + "/"):
                    raise RefusedError(404, "not here")
                path = self.path.removeprefix(base)
                if path != "/health" and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    raise RefusedError(401, "Invalid API key")
                if grafana.forbidden and path.startswith(grafana.forbidden):
                    raise RefusedError(403, "You'll need additional permissions")
                status, answer = 200, grafana.answer(self.command, path, json.loads(text) if text else None)
            except RefusedError as error:
                status, answer = error.status, {"message": str(error)}
            said = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)
            self.wfile.flush()

        do_GET: Callable[..., None] = _serve  # noqa: N815 - the base class names them
        do_POST: Callable[..., None] = _serve  # noqa: N815
        do_PUT: Callable[..., None] = _serve  # noqa: N815

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    return Handler
