"""`plumbline tracking`: processes of their own on real files."""

import json
import os
import signal
import sqlite3
import subprocess
from pathlib import Path

import httpx
import pytest

from tests import tracking_site as site
from tests.servers import free_port, plumbline, wait_until

SITE_FILE = """
id = "harbour"
title_en = "Harbour"
title_zh = "港口"
timezone = "Asia/Shanghai"
lat = 31.2
lon = 121.5
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites" / "harbour.toml").write_text(SITE_FILE)
    return os.environ | {
        "PLUMBLINE_DATABASE": f"sqlite:///{tmp_path}/plumbline.db",
        "PLUMBLINE_SERIES": f"embedded:{tmp_path}/series.duckdb",
        "PLUMBLINE_SITES": str(tmp_path / "sites"),
    }


def order_file(folder: Path, name: str, **changes) -> str:
    (folder / name).write_text(json.dumps(site.order(**changes)))
    return str(folder / name)


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = plumbline("tracking", *arguments)
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)


def test_orders_are_imported_once_and_changes_are_told(environment, tmp_path):
    first, second = order_file(tmp_path, "a.json"), order_file(tmp_path, "b.json", number="PO-2")
    done = run(environment, "import", first, second)
    assert [line.split() for line in done.stdout.splitlines()] == [["added", "PO-1", first], ["added", "PO-2", second]]
    order_file(tmp_path, "b.json", number="PO-2", customer="Another")
    done = run(environment, "import", first, second)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["unchanged", "changed"]


def test_one_refused_order_refuses_them_all_with_file_path_and_reason(environment, tmp_path):
    good, bad = order_file(tmp_path, "a.json"), order_file(tmp_path, "b.json", number="PO-2", site="elsewhere")
    done = run(environment, "import", good, bad)
    assert done.returncode == 2
    assert f"{bad}: order PO-2: site: 'elsewhere' is not known; use harbour" in done.stderr
    assert run(environment, "import", good).stdout.split()[0] == "added"


def test_a_rebuild_says_that_live_equals_it_or_what_differs_and_adopts(environment, tmp_path):
    run(environment, "import", order_file(tmp_path, "a.json"))
    done = run(environment, "rebuild", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["equal"], found["entries"]) == (0, True, 1)
    with sqlite3.connect(tmp_path / "plumbline.db") as database:
        database.execute("UPDATE material_line SET arrived = 1 WHERE id = 'PO-1~10'")
    done = run(environment, "rebuild")
    assert done.returncode == 1
    assert "material_line PO-1~10: is" in done.stdout
    assert "--adopt" in done.stdout
    assert "is in place" in run(environment, "rebuild", "--adopt").stdout
    assert run(environment, "rebuild").returncode == 0


def test_a_rebuild_is_never_adopted_without_the_sites_and_never_made_of_nothing(environment, tmp_path):
    run(environment, "import", order_file(tmp_path, "a.json"))
    siteless = {name: value for name, value in environment.items() if name != "PLUMBLINE_SITES"}
    done = run(siteless, "rebuild", "--adopt")
    assert done.returncode == 2
    assert "the file of site harbour is not known" in done.stderr
    assert "--sites" in done.stderr
    done = run(environment | {"PLUMBLINE_DATABASE": f"sqlite:///{tmp_path}/nothing.db"}, "rebuild")
    assert done.returncode == 2
    assert "nothing.db: there is no such database" in done.stderr
    assert not (tmp_path / "nothing.db").exists()


def test_the_service_runs_serves_follows_its_site_files_and_ends_on_sigterm(environment):
    port = free_port()
    command = plumbline("tracking", "run", "--port", str(port))
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    url = f"http://127.0.0.1:{port}"

    def serves() -> bool:
        try:
            return httpx.get(f"{url}/ready", trust_env=False).status_code == 200
        except httpx.TransportError:
            assert process.poll() is None
            return False

    def sites() -> list[str]:
        return [one["id"] for one in httpx.get(f"{url}/api/sites", trust_env=False).json()]

    try:
        wait_until(serves, "the tracking service")
        folder = Path(environment["PLUMBLINE_SITES"])
        (folder / "airport.toml").write_text(SITE_FILE.replace("harbour", "airport"))
        wait_until(lambda: sites() == ["airport", "harbour"], "the site that was added")
        with httpx.stream("GET", f"{url}/api/stream", trust_env=False) as response:
            lines = response.iter_lines()
            assert next(lines) == "event: snapshot"
            process.send_signal(signal.SIGTERM)
            list(lines)  # the stream ends in good order
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait(10)


def test_a_taken_port_is_said_in_one_line(environment):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run(environment, "run", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "cannot listen on 127.0.0.1" in done.stderr
