"""What `plumbline dashboards push` brings into a Grafana: all of it, once, and nothing of others is touched."""

import http.server
import json
import stat
import threading
from dataclasses import replace

import pytest

from dashboards import build, push
from dashboards.alerts import ALERTS, Contacts
from dashboards.grafana import (
    Grafana,
    GrafanaAwayError,
    GrafanaError,
    GrafanaRefusedError,
    GrafanaVersionError,
    numbers,
    shows_poorly,
)
from plumbline.cli import main
from plumbline.errors import PlumblineError
from tests.servers import free_port
from tests.small_grafana import TOKEN, serving

INFLUX = push.Influx(url="http://influxdb:8086", token="t")
CONTACTS = Contacts.of(
    {"PLUMBLINE_ALERT_MAIL": "site@example.org", "PLUMBLINE_ALERT_OPERATIONS_WECOM": "https://wecom.example/k"}
)
ALL = push.Order(influx=INFLUX, contacts=CONTACTS)


@pytest.fixture
def grafana():
    with serving() as server:
        yield server


def pushed(server, order=ALL, token=TOKEN):
    said = []
    links = push.push(Grafana(server.url, token), order, said.append)
    return said, links


def test_everything_comes_in_and_the_links_are_told(grafana):
    said, links = pushed(grafana)
    boards = build.models()
    assert grafana.boards.keys() == {board["uid"] for board in boards.values()}
    assert {board["meta"]["folderUid"] for board in grafana.boards.values()} == {"plumbline"}
    assert f"{grafana.url}/d/plumbline-site-wall?kiosk&refresh=10s" in links
    ((playlist, kept),) = grafana.playlists.items()
    assert links[-1] == f"{grafana.url}/playlists/play/{playlist}?kiosk"
    assert kept["items"][0]["value"] == "plumbline-site-wall"
    assert {rule["uid"] for group in grafana.groups.values() for rule in group["rules"]} == {alert.uid for alert in ALERTS}
    assert {rule["orgID"] for group in grafana.groups.values() for rule in group["rules"]} == {7}
    assert grafana.sources["plumbline-series"]["secureJsonData"] == {"basicAuthPassword": "t"}
    assert grafana.points["plumbline-site-mail"]["settings"]["addresses"] == "site@example.org"
    assert grafana.points["plumbline-operations-wecom"]["settings"]["url"] == "https://wecom.example/k"
    assert sum("new" in line for line in said) > len(boards)


def test_a_grafana_below_a_path_is_reached():
    with serving("/grafana") as server:
        _, links = pushed(server)
        assert f"{server.url}/d/plumbline-site-wall?kiosk&refresh=10s" in links


def test_a_second_push_changes_nothing(grafana):
    order = push.Order(influx=replace(INFLUX, token=""), contacts=Contacts.of({"PLUMBLINE_ALERT_MAIL": "site@example.org"}))
    pushed(grafana, order)
    grafana.writes.clear()
    said, _ = pushed(grafana, order)
    assert grafana.writes == []
    assert not any("new" in line or "changed" in line for line in said)


def test_secrets_that_nobody_can_compare_are_written_again_and_nothing_else(grafana):
    pushed(grafana)
    grafana.writes.clear()
    said, _ = pushed(grafana)
    assert grafana.writes == [
        "PUT /datasources/uid/plumbline-series",
        "PUT /v1/provisioning/contact-points/plumbline-operations-wecom",
    ]
    assert "datasource: as it was, its token written again" in said


def test_what_somebody_changed_is_brought_back(grafana):
    pushed(grafana)
    grafana.boards["plumbline-site-wall"]["dashboard"]["title"] = "Mine"
    group = next(iter(grafana.groups.values()))
    group["rules"][0]["isPaused"] = True
    group["rules"].append({"uid": "of-yesterday"})
    grafana.playlists["made0"]["interval"] = "5m"
    grafana.folders["plumbline"]["title"] = "Old"
    said, _ = pushed(grafana)
    assert grafana.boards["plumbline-site-wall"]["dashboard"]["title"] == "Site wall"
    assert grafana.boards["plumbline-site-wall"]["dashboard"]["version"] == 2
    assert "of-yesterday" not in str(grafana.groups)
    assert grafana.playlists["made0"]["interval"] == "1m"
    assert "folder Plumbline: changed" in said
    assert len(grafana.playlists) == 1


def test_of_the_notification_policies_only_our_branch_is_written(grafana):
    theirs = {"receiver": "grafana-default-email", "object_matchers": [["team", "=", "roads"]]}
    grafana.tree |= {"routes": [theirs], "repeat_interval": "1d"}
    pushed(grafana)
    pushed(grafana)
    assert grafana.tree["receiver"] == "grafana-default-email"
    assert grafana.tree["repeat_interval"] == "1d"
    assert [branch["object_matchers"][0][0] for branch in grafana.tree["routes"]] == ["product", "team"]


def test_without_contact_points_no_policy_is_touched(grafana):
    said, _ = pushed(grafana, push.Order(influx=INFLUX))
    assert "routes" not in grafana.tree
    assert grafana.points == {}
    assert any("none named" in line for line in said)


def test_boards_of_files_that_say_something_else_are_refused_before_anything_is_written(grafana):
    pushed(grafana)
    grafana.boards["plumbline-site-wall"]["meta"]["provisioned"] = True
    grafana.boards["plumbline-site-wall"]["dashboard"]["title"] = "Of a file"
    grafana.writes.clear()
    with pytest.raises(GrafanaError, match=r"reads Site wall from files.*dashboards build"):
        pushed(grafana)
    assert grafana.writes == []


def test_a_grafana_that_reads_the_same_from_files_still_gets_the_rest(grafana):
    pushed(grafana)
    for board in grafana.boards.values():
        board["meta"]["provisioned"] = True
    rules = grafana.folders.pop("plumbline-alerts")
    grafana.folders["drawn-by-grafana"] = rules | {"uid": "drawn-by-grafana"}
    grafana.groups.clear()
    grafana.playlists.clear()
    grafana.writes.clear()
    said, _ = pushed(grafana)
    assert "board Site wall: as it was, from a file of this Grafana" in said
    assert {folder for folder, _ in grafana.groups} == {"drawn-by-grafana"}
    assert grafana.playlists
    assert "POST /folders" not in grafana.writes


def test_a_datasource_of_a_file_is_left_as_it_is_and_a_missing_one_asked_for(grafana):
    with pytest.raises(GrafanaError, match="--influxdb"):
        pushed(grafana, push.Order())
    grafana.sources["plumbline-series"] = {"uid": "plumbline-series", "readOnly": True}
    said, _ = pushed(grafana)
    assert grafana.sources["plumbline-series"] == {"uid": "plumbline-series", "readOnly": True}
    assert any("left as it is" in line for line in said)
    said, _ = pushed(grafana, push.Order())
    assert "datasource: there already" in said


def test_the_read_only_account_is_made_once_and_its_key_is_for_its_owner_alone(grafana, tmp_path):
    key = tmp_path / "wall.key"
    order = replace(ALL, viewer_key=key)
    pushed(grafana, order)
    pushed(grafana, order)
    assert [account["role"] for account in grafana.accounts] == ["Viewer"]
    assert key.read_text() == "glsa_viewer_10\n"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.unlink()
    pushed(grafana, order)
    assert [token["name"] for token in grafana.tokens[10]] == ["plumbline-wall-1", "plumbline-wall-2"]
    grafana.accounts[0]["role"] = "Admin"
    with pytest.raises(GrafanaError, match="is Admin, not Viewer"):
        pushed(grafana, order)
    grafana.accounts[0]["role"] = "Viewer"
    with pytest.raises(PlumblineError, match="name another file"):
        pushed(grafana, replace(ALL, viewer_key=tmp_path / "no" / "where"))


@pytest.mark.parametrize(
    ("version", "taken"), [("9.4.17", False), ("8.5.0", False), ("9.5.0", True), ("", True), ("12.1.0-pre", True)]
)
def test_a_grafana_that_is_too_old_is_refused(grafana, version, taken):
    grafana.version = version
    if taken:
        pushed(grafana)
    else:
        with pytest.raises(GrafanaVersionError, match=rf"{version}.*9\.5"):
            pushed(grafana)
        assert grafana.writes == []


@pytest.mark.parametrize(("version", "poor"), [("10.1.9", False), ("10.2.0", True), ("10.2.2", True), ("10.2.3", False)])
def test_the_versions_that_show_no_data_are_warned_of(grafana, version, poor):
    grafana.version = version
    said, _ = pushed(grafana)
    assert any(line.startswith("warning") for line in said) == poor == shows_poorly(version)


def test_versions_are_read_as_numbers():
    assert numbers("10.2.3-pre") == (10, 2, 3)
    assert numbers("9.5") == (9, 5, 0)
    assert numbers("main") == ()


def test_a_wrong_token_and_a_weak_one_are_told_apart(grafana):
    with pytest.raises(GrafanaRefusedError, match=r"401.*role Admin"):
        pushed(grafana, token="glsa_wrong")
    grafana.forbidden = "/v1/provisioning"
    with pytest.raises(GrafanaRefusedError, match=r"may not do GET /api/v1/provisioning/contact-points \(403"):
        pushed(grafana)


def test_nobody_there_and_somebody_else_there_are_told_apart(grafana):
    with pytest.raises(GrafanaAwayError, match="no Grafana answers"):
        push.push(Grafana(f"http://127.0.0.1:{free_port()}", TOKEN), ALL, print)
    with pytest.raises(GrafanaAwayError, match="is no Grafana"):
        push.push(Grafana(f"{grafana.url}/elsewhere", TOKEN), ALL, print)


@pytest.fixture
def strange():
    """A web server that is no Grafana: it answers with a page, or leads elsewhere."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(302 if self.path.startswith("/moved") else 200)
            self.send_header("Location", "https://elsewhere.example/")
            self.send_header("Content-Type", "application/json" if "json" in self.path else "text/html")
            self.end_headers()
            self.wfile.write(b"<h1>Welcome</h1>" if "list" not in self.path else b"[]")

        def log_message(self, *_arguments):
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("path", "words"),
    [("", "something else"), ("/json", "something else"), ("/json/list", "something else"), ("/moved", "leads elsewhere")],
)
def test_a_page_that_is_no_answer_of_grafana_is_named(strange, path, words):
    with pytest.raises(GrafanaAwayError, match=words):
        push.push(Grafana(strange + path, TOKEN), ALL, print)


@pytest.mark.parametrize(
    "url", ["grafana.example", "ftp://grafana.example", "http://u:p@grafana.example", "http://[::1", "http://g:x"]
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(GrafanaError, match="is no address"):
        Grafana(url, TOKEN)


@pytest.mark.parametrize("turn", ["", "1", "0m", "1 m", "1m;"])
def test_what_is_no_time_for_a_board_is_refused(turn):
    with pytest.raises(PlumblineError, match="no time for each board"):
        push.Order(turn=turn)


def test_the_command_pushes_and_prints_the_links(grafana, monkeypatch, capsys):
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    monkeypatch.setenv("INFLUXDB_TOKEN", "secret")
    monkeypatch.setenv("PLUMBLINE_ALERT_DINGTALK", "https://dingtalk.example/robot")
    with pytest.raises(SystemExit) as ended:
        main(
            [
                "dashboards",
                "push",
                "--url",
                grafana.url,
                "--influxdb",
                "http://influxdb:8086",
                "--lang",
                "zh",
                "--timezone",
                "Europe/Berlin",
            ]
        )
    told = capsys.readouterr()
    assert ended.value.code == 0, told.err
    assert "/d/plumbline-site-wall?kiosk&refresh=10s" in told.out
    assert "secret" not in told.out + told.err
    assert json.dumps(grafana.mutes)
    assert grafana.points.keys() == {"plumbline-site-dingtalk", "plumbline-operations-dingtalk"}


def test_the_command_without_a_token_says_where_one_comes_from(grafana, capsys, monkeypatch):
    monkeypatch.delenv("GRAFANA_TOKEN", raising=False)
    with pytest.raises(SystemExit) as ended:
        main(["dashboards", "push", "--url", grafana.url])
    assert ended.value.code == 2
    assert "GRAFANA_TOKEN" in capsys.readouterr().err
