"""`plumbline influx setup`: on a real InfluxDB 1.6.7; for 2.x on a server of ours that answers as the documented API does."""

import json
import re
import stat
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from ingest.series import open_store
from plumbline.cli import main
from plumbline.series import Point, SeriesUnavailableError
from tests.servers import InfluxDb, Server, free_port, running


def lines_of(capsys) -> list[str]:
    return capsys.readouterr().out.splitlines()


class Two:
    """What an InfluxDB 2 knows: shapes after "InfluxDB OSS 2 API" (organisations, buckets, DBRP mappings, authorisations)."""

    token = "operator"

    def __init__(self) -> None:
        self.buckets: list[dict] = []
        self.mappings: list[dict] = []
        self.tokens: list[dict] = []
        self.calls: Counter[str] = Counter()
        self.numbers = iter(range(1, 1000))
        self.refuse: dict[tuple[str, str], int] = {}

    def id(self) -> str:
        return f"{next(self.numbers):016x}"

    def answer(self, method: str, path: str, asked: dict[str, str], body: dict) -> tuple[int, object]:
        self.calls[method] += 1
        if status := self.refuse.get((method, path)):
            return status, {"code": "forbidden", "message": "insufficient permissions for write"}
        kind, _, number = path.removeprefix("/api/v2/").partition("/")
        return getattr(self, f"{method.lower()}_{kind}")(asked, body, number)

    def get_orgs(self, asked, _body, _number):
        if asked.get("org") != "yard":
            return 404, {"code": "not found", "message": f'organization name "{asked.get("org")}" not found'}
        return 200, {"orgs": [{"id": "00000000000000aa", "name": "yard"}]}

    def get_buckets(self, asked, _body, _number):
        return 200, {"buckets": [one for one in self.buckets if one["name"] == asked["name"]]}

    def post_buckets(self, _asked, body, _number):
        self.buckets.append({"id": self.id(), "type": "user"} | body)
        return 201, self.buckets[-1]

    def patch_buckets(self, _asked, body, number):
        [bucket] = [one for one in self.buckets if one["id"] == number]
        bucket["retentionRules"] = body["retentionRules"]
        return 200, bucket

    def get_dbrps(self, asked, _body, _number):
        mapped = {mapping["bucketID"] for mapping in self.mappings}
        virtual = [
            {"id": one["id"], "orgID": one["orgID"], "bucketID": one["id"], "database": one["name"], "virtual": True}
            | {"retention_policy": "autogen", "default": True}
            for one in self.buckets
            if one["name"] == asked["db"] and one["id"] not in mapped
        ]
        return 200, {"content": [one for one in self.mappings if one["database"] == asked["db"]] + virtual}

    def post_dbrps(self, _asked, body, _number):
        self.mappings.append({"id": self.id(), "virtual": False} | body)
        return 201, self.mappings[-1]

    def get_authorizations(self, _asked, _body, _number):
        return 200, {"authorizations": [one | {"token": "redacted"} for one in self.tokens]}

    def post_authorizations(self, _asked, body, _number):
        self.tokens.append({"id": self.id(), "status": "active"} | body)
        return 201, self.tokens[-1] | {"token": f"secret-{self.tokens[-1]['id']}=="}

    def delete_authorizations(self, _asked, _body, number):
        self.tokens = [one for one in self.tokens if one["id"] != number]
        return 204, None


@pytest.fixture
def two():
    known = Two()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self):
            parts = urlsplit(self.path)
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if parts.path == "/ping":
                status, said = 204, None
            elif self.headers.get("Authorization") != f"Token {known.token}":
                status, said = 401, {"code": "unauthorized", "message": "unauthorized access"}
            else:
                asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
                status, said = known.answer(self.command, parts.path, asked, json.loads(text) if text else {})
            content = b"" if said is None else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("X-Influxdb-Version", "v2.7.11")
            self.send_header("Content-Type", "application/json; charset=utf-8")
            if status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - the library's names

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    known.url = f"http://127.0.0.1:{server.server_port}"
    yield known
    server.shutdown()
    thread.join()
    server.server_close()


def run(*arguments):
    """Run the command; its exit code."""
    with pytest.raises(SystemExit) as end:
        main(["influx", "setup", *arguments])
    return end.value.code


def setup(two, *more):
    return run("--url", two.url, "--org", "yard", "--admin-token", "operator", *more)


def test_a_second_influx_gets_a_bucket_a_mapping_and_two_tokens_of_least_rights(two, capsys):
    assert setup(two) == 0
    (bucket,) = two.buckets
    assert (bucket["name"], bucket["orgID"]) == ("plumbline", "00000000000000aa")
    (mapping,) = two.mappings
    assert (mapping["database"], mapping["bucketID"], mapping["default"]) == ("plumbline", bucket["id"], True)
    rights = {
        one["description"]: [(p["action"], p["resource"]["type"], p["resource"]["id"]) for p in one["permissions"]]
        for one in two.tokens
    }
    assert rights == {
        "plumbline ingest: plumbline": [("read", "buckets", bucket["id"]), ("write", "buckets", bucket["id"])],
        "plumbline grafana: plumbline": [("read", "buckets", bucket["id"])],
    }
    said = capsys.readouterr().out
    assert f"PLUMBLINE_SERIES=influx:http://plumbline:secret-{two.tokens[0]['id']}%3D%3D@" in said
    assert f"GRAFANA_INFLUX_PASSWORD=secret-{two.tokens[1]['id']}==" in said


def test_a_second_run_changes_nothing_and_shows_no_secret(two, capsys):
    assert setup(two) == 0
    capsys.readouterr()
    before = json.dumps([two.buckets, two.mappings, two.tokens])
    two.calls.clear()
    assert setup(two) == 0
    assert json.dumps([two.buckets, two.mappings, two.tokens]) == before
    assert set(two.calls) == {"GET"}
    said = capsys.readouterr().out
    assert "secret" not in said.replace("--new-secrets", "")
    assert said.count("is there") == 4


def test_new_secrets_end_the_old_ones_and_a_new_limit_is_set(two, tmp_path, capsys):
    assert setup(two, "--keep-days", "30") == 0
    old = [one["id"] for one in two.tokens]
    assert setup(two, "--keep-days", "0", "--new-secrets", "--secrets", str(tmp_path / "influx.env")) == 0
    assert not set(old) & {one["id"] for one in two.tokens}
    assert len(two.tokens) == 2
    assert two.buckets[0]["retentionRules"][0]["everySeconds"] == 0
    file = tmp_path / "influx.env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().count("secret-") == 2
    assert "it kept 30 days and keeps for ever now" in capsys.readouterr().out


def test_a_token_of_a_bucket_that_is_gone_is_no_token(two):
    assert setup(two) == 0
    two.buckets.clear()
    two.mappings.clear()
    assert setup(two) == 0
    assert len(two.tokens) == 2
    assert {p["resource"]["id"] for one in two.tokens for p in one["permissions"]} == {two.buckets[0]["id"]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--admin-token", "wrong"], "401.*unauthorized access.*--admin-token"),
        (["--org", "other"], "404.*organization.*--org"),
        (["--url", "ftp://x"], "is not http"),
        (["--url", "http://u:secret@h:1"], "http://h:1"),
        (["--database", "a/b"], "without '/'"),
        (["--version", "3"], "influxdb3 create database"),
    ],
)
def test_what_cannot_be_set_up_is_said_with_the_remedy(two, capsys, arguments, said):
    assert setup(two, *arguments) == 2
    error = capsys.readouterr().err
    assert re.search(said, " ".join(error.split()))
    assert "Traceback" not in error
    assert "secret@" not in error


def test_a_mapping_to_another_bucket_and_a_lack_of_rights_are_said(two, capsys):
    two.mappings.append(
        {"id": "0" * 15 + "9", "database": "plumbline", "retention_policy": "autogen", "default": True, "bucketID": "f" * 16}
        | {"orgID": "00000000000000aa", "virtual": False}
    )
    assert setup(two) == 2
    assert "mapped to another bucket" in " ".join(capsys.readouterr().err.split())
    two.mappings.clear()
    two.refuse["POST", "/api/v2/authorizations"] = 403
    assert setup(two) == 2
    assert "operator" in capsys.readouterr().err


def test_no_secret_is_made_where_it_cannot_be_kept(two, tmp_path, capsys):
    taken = tmp_path / "there"
    taken.write_text("mine")
    assert setup(two, "--secrets", str(taken)) == 2
    assert taken.read_text() == "mine"
    assert two.tokens == []
    two.refuse["POST", "/api/v2/buckets"] = 403
    assert setup(two, "--secrets", str(tmp_path / "new")) == 2
    assert not (tmp_path / "new").exists()


def test_without_the_client_of_2_people_are_told_what_to_install(two, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "influxdb_client", None)
    for name in ("influxdb_client.client.influxdb_client", "ingest.influx_setup.second"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.delattr("ingest.influx_setup.second", raising=False)
    assert setup(two) == 2
    assert "plumbline-site[influx2]" in " ".join(capsys.readouterr().err.split())


def test_nobody_there_is_said(capsys):
    assert run("--url", f"http://127.0.0.1:{free_port()}") == 2
    assert "cannot be reached" in capsys.readouterr().err


def test_a_first_influx_without_users_gets_its_database_and_limit(influxdb, unique_name, capsys):
    name = unique_name("setup")
    for days in ("90", "0"):
        assert run("--url", influxdb.url, "--database", name, "--keep-days", days) == 0
    said = lines_of(capsys)
    assert said[0] == f"database '{name}' was made"
    assert "keeps 90 days" in said[1]
    assert said[3] == f"database '{name}' is there"
    (policy,) = influxdb.query(f'SHOW RETENTION POLICIES ON "{name}"')
    assert policy["duration"] == "0s"


class WithUsers(InfluxDb):
    """An InfluxDB that asks who one is."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        settings = folder / "influxdb.conf"
        settings.write_text(settings.read_text().replace("[http]\n", "[http]\nauth-enabled = true\n"))

    def start(self) -> None:
        Server.start(self)
        question = "CREATE USER root WITH PASSWORD 'root' WITH ALL PRIVILEGES"
        assert "error" not in httpx.post(f"{self.url}/query", data={"q": question}, trust_env=False).text


def rights(url: str, user: str, password: str) -> tuple[bool, int]:
    """Whether a user sees points, and what becomes of one that it writes."""
    with httpx.Client(base_url=url, auth=(user, password), trust_env=False) as client:
        found = client.post("/query", params={"db": "yard"}, data={"q": "SELECT t FROM environment"})
        return "series" in found.json()["results"][0], client.post("/write", params={"db": "yard"}, content="x v=1").status_code


async def test_a_first_influx_with_users_gives_ingest_and_grafana_what_they_need_and_no_more(tmp_path, capsys):
    with running(WithUsers(tmp_path / "influx")) as server:
        common = ["--url", server.url, "--database", "yard"]
        assert run(*common, "--admin", "root:wrong") == 2
        assert "authorization failed" in capsys.readouterr().err
        assert run(*common, "--admin", "root:root") == 0
        said = lines_of(capsys)
        [url] = [line.partition("=")[2] for line in said if line.startswith("PLUMBLINE_SERIES=")]
        values = dict(line.split("=", 1) for line in said if "=" in line)
        store = await open_store(url)
        assert await store.write([Point("environment", {"site": "s", "device": "d"}, {"t": 1.0}, 5)]) == []
        await store.forget("environment", 3)
        assert await store.earliest("s", "environment") == 5
        await store.aclose()
        assert rights(server.url, values["GRAFANA_INFLUX_USER"], values["GRAFANA_INFLUX_PASSWORD"]) == (True, 403)
        assert run(*common, "--admin", "root:root", "--new-secrets") == 0
        store = await open_store(url)
        with pytest.raises(SeriesUnavailableError, match="401"):
            await store.earliest("s", "environment")
        await store.aclose()
