"""Bring boards, alert rules and what they need into a running Grafana: as often as one likes, the second time changes nothing.

Everything is found again by its UID, the playlist and the viewer by their names. What somebody else put into the Grafana is
left alone: of the notification policies only our own branch is written.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dashboards import build, naming
from dashboards.alerts import Contacts
from dashboards.alerts.rule import FOLDER as ALERTS_FOLDER
from dashboards.alerts.rule import FOLDER_UID, RUNBOOKS
from dashboards.difference import covers, done, part, rows, write
from dashboards.edition import Edition
from dashboards.grafana import Grafana, GrafanaError, shows_poorly
from dashboards.influxql import DATASOURCE_TYPE, DATASOURCE_UID
from dashboards.push_alerts import Say, push_contacts, push_rules
from plumbline.errors import PlumblineError

BOARDS_FOLDER: Final = "plumbline"
PLAYLIST: Final = "Plumbline wall"
VIEWER: Final = "plumbline-wall"
KIOSK: Final = "kiosk&refresh=10s"
#: What the wall turns through. An order's board needs somebody who chooses the order.
_TURNS: Final = (naming.SITE_WALL, naming.MATERIAL, naming.EQUIPMENT, naming.ENVIRONMENT, naming.GATEWAYS, naming.COMPANY)
_DURATION: Final = re.compile(r"[1-9]\d{0,4}[smh]")


@dataclass(frozen=True, kw_only=True)
class Influx:
    """The InfluxDB behind the boards, as Grafana reaches it; the token is read as the password of an InfluxQL query."""

    url: str
    database: str = "plumbline"
    user: str = "plumbline"
    token: str = ""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is wanted of a push."""

    edition: Edition = field(default_factory=Edition)
    folder: str = "Plumbline"
    """Title of the boards' folder."""
    influx: Influx | None = None
    """`None`: the datasource is there already."""
    contacts: Contacts = field(default_factory=lambda: Contacts.of({}))
    runbooks: str = RUNBOOKS
    turn: str = "1m"
    """How long the playlist shows each board."""
    viewer_key: Path | None = None
    """Where the key of the read-only account is written, which is told once; `None`: no account is made."""

    def __post_init__(self) -> None:
        """Raise `PlumblineError` where a value cannot be."""
        if not _DURATION.fullmatch(self.turn):
            raise PlumblineError(f"'{self.turn}' is no time for each board; give for example 30s or 1m")


def push(grafana: Grafana, order: Order, say: Say) -> list[str]:
    """Bring everything in; returns the links for a wall. Raises `GrafanaError`, `PlumblineError`."""
    version = grafana.version()
    say(f"Grafana {version or 'of a version that it hides'} at {grafana.url}")
    if shows_poorly(version):
        say(f"warning: Grafana {version} shows no data in some InfluxQL panels; bring it to 10.2.3 or newer")
    org = int((grafana.find("/org") or {}).get("id") or 1)
    boards = build.models(order.edition)
    _refuse_provisioned(grafana, boards.values())
    _folder(grafana, BOARDS_FOLDER, order.folder, say)
    rooms = _folder(grafana, FOLDER_UID, ALERTS_FOLDER, say)
    _datasource(grafana, order.influx, say)
    for board in boards.values():
        _board(grafana, board, say)
    links = [f"{grafana.url}/d/{board['uid']}?{KIOSK}" for board in boards.values()]
    shown = {str(board["uid"]): str(board["title"]) for board in boards.values()}
    links.append(f"{grafana.url}/playlists/play/{_playlist(grafana, shown, order.turn, say)}?kiosk")
    if order.contacts:
        push_contacts(grafana, order.contacts, order.edition, say)
    else:
        say("contact points: none named in the environment; alerts go where this Grafana sends what nobody claims")
    push_rules(grafana, order.edition, order.runbooks, org=org, folder=rooms, say=say)
    if order.viewer_key is not None:
        _viewer(grafana, order.viewer_key, say)
    return links


def _refuse_provisioned(grafana: Grafana, boards: Iterable[Mapping[str, Any]]) -> None:
    """Before anything is written: half a push is worse than none. Files that say the same are nothing to change."""
    fixed = [
        board["title"]
        for board in boards
        if (found := _found(grafana, board)) and part(found, "meta").get("provisioned") and not _says(found, board)
    ]
    if fixed:
        raise GrafanaError(
            f"{grafana.url} reads {', '.join(fixed)} from files that say something else, which no push can change; "
            "write them with 'plumbline dashboards build' and the same options, or take the provider out of its provisioning"
        )


def _found(grafana: Grafana, board: Mapping[str, Any]) -> dict[str, Any] | None:
    return grafana.find(f"/dashboards/uid/{board['uid']}")


def _says(found: Mapping[str, Any], board: Mapping[str, Any]) -> bool:
    """Whether a board stands as it should; Grafana counts its versions by itself."""
    own = {"id", "version"}
    stands = {name: value for name, value in found["dashboard"].items() if name not in own}
    return stands == {name: value for name, value in board.items() if name not in own}


def _folder(grafana: Grafana, uid: str, title: str, say: Say) -> str:
    """The folder's UID: ours, or that which Grafana itself drew when it read its files."""
    found = grafana.find(f"/folders/{uid}")
    if found is None:
        found = next((one for one in grafana.every("/folders?limit=1000") if one.get("title") == title), None)
    if found is None:
        grafana.create("/folders", {"uid": uid, "title": title})
    elif found.get("title") != title:
        grafana.replace(f"/folders/{uid}", {"title": title, "version": found.get("version"), "overwrite": True})
    say(f"folder {title}: {done(found, found is not None and found.get('title') == title)}")
    return uid if found is None else str(found["uid"])


def _datasource(grafana: Grafana, influx: Influx | None, say: Say) -> None:
    path = f"/datasources/uid/{DATASOURCE_UID}"
    found = grafana.find(path)
    if influx is None:
        if found is None:
            raise GrafanaError(
                f"{grafana.url} has no datasource '{DATASOURCE_UID}' yet; say where InfluxDB is with --influxdb URL"
            )
        say("datasource: there already")
        return
    if found is not None and found.get("readOnly"):
        say("datasource: from a file of this Grafana, left as it is")
        return
    wanted: dict[str, Any] = {
        "uid": DATASOURCE_UID,
        "name": "Plumbline",
        "type": DATASOURCE_TYPE,
        "access": "proxy",
        "url": influx.url,
        # Grafana 9 reads `database`, later ones `jsonData.dbName`: both say the same.
        "database": influx.database,
        "basicAuth": bool(influx.token),
        "basicAuthUser": influx.user if influx.token else "",
        "jsonData": {"dbName": influx.database, "version": "InfluxQL", "httpMode": "POST", "timeInterval": "10s"},
    }
    same = found is not None and covers(found, wanted)
    if not same or influx.token:
        secrets = {"secureJsonData": {"basicAuthPassword": influx.token}} if influx.token else {}
        whole = wanted | secrets | {"isDefault": found.get("isDefault", False) if found else False}
        write(grafana, "/datasources", path, whole, found)
    say(f"datasource: {done(found, same)}{', its token written again' if same and influx.token else ''}")


def _board(grafana: Grafana, board: dict[str, Any], say: Say) -> None:
    found = _found(grafana, board)
    if found is not None and part(found, "meta").get("provisioned"):
        say(f"board {board['title']}: as it was, from a file of this Grafana")
        return
    same = found is not None and _says(found, board) and part(found, "meta").get("folderUid", BOARDS_FOLDER) == BOARDS_FOLDER
    if not same:
        grafana.create(
            "/dashboards/db",
            {
                "dashboard": {**board, "id": None},
                "folderUid": BOARDS_FOLDER,
                "overwrite": True,
                "message": "plumbline dashboards push",
            },
        )
    say(f"board {board['title']}: {done(found, same)}")


def _playlist(grafana: Grafana, shown: Mapping[str, str], turn: str, say: Say) -> str:
    uids = [naming.uid(title) for title in _TURNS if naming.uid(title) in shown]
    items = [
        {"type": "dashboard_by_uid", "value": uid, "order": place, "title": shown[uid]}
        for place, uid in enumerate(uids, start=1)
    ]
    wanted: dict[str, Any] = {"name": PLAYLIST, "interval": turn, "items": items}
    known = [playlist for playlist in grafana.every("/playlists") if playlist.get("name") == PLAYLIST]
    if not known:
        made = grafana.create("/playlists", wanted)
        say(f"playlist {PLAYLIST}: new")
        return str(made["uid"])
    uid = str(known[0]["uid"])
    found = grafana.find(f"/playlists/{uid}")
    stands = [(item.get("type"), item.get("value")) for item in rows(found, "items")]
    same = found is not None and found.get("interval") == turn and stands == [(item["type"], item["value"]) for item in items]
    if not same:
        grafana.replace(f"/playlists/{uid}", wanted)
    say(f"playlist {PLAYLIST}: {done(found, same)}")
    return uid


def _viewer(grafana: Grafana, key: Path, say: Say) -> None:
    answer = grafana.find(f"/serviceaccounts/search?query={VIEWER}")
    found = [account for account in rows(answer, "serviceAccounts") if account.get("name") == VIEWER]
    account = found[0] if found else grafana.create("/serviceaccounts", {"name": VIEWER, "role": "Viewer", "isDisabled": False})
    if account.get("role") != "Viewer":
        raise GrafanaError(
            f"{grafana.url}: the account {VIEWER} is {account.get('role')}, not Viewer; rename it or make it Viewer"
        )
    path = f"/serviceaccounts/{account['id']}/tokens"
    if key.exists():
        say(f"read-only account {VIEWER}: there already, its key in {key}")
        return
    try:
        key.touch(mode=0o600, exist_ok=False)
    except OSError as error:
        raise PlumblineError(f"{key}: the viewer's key cannot be written ({error.strerror}); name another file") from error
    taken = {token.get("name") for token in grafana.every(path)}
    name = next(name for number in range(1, len(taken) + 2) if (name := f"{VIEWER}-{number}") not in taken)
    made = grafana.create(path, {"name": name})
    key.write_text(f"{made['key']}\n", encoding="utf-8")
    say(f"read-only account {VIEWER}: a key is in {key}; a proxy before the wall sends it as 'Authorization: Bearer …'")
